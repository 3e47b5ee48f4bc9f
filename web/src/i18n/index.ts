import { createI18n } from 'vue-i18n'

export type Locale = 'zh-CN' | 'en'
type Tree = { [key: string]: string | Tree }

const KEY = 'fengsui.locale'

export function savedLocale(): Locale {
  return localStorage.getItem(KEY) === 'en' ? 'en' : 'zh-CN'
}

/** Build the translator from both catalogues; the choice is kept on this machine. */
export function makeI18n(messages: { 'zh-CN': Tree; en: Tree }) {
  const locale = savedLocale()
  document.documentElement.lang = locale
  return createI18n({ legacy: false, locale, fallbackLocale: 'zh-CN', messages, missingWarn: false, fallbackWarn: false })
}

export function keepLocale(locale: Locale): void {
  localStorage.setItem(KEY, locale)
  document.documentElement.lang = locale
}

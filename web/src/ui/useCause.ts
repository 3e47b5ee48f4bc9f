import { useI18n } from 'vue-i18n'

const OURS: Record<string, string> = { 'not sent in time': 'late', refused: 'refused', expired: 'expired', 'begun anew through another SIM': 'anew' }

/** Why a text did not arrive, in the reader's language; what no catalogue knows is said as the server sent it. */
export function useCause() {
  const { t, te, getLocaleMessage } = useI18n()
  const chinese = (getLocaleMessage('zh-CN') as { smsCause?: Record<string, string> }).smsCause ?? {}
  return (cause: string): string => {
    const code = codeOf(cause, chinese)
    return code && te(`smsCause.${code}`) ? t(`smsCause.${code}`) : cause
  }
}

/** The catalogue's code of a stored cause: `+CMS ERROR: 38`, a delivery report in words, or a sentence of ours. */
export function codeOf(cause: string, chinese: Record<string, string>): string {
  const refusal = /^\+(CMS|CME) ERROR: ?(\d+)$/.exec(cause)
  if (refusal) return `${refusal[1]!.toLowerCase()}_${refusal[2]}`
  if (cause.startsWith('blocked:')) return 'blocked'
  return OURS[cause] ?? Object.keys(chinese).find((code) => code.startsWith('report_') && chinese[code] === cause) ?? ''
}

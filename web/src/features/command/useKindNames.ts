import { useI18n } from 'vue-i18n'

const CATEGORIES: Record<string, string> = { 11: 'natural', 91: 'natural', 92: 'accident', 93: 'health', 94: 'security' }

/** Kinds of incident and their categories in the reader's language, by code; the server's own words for a code the catalogue does not know. */
export function useKindNames() {
  const { t, te } = useI18n()
  const say = (key: string, otherwise: string): string => (te(key) ? t(key) : otherwise)
  return {
    kindName: (kind: { code: string; name: string }): string => say(`incidentKind.${kind.code}`, kind.name),
    categoryName: (kind: { code: string; category: string }): string => say(`incidentCategory.${CATEGORIES[kind.code.slice(0, 2)] ?? ''}`, kind.category),
  }
}

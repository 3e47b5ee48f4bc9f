import type { SearchableKind } from '@/protocol/api/register'

/** The kinds whose name, category or keywords hold every word of `sought`; all of them for none. */
export function kindsFor(kinds: readonly SearchableKind[], sought: string): SearchableKind[] {
  const words = sought.trim().split(/\s+/).filter(Boolean)
  return kinds.filter((kind) => words.every((word) => [kind.name, kind.category, ...kind.keywords].some((known) => known.includes(word) || saysMore(word, known))))
}

/** 「氯气泄漏」 says more than the keyword 「泄漏」; one sign alone is no hint. */
const saysMore = (word: string, known: string): boolean => known.length > 1 && word.includes(known)

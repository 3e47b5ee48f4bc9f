import type { SearchableKind } from '@/protocol/api/register'

/** The kinds whose name, category or keywords hold every word of `sought`; all of them for none. */
export function kindsFor(kinds: readonly SearchableKind[], sought: string): SearchableKind[] {
  const words = sought.trim().toLowerCase().split(/\s+/).filter(Boolean)
  return kinds.filter((kind) => words.every((word) => [kind.name, kind.category, ...kind.keywords].some((known) => known.toLowerCase().includes(word) || saysMore(word, known))))
}

/** 「氯气泄漏」 says more than the keyword 「泄漏」; one sign alone is no hint. */
const saysMore = (word: string, known: string): boolean => known.length > 1 && word.includes(known)

/** command/hazard.py KINDS. */
export const HAZARD_KINDS = [
  'major_hazard', 'geohazard_point', 'reservoir', 'river_gauge', 'tailings_pond', 'fireworks', 'forest_area', 'crowded_place', 'road_bridge', 'gas_facility', 'mine',
  'waterlogging_point', 'drinking_water_source',
] as const

/** The rows that name a substance, as the server takes them; an empty row is no substance. */
export function holdingsOf(rows: readonly { substance: string; amount: number | ''; symbol: string }[]): { substance: string; amount_t: number; symbol: string }[] {
  return rows.filter((one) => one.substance || one.amount !== '').map((one) => ({ substance: one.substance, amount_t: Number(one.amount), symbol: one.symbol }))
}

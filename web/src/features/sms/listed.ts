import type { Listed } from '@/protocol/api/smsDraft'

/** Each number once; a later line for the same number adds what the first one did not say. Pure. */
export function withoutDoubles(items: readonly Listed[]): Listed[] {
  const found = new Map<string, Listed>()
  for (const one of items) {
    const first = found.get(one.number)
    found.set(one.number, first ? { number: one.number, name: first.name || one.name, values: { ...one.values, ...first.values } } : one)
  }
  return [...found.values()]
}

/** Typed numbers, however they are parted. Pure. */
export const typedNumbers = (text: string): string[] => text.split(/[\s,;，；、]+/).filter(Boolean)

/** Variables the directory answers, in Chinese and English (sms/audience.py): name, unit, title. Data, not words of the page. */
export const KNOWN_VARIABLES: ReadonlySet<string> = new Set(['\u59d3\u540d', 'name', '\u5355\u4f4d', 'unit', '\u804c\u52a1', 'title'])

/** The variables of a text that need one value for everybody: neither the directory nor the list has them. Pure. */
export function sharedVariables(variables: readonly string[], listed: readonly Listed[]): string[] {
  return variables.filter((name) => !KNOWN_VARIABLES.has(name) && !(listed.length > 0 && listed.every((one) => name in one.values)))
}

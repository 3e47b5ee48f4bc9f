import { WireError } from '@/protocol/errors'

/** The one with this id in a list read anew; whoever is no longer there has been removed meanwhile. */
export function found<T extends { id: string }>(items: readonly T[], id: string): T {
  const one = items.find((other) => other.id === id)
  if (!one) throw new WireError('not_found', id)
  return one
}

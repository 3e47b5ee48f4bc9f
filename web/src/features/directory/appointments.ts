/** Posts of a unit and their holders, in the order in which they are called. Pure. */
export interface Holder {
  id: string
  name: string
  about: string
}

export interface PostRow {
  post: string
  name: string
  holders: Holder[]
}

const sequence = (row: PostRow): string => row.holders.map((one) => one.id).join(' ')

/** The posts whose holders, or their order, are no longer the same. */
export function changedPosts(before: readonly PostRow[], now: readonly PostRow[]): PostRow[] {
  const known = new Map(before.map((row) => [row.post, sequence(row)]))
  return now.filter((row) => known.get(row.post) !== sequence(row))
}

/** The holders with the one at `index` called one place earlier. */
export function movedUp(holders: readonly Holder[], index: number): Holder[] {
  const next = [...holders]
  const [one] = next.splice(index, 1)
  if (one) next.splice(Math.max(0, index - 1), 0, one)
  return next
}

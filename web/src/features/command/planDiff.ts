/** What differs between two versions of a plan, part by part. Pure. */
export interface PlanChange {
  path: string
  before: string | null
  after: string | null
}

const UNSAID = new Set(['id', 'version'])

/** Changed, added (`before` null) and removed (`after` null) values, in the order of the newer text. */
export function planDiff(before: unknown, after: unknown): PlanChange[] {
  const [old, now] = [leaves(before), leaves(after)]
  const changes: PlanChange[] = []
  for (const [path, value] of now) if (old.get(path) !== value) changes.push({ path, before: old.get(path) ?? null, after: value })
  for (const [path, value] of old) if (!now.has(path)) changes.push({ path, before: value, after: null })
  return changes
}

function leaves(value: unknown, path = '', found = new Map<string, string>()): Map<string, string> {
  if (value === null || typeof value !== 'object') {
    if (path) found.set(path, value === null || value === undefined ? '' : String(value))
    return found
  }
  if (Array.isArray(value)) {
    const isFlat = value.every((one) => one === null || typeof one !== 'object')
    if (isFlat) return found.set(path, value.join('、'))
    value.forEach((one, index) => leaves(one, `${path}.${nameOf(one) ?? index}`, found))
    return found
  }
  for (const [name, inner] of Object.entries(value)) if (path || !UNSAID.has(name)) leaves(inner, path ? `${path}.${name}` : name, found)
  return found
}

/** What an item of a list is called, so that one more at the beginning does not change all that follow. */
function nameOf(one: unknown): string | null {
  const { id, key, level, kind } = one as Record<string, unknown>
  const name = id ?? key ?? level ?? kind
  return name === undefined || name === null ? null : String(name)
}

/** Which numbers are asked for first, by kind of incident (codes of GB/T 35561, command/figures.py). Pure. */
export const PEOPLE = ['deaths', 'missing', 'serious_injuries', 'minor_injuries', 'trapped', 'evacuated'] as const

const BY_PREFIX: readonly [string, readonly string[]][] = [
  ['11A', ['people_to_relocate', 'rain_3h_mm', 'rain_6h_mm', 'rain_12h_mm', 'stage_above_warning_m', 'stage_above_guarantee_m', 'dam_is_breaking']],
  ['11B', ['people_to_relocate', 'rain_3h_mm', 'rain_6h_mm', 'rain_12h_mm']],
  ['11C', ['people_to_relocate', 'potential_loss']],
  ['11D', ['people_to_relocate', 'potential_loss']],
  ['11E', ['magnitude_populated_area']],
  ['11G', ['burned_forest_area', 'open_fire_hours']],
  ['92', ['leak_is_small', 'people_to_relocate']],
]

/** Yes-or-no figures are 0 and 1 on the wire. */
export const FLAGS: ReadonlySet<string> = new Set(['leak_is_small', 'dam_is_breaking'])

export function figuresFor(kindCode: string): string[] {
  const special = BY_PREFIX.find(([prefix]) => kindCode.startsWith(prefix))?.[1] ?? []
  return [...PEOPLE, ...special, 'direct_loss']
}

/** What was filled in; an empty field is "not known", which is not zero. */
export function filled(raw: Record<string, string | number | boolean>): Record<string, number> {
  const figures: Record<string, number> = {}
  for (const [key, value] of Object.entries(raw)) {
    if (value === '' || value === false || value === null) continue
    const number = value === true ? 1 : Number(value)
    if (Number.isFinite(number)) figures[key] = number
  }
  return figures
}

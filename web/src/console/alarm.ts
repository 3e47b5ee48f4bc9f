/**
 * The desk's alarm: what asks for a person, until a person says "seen". Pure.
 *
 * A matter is one fact (`incident:1:reported`); once acknowledged it is quiet for good, a new fact rings again.
 */
export const MUTE_MS = 60_000

export interface AlarmState {
  acknowledged: ReadonlySet<string>
  mutedUntil: number
}

export const QUIET: AlarmState = { acknowledged: new Set(), mutedUntil: 0 }

interface Watched {
  id: string
  state: string
  unreached: number
}

/** What there is to be alarmed about now: reports nobody has dealt with, roles nobody answers for. */
export function mattersOf(incidents: readonly Watched[]): string[] {
  return incidents.filter((one) => one.state !== 'closed').flatMap((one) => [
    ...(one.state === 'reported' ? [`${one.id}:reported`] : []),
    ...(one.unreached > 0 ? [`${one.id}:unreached:${one.unreached}`] : []),
  ])
}

export const pending = (matters: readonly string[], state: AlarmState): string[] => matters.filter((one) => !state.acknowledged.has(one))
export const rings = (matters: readonly string[], state: AlarmState, now: number): boolean => now >= state.mutedUntil && pending(matters, state).length > 0
export const acknowledged = (matters: readonly string[], state: AlarmState): AlarmState => ({ ...state, acknowledged: new Set([...state.acknowledged, ...matters]) })
/** Never longer than a minute: a muted alarm comes back by itself. */
export const muted = (state: AlarmState, now: number): AlarmState => ({ ...state, mutedUntil: now + MUTE_MS })

/** Plain words for what getUserMedia says. Pure: a name in, a catalogue key out. */
export type DeviceFailure =
  | 'insecure' | 'denied' | 'blocked_by_system' | 'busy' | 'missing' | 'unsatisfiable' | 'dismissed' | 'unknown'

export function failureOf(error: unknown, isSecureContext: boolean): DeviceFailure {
  if (!isSecureContext) return 'insecure'
  const { name = '', message = '' } = (error ?? {}) as { name?: string; message?: string }
  switch (name) {
    case 'NotAllowedError':
    case 'PermissionDeniedError':
      if (/system/i.test(message)) return 'blocked_by_system'
      return /dismiss/i.test(message) ? 'dismissed' : 'denied'
    case 'NotReadableError':
    case 'TrackStartError':
    case 'AbortError':
      return 'busy'
    case 'NotFoundError':
    case 'DevicesNotFoundError':
      return 'missing'
    case 'OverconstrainedError':
      return 'unsatisfiable'
    case 'SecurityError':
    case 'TypeError':
      return 'insecure'
    default:
      return 'unknown'
  }
}

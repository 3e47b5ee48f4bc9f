import type { RecipientState } from '@/protocol/api/sms'

export type Tone = 'ok' | 'warn' | 'bad' | 'info' | ''

/** `unknown` is a state of its own and never shown as delivered. */
export const STATE_TONE: Record<RecipientState, Tone> = {
  queued: '', sending: 'info', sent: 'info', delivered: 'ok', unknown: 'warn', failed: 'bad', expired: 'bad', cancelled: '',
}

/** What a person looks at: a state, or several that belong together; the server filters. */
export type BoardFilter = RecipientState | 'went_out' | 'lost' | 'waiting' | 'answered' | 'silent' | 'all'

const MODEM_TONE: Record<string, Tone> = { ready: 'ok', starting: 'warn', offline: 'warn', quarantined: 'bad', faulted: 'bad', stopped: '' }

export const modemTone = (state: string): Tone => MODEM_TONE[state] ?? 'warn'

/** Bars 0..4 for a received signal strength; 3GPP TS 27.007 §8.5 maps −113…−51 dBm. */
export function bars(rssiDbm: number | null): number {
  if (rssiDbm === null) return 0
  return [-105, -95, -85, -73].filter((limit) => rssiDbm >= limit).length
}

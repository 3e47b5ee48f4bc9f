import type { MessageRecipient, RecipientState } from '@/protocol/api/sms'

export type Tone = 'ok' | 'warn' | 'bad' | 'info' | ''

/** `unknown` is a state of its own and never shown as delivered. */
export const STATE_TONE: Record<RecipientState, Tone> = {
  queued: '', sending: 'info', sent: 'info', delivered: 'ok', unknown: 'warn', failed: 'bad', expired: 'bad', cancelled: '',
}

export const STATES = Object.keys(STATE_TONE) as RecipientState[]

export type BoardFilter = RecipientState | 'answered' | 'silent' | 'all'

export function filtered(rows: readonly MessageRecipient[], filter: BoardFilter): MessageRecipient[] {
  if (filter === 'all') return [...rows]
  if (filter === 'answered') return rows.filter((row) => row.answered_at !== null)
  if (filter === 'silent') return rows.filter((row) => row.answered_at === null)
  return rows.filter((row) => row.state === filter)
}

export function countsOf(rows: readonly MessageRecipient[]): Record<BoardFilter, number> {
  const counts = { all: rows.length, answered: 0, silent: 0 } as Record<BoardFilter, number>
  for (const state of STATES) counts[state] = 0
  for (const row of rows) {
    counts[row.state] += 1
    counts[row.answered_at === null ? 'silent' : 'answered'] += 1
  }
  return counts
}

const MODEM_TONE: Record<string, Tone> = { ready: 'ok', starting: 'warn', offline: 'warn', quarantined: 'bad', faulted: 'bad', stopped: '' }

export const modemTone = (state: string): Tone => MODEM_TONE[state] ?? 'warn'

/** Bars 0..4 for a received signal strength; 3GPP TS 27.007 §8.5 maps −113…−51 dBm. */
export function bars(rssiDbm: number | null): number {
  if (rssiDbm === null) return 0
  return [-105, -95, -85, -73].filter((limit) => rssiDbm >= limit).length
}

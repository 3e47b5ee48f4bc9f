import type { Message, MessageRecipient } from '@/protocol/api/sms'
import type { Change } from '@/protocol/feed'
import type { BoardFilter } from './delivery'

export type Counts = Message['counts']

interface Delta {
  recipient_id: string
  state: MessageRecipient['state']
  cause: string | null
  modem: string | null
  sent_at: string | null
  reported_at: string | null
}

/** The rows shown, with what a change says about them. Rows it does not name stay the same objects. Pure. */
export function withChange(rows: readonly MessageRecipient[], change: Pick<Change, 'kind' | 'data' | 'at'>): readonly MessageRecipient[] {
  if (change.kind === 'recipients.changed') {
    const deltas = new Map((change.data as { items: Delta[] }).items.map((one) => [one.recipient_id, one]))
    if (!rows.some((row) => deltas.has(row.id))) return rows
    return rows.map((row) => {
      const delta = deltas.get(row.id)
      return delta ? { ...row, state: delta.state, cause: delta.cause, modem: delta.modem, sent_at: delta.sent_at, reported_at: delta.reported_at } : row
    })
  }
  if (change.kind === 'recipient.answered') {
    const { recipient_id, choice, text } = change.data as { recipient_id: string; choice: string | null; text: string }
    if (!rows.some((row) => row.id === recipient_id)) return rows
    return rows.map((row) => (row.id === recipient_id ? { ...row, answer: text, choice, answered_at: change.at } : row))
  }
  return rows
}

/** The counts a change brings, or those there were. Pure. */
export function countsAfter(counts: Counts, change: Pick<Change, 'kind' | 'data'>): Counts {
  return change.kind === 'recipients.changed' ? ((change.data as { counts?: Counts }).counts ?? counts) : counts
}

export interface Step {
  filter: BoardFilter
  n: number
  /** Of those in the step before who have not come this far. */
  dropped: number
}

/** Accepted → sent → delivered → answered (where an answer is asked), each with the drop-off before it. Pure. */
export function funnel(counts: Counts, total: number, asksAnswer: boolean): Step[] {
  const n = (name: string): number => counts[name] ?? 0
  const reached = [total, n('sent') + n('delivered'), n('delivered'), ...(asksAnswer ? [n('answered')] : [])]
  const filters: BoardFilter[] = ['all', 'went_out', 'delivered', 'answered']
  return reached.map((count, index) => ({ filter: filters[index]!, n: count, dropped: index === 0 ? 0 : Math.max(0, reached[index - 1]! - count) }))
}

/** What stands beside the funnel: under way, unknown, lost, withdrawn, silent; only what there is. Pure. */
export function beside(counts: Counts, total: number, asksAnswer: boolean): { filter: BoardFilter; n: number }[] {
  const n = (name: string): number => counts[name] ?? 0
  const all: { filter: BoardFilter; n: number }[] = [
    { filter: 'waiting', n: n('queued') + n('sending') }, { filter: 'unknown', n: n('unknown') }, { filter: 'lost', n: n('failed') + n('expired') }, { filter: 'cancelled', n: n('cancelled') },
    { filter: 'silent', n: asksAnswer ? total - n('answered') - n('cancelled') : 0 },
  ]
  return all.filter((one) => one.n > 0)
}

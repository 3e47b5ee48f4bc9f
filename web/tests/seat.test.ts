import { describe, expect, it } from 'vitest'
import { FRESH_SEAT, move, rejoinDelayMs, type Seat, type SeatEvent } from '@/features/meeting/seat'

const after = (...events: SeatEvent[]): Seat => events.reduce(move, FRESH_SEAT)

describe('the seat', () => {
  it('is taken when admitted', () => {
    expect(after({ kind: 'join' }, { kind: 'admitted' }).phase).toBe('seated')
  })

  it('is kept over a broken line and retried with growing waits', () => {
    const lost = after({ kind: 'join' }, { kind: 'admitted' }, { kind: 'link_lost' })
    expect(lost.phase).toBe('lost')
    const twice = [{ kind: 'refused', code: 'timeout' }, { kind: 'refused', code: 'unreachable' }] as const
    const still = twice.reduce<Seat>((seat, event) => move(seat, event), lost)
    expect(still).toMatchObject({ phase: 'lost', attempts: 2 })
    expect([0, 1, 2, 3, 4, 9].map(rejoinDelayMs)).toEqual([0, 1000, 2000, 4000, 5000, 5000])
    expect(move(still, { kind: 'admitted' })).toEqual({ phase: 'seated', cause: null, attempts: 0 })
  })

  it('is given up when coming back is refused for good', () => {
    const seat = after({ kind: 'join' }, { kind: 'admitted' }, { kind: 'link_lost' }, { kind: 'refused', code: 'removed' })
    expect(seat).toMatchObject({ phase: 'refused', cause: 'removed' })
  })

  it('shows why a first attempt failed and may be tried again', () => {
    const seat = after({ kind: 'join' }, { kind: 'refused', code: 'wrong_pin' })
    expect(seat).toMatchObject({ phase: 'refused', cause: 'wrong_pin' })
    expect(move(seat, { kind: 'join' }).phase).toBe('joining')
  })

  it('tells the end of the meeting from a removal', () => {
    const seated = after({ kind: 'join' }, { kind: 'admitted' })
    expect(move(seated, { kind: 'removed', reason: 'ended' }).phase).toBe('ended')
    expect(move(seated, { kind: 'removed', reason: 'over' }).phase).toBe('ended')
    expect(move(seated, { kind: 'removed', reason: 'removed' }).phase).toBe('removed')
    expect(move(seated, { kind: 'removed', reason: 'taken_over' })).toMatchObject({ phase: 'removed', cause: 'taken_over' })
  })

  it.each(['leave', 'removed'] as const)('does not come back by itself after %s', (kind) => {
    const over = move(after({ kind: 'join' }, { kind: 'admitted' }), kind === 'leave' ? { kind } : { kind, reason: 'removed' })
    expect(move(over, { kind: 'link_lost' }).phase).toBe(over.phase)
    expect(move(over, { kind: 'admitted' }).phase).toBe(over.phase)
  })

  it('is not lost before it was taken', () => {
    expect(move(FRESH_SEAT, { kind: 'link_lost' })).toEqual(FRESH_SEAT)
  })
})

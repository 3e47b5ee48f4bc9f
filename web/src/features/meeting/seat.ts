/**
 * The seat: from the first page to leaving, as a table of allowed moves (pure).
 *
 * `lost` keeps the seat: the resume secret lives in sessionStorage and the same participant comes back.
 */
export type SeatPhase = 'preparing' | 'joining' | 'seated' | 'lost' | 'left' | 'removed' | 'ended' | 'refused'

export type SeatEvent =
  | { kind: 'join' }
  | { kind: 'admitted' }
  | { kind: 'refused'; code: string }
  | { kind: 'link_lost' }
  | { kind: 'leave' }
  | { kind: 'removed'; reason: string }
  | { kind: 'prepare' }

export interface Seat {
  phase: SeatPhase
  /** Error code or reason the last phase carries. */
  cause: string | null
  /** Failed attempts since we were last seated; sets the wait before the next. */
  attempts: number
}

export const FRESH_SEAT: Seat = { phase: 'preparing', cause: null, attempts: 0 }

/** Refusals that a second try cannot mend: the person must do something. */
const FINAL_REFUSALS = new Set([
  'not_allowed', 'not_found', 'not_signed_in', 'invalid_input', 'conflict', 'link_unknown', 'link_locked', 'too_early', 'meeting_over',
  'room_locked', 'removed', 'seat_taken', 'wrong_pin', 'elsewhere', 'origin', 'password_change_needed',
])

export const isFinalRefusal = (code: string): boolean => FINAL_REFUSALS.has(code)

export function move(seat: Seat, event: SeatEvent): Seat {
  switch (event.kind) {
    case 'join':
      return { ...seat, phase: seat.phase === 'lost' ? 'lost' : 'joining', cause: null }
    case 'admitted':
      return isOver(seat) ? seat : { phase: 'seated', cause: null, attempts: 0 }
    case 'refused':
      return refused(seat, event.code)
    case 'link_lost':
      return seat.phase === 'seated' ? { ...seat, phase: 'lost', cause: null } : seat
    case 'leave':
      return { phase: 'left', cause: null, attempts: 0 }
    case 'removed':
      return { phase: ['ended', 'over'].includes(event.reason) ? 'ended' : 'removed', cause: event.reason, attempts: 0 }
    case 'prepare':
      return FRESH_SEAT
  }
}

function refused(seat: Seat, code: string): Seat {
  const attempts = seat.attempts + 1
  if (isOver(seat)) return seat
  if (seat.phase === 'lost' && !isFinalRefusal(code)) return { phase: 'lost', cause: code, attempts }
  return { phase: 'refused', cause: code, attempts }
}

const isOver = (seat: Seat): boolean => ['left', 'removed', 'ended'].includes(seat.phase)

/** Wait before rejoin attempt `attempts`, in ms: at once, then 1, 2, 4, at most 5 s. */
export const rejoinDelayMs = (attempts: number): number =>
  attempts === 0 ? 0 : Math.min(5000, 1000 * 2 ** (attempts - 1))

import type { Shift } from '@/protocol/api/register'
import { parseTime } from '@/ui/time'

/** `2026-11` of a wall-clock date. */
export const monthOf = (date: Date): string => `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}`

/** Spans within `begin`..`end` (ms) that no shift covers, in order. Pure. */
export function gapsOf(shifts: readonly Pick<Shift, 'starts_at' | 'ends_at'>[], begin: number, end: number): { from: number; to: number }[] {
  const spans = shifts.map((one) => [parseTime(one.starts_at), parseTime(one.ends_at)] as const).sort((a, b) => a[0] - b[0])
  const gaps: { from: number; to: number }[] = []
  let covered = begin
  for (const [from, to] of spans) {
    if (from > covered && covered < end) gaps.push({ from: covered, to: Math.min(from, end) })
    covered = Math.max(covered, to)
  }
  if (covered < end) gaps.push({ from: covered, to: end })
  return gaps
}

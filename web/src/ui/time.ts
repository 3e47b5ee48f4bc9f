/** Times as the duty desk writes them: absolute in the county's zone, relative beside it. Pure. */
const ZONE = 'Asia/Shanghai'

const parts = new Intl.DateTimeFormat('zh-CN', {
  timeZone: ZONE,
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})

export interface Moment {
  year: string
  month: string
  day: string
  hour: string
  minute: string
  second: string
}

export function momentOf(at: number): Moment {
  const found: Record<string, string> = {}
  for (const part of parts.formatToParts(at)) found[part.type] = part.value
  return found as unknown as Moment
}

const weekdays = (locale: string): Intl.DateTimeFormat => new Intl.DateTimeFormat(locale, { timeZone: ZONE, weekday: 'short' })

/** 周日, Sun: the day of the week in the reader's language. */
export const weekdayOf = (at: number, locale: string): string => weekdays(locale).format(at)

export const parseTime = (text: string | null | undefined): number => (text ? Date.parse(text) : Number.NaN)

/** `14:03`, with the date in front when it is not the day of `now`. */
export function absolute(at: number, now: number, withSeconds = false): string {
  if (Number.isNaN(at)) return ''
  const a = momentOf(at)
  const n = momentOf(now)
  const clock = `${a.hour}:${a.minute}${withSeconds ? `:${a.second}` : ''}`
  if (a.year === n.year && a.month === n.month && a.day === n.day) return clock
  const day = `${a.month.padStart(2, '0')}-${a.day.padStart(2, '0')}`
  return a.year === n.year ? `${day} ${clock}` : `${a.year}-${day} ${clock}`
}

export function fullTime(at: number): string {
  if (Number.isNaN(at)) return ''
  const m = momentOf(at)
  return `${m.year}-${m.month.padStart(2, '0')}-${m.day.padStart(2, '0')} ${m.hour}:${m.minute}:${m.second}`
}

export interface Relative {
  unit: 'now' | 'seconds' | 'minutes' | 'hours' | 'days'
  n: number
  isFuture: boolean
}

export function relative(at: number, now: number): Relative {
  const isFuture = at > now
  const s = Math.abs(Math.round((at - now) / 1000))
  if (s < 5) return { unit: 'now', n: 0, isFuture }
  if (s < 60) return { unit: 'seconds', n: s, isFuture }
  // What ends in 3:59:50 ends in four hours, not in three.
  const minutes = isFuture ? Math.round(s / 60) : Math.floor(s / 60)
  if (minutes < 60) return { unit: 'minutes', n: minutes, isFuture }
  if (s < 86_400) return { unit: 'hours', n: Math.floor((minutes + (isFuture ? 5 : 0)) / 60), isFuture }
  return { unit: 'days', n: Math.floor(s / 86_400), isFuture }
}

/** `4:59` until, `+1:20` past the deadline. */
export function countdown(dueAt: number, now: number): string {
  const s = Math.round((dueAt - now) / 1000)
  const a = Math.abs(s)
  const hours = Math.floor(a / 3600)
  const minutes = Math.floor((a % 3600) / 60)
  const body = hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${String(a % 60).padStart(2, '0')}` : `${minutes}:${String(a % 60).padStart(2, '0')}`
  return s < 0 ? `+${body}` : body
}

/** China has one zone and no summer time: UTC+8. */
const ZONE_MINUTES = 480

/** A Date whose *local* fields read as the county's wall clock, for pickers that know only the PC's zone. */
export const wallDate = (at: number): Date => new Date(at + (ZONE_MINUTES + new Date(at).getTimezoneOffset()) * 60_000)

/** The moment a picker's Date from `wallDate` means. */
export const fromWall = (date: Date): Date => new Date(date.getTime() - (ZONE_MINUTES + date.getTimezoneOffset()) * 60_000)

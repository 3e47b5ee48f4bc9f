/** A look at the line before joining: round trips of a tiny request, then one larger download. */
export type Verdict = 'high' | 'standard' | 'voice' | 'none'

export interface LineCheck {
  round_trip_ms: number | null
  /** Largest difference between two answers that followed each other. */
  jitter_ms: number
  lost: number
  asked: number
  down_kbps: number | null
}

const ASKED = 8
const EVERY_MS = 350
const PATIENCE_MS = 2000

/** What the line is good for: a picture needs about 1.5 Mbit/s, a small one 400 kbit/s, a voice little. Pure. */
export function verdictOf(check: LineCheck): Verdict {
  if (check.round_trip_ms === null || check.lost > check.asked / 2) return 'none'
  const kbps = check.down_kbps ?? 0
  if (check.lost > 1 || check.round_trip_ms > 600 || kbps < 400) return 'voice'
  return check.round_trip_ms > 250 || check.jitter_ms > 150 || kbps < 1500 ? 'standard' : 'high'
}

/** Middle of the round trips, and the jitter between neighbours. Pure. */
export function summary(trips: readonly (number | null)[]): Pick<LineCheck, 'round_trip_ms' | 'jitter_ms' | 'lost' | 'asked'> {
  const answered = trips.filter((one): one is number => one !== null)
  const sorted = [...answered].sort((a, b) => a - b)
  const steps = answered.slice(1).map((one, index) => Math.abs(one - answered[index]!))
  return { round_trip_ms: sorted.length ? Math.round(sorted[Math.floor(sorted.length / 2)]!) : null, jitter_ms: Math.round(Math.max(0, ...steps)), lost: trips.length - answered.length, asked: trips.length }
}

/** About four seconds; never throws. `sample`: an address of some 100 kB on this server. */
export async function checkLine(sample: string | null): Promise<LineCheck> {
  const trips: (number | null)[] = []
  for (let turn = 0; turn < ASKED; turn += 1) {
    const begun = performance.now()
    trips.push((await timed('/healthz'))?.ms ?? null)
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, EVERY_MS - (performance.now() - begun))))
  }
  // The first answer opens the connection and says nothing about the line.
  const load = sample ? await timed(sample) : null
  return { ...summary(trips.slice(1)), down_kbps: load && load.ms > 0 ? Math.round((load.bytes * 8) / load.ms) : null }
}

async function timed(address: string): Promise<{ ms: number; bytes: number } | null> {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), PATIENCE_MS * (address === '/healthz' ? 1 : 3))
  const begun = performance.now()
  try {
    const response = await fetch(address, { cache: 'no-store', credentials: 'omit', signal: abort.signal })
    const { byteLength } = await response.arrayBuffer()
    return { ms: performance.now() - begun, bytes: byteLength }
  } catch {
    return null
  } finally {
    clearTimeout(timer)
  }
}

/** The largest script this page has loaded, as a sample that is surely there. */
export const sampleAddress = (): string | null =>
  document.querySelector<HTMLLinkElement>('link[rel="modulepreload"]')?.href ?? document.querySelector<HTMLScriptElement>('script[src]')?.src ?? null

/** A rate as people read it: kbit/s to 1000, Mbit/s above; what no line needs is not boasted of. Pure. */
export function rateWords(kbps: number | null): string {
  if (kbps === null) return '—'
  if (kbps < 1000) return `${kbps} kbit/s`
  return kbps > 100_000 ? '> 100 Mbit/s' : `${(kbps / 1000).toFixed(1)} Mbit/s`
}

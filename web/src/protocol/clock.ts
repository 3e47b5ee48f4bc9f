/**
 * What the server's clock says, seen from here.
 *
 * Duty-desk times are the server's; a PC that is minutes off must not show a wrong countdown. Two sources:
 * the `Date` header of any answer (1 s resolution), and the `at` of live changes, which is the server's
 * moment of writing and so never lies in its future.
 */
export class ServerClock {
  private offsetMs = 0
  private bestRoundTripMs = Number.POSITIVE_INFINITY

  constructor(private readonly localNow: () => number = () => Date.now()) {}

  now(): number {
    return this.localNow() + this.offsetMs
  }

  get offset(): number {
    return this.offsetMs
  }

  /** An answer said `at` (ms since the epoch); the request took `roundTripMs`. */
  observeAnswer(at: number, roundTripMs: number): void {
    const estimate = at + roundTripMs / 2 - this.localNow()
    const hasMoved = Math.abs(estimate - this.offsetMs) > 2000 + roundTripMs
    if (roundTripMs > this.bestRoundTripMs * 2 && !hasMoved) return
    this.bestRoundTripMs = Math.min(this.bestRoundTripMs, roundTripMs)
    // Below the resolution of the header a correction would only make the seconds jump.
    if (hasMoved || this.offsetMs === 0) this.offsetMs = Math.abs(estimate) < 1500 ? 0 : estimate
  }

  /** A live change was written at `at`: the server's clock stands at least there. */
  observeChange(at: number): void {
    if (at > this.now() + 1500) this.offsetMs = at - this.localNow()
  }
}

/** One numbered change of a topic, as emitted by the server. */
export interface Change {
  topic: string
  epoch: string | number
  seq: number
  kind: string
  data: unknown
  at: string
}

/** The ack of `topic.subscribe`: a snapshot, or the changes since the number we named. */
export interface Subscribed<S> {
  topic: string
  epoch: string | number
  seq: number
  snapshot?: S
  changes?: Change[]
}

export type Verdict = 'apply' | 'duplicate' | 'gap'

/**
 * Where we stand in one topic. Pure: decides for each change whether it is the next one.
 *
 * Numbers of a topic are consecutive within an epoch. A topic nobody has written to has the epoch "" and
 * the number 0; its first change brings the real epoch.
 */
export class FeedPosition {
  epoch: string | number | null = null
  seq = 0
  private held: Change[] = []
  private isReady = false

  /** Arguments of a subscribe request: nothing the first time, afterwards where we stopped. */
  resumeFrom(): { epoch?: string | number; seq?: number } {
    return this.epoch === null ? {} : { epoch: this.epoch, seq: this.seq }
  }

  /** Changes may overtake the ack; they are held until `started`. */
  beginSubscribe(): void {
    this.isReady = false
    this.held = []
  }

  /** The ack arrived. Returns the changes to apply after the snapshot, in order. */
  started(answer: Subscribed<unknown>): Change[] {
    if (answer.snapshot !== undefined) {
      this.epoch = answer.epoch
      this.seq = answer.seq
    }
    this.epoch = answer.epoch
    this.isReady = true
    const waiting = [...(answer.changes ?? []), ...this.held]
    this.held = []
    const due = waiting.filter((change) => this.judge(change) === 'apply')
    if (answer.snapshot === undefined) this.seq = Math.max(this.seq, answer.seq)
    return due
  }

  judge(change: Change): Verdict {
    if (!this.isReady) {
      this.held.push(change)
      return 'duplicate'
    }
    if (this.epoch === '' && this.seq === 0 && change.seq === 1) this.epoch = change.epoch
    if (change.epoch !== this.epoch) return 'gap'
    if (change.seq <= this.seq) return 'duplicate'
    if (change.seq > this.seq + 1) return 'gap'
    this.seq = change.seq
    return 'apply'
  }

  /** Forget the position: the next subscribe asks for a snapshot. */
  reset(): void {
    this.epoch = null
    this.seq = 0
  }
}

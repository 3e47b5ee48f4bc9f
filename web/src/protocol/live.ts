import { io, type Socket } from 'socket.io-client'
import type { ServerClock } from '@/protocol/clock'
import { WireError, wireErrorFrom } from '@/protocol/errors'
import { FeedPosition, type Change, type Subscribed } from '@/protocol/feed'

export const PROTOCOL_VERSION = 1
export type LinkState = 'connecting' | 'online' | 'lost' | 'refused'

export interface TopicHandler<S> {
  onSnapshot(snapshot: S): void
  onChange(change: Change): void
  onError?(error: WireError): void
}

interface Feed {
  position: FeedPosition
  handlers: Set<TopicHandler<unknown>>
  /** Kept so that a second watcher of the same topic starts from a fresh snapshot. */
  isSubscribing: boolean
}

export interface LiveOptions {
  /** The link holder's token; without it the session cookie speaks. */
  join?: string
  clock?: ServerClock
  socket?: Socket
}

/** The Socket.IO side: one connection, acknowledged requests, topics that resume after a break. */
export class Live {
  readonly socket: Socket
  state: LinkState = 'connecting'
  lostSince: number | null = null
  /** Why the server turned the connection away; kept while `state` is "refused". */
  refusal: WireError | null = null
  private readonly feeds = new Map<string, Feed>()
  private readonly watchers = new Set<(state: LinkState) => void>()
  private readonly clock: ServerClock | undefined

  constructor(options: LiveOptions = {}) {
    this.clock = options.clock
    const auth = { protocol: PROTOCOL_VERSION, ...(options.join ? { join: options.join } : {}) }
    this.socket =
      options.socket ??
      io({
        auth,
        transports: ['websocket', 'polling'],
        tryAllTransports: true,
        autoConnect: false,
        reconnectionDelay: 500,
        reconnectionDelayMax: 4000,
        timeout: 8000,
      })
    this.socket.on('connect', () => this.connected())
    this.socket.on('disconnect', (reason) => this.disconnected(reason))
    this.socket.on('connect_error', (error: Error & { data?: unknown }) => this.refused(error))
    this.socket.on('change', (change: Change) => this.changed(change))
  }

  connect(): void {
    this.socket.connect()
  }

  close(): void {
    this.feeds.clear()
    this.socket.disconnect()
  }

  onState(watcher: (state: LinkState) => void): () => void {
    this.watchers.add(watcher)
    watcher(this.state)
    return () => this.watchers.delete(watcher)
  }

  on<T>(event: string, handler: (data: T) => void): () => void {
    this.socket.on(event, handler as (...args: unknown[]) => void)
    return () => this.socket.off(event, handler as (...args: unknown[]) => void)
  }

  /** Emit and await the ack; `{"ok"}` returns, `{"error"}` throws. */
  async request<T>(event: string, payload: object = {}, timeoutMs = 8000): Promise<T> {
    let answer: unknown
    try {
      answer = await this.socket.timeout(timeoutMs).emitWithAck(event, payload)
    } catch {
      throw new WireError(this.socket.connected ? 'timeout' : 'unreachable', event)
    }
    const ack = (answer ?? {}) as { ok?: unknown; error?: unknown }
    if (ack.error !== undefined || ack.ok === undefined) throw wireErrorFrom(answer)
    return ack.ok as T
  }

  /** Watch a topic until the returned function is called. */
  watch<S>(topic: string, handler: TopicHandler<S>): () => void {
    const feed = this.feeds.get(topic) ?? { position: new FeedPosition(), handlers: new Set(), isSubscribing: false }
    this.feeds.set(topic, feed)
    feed.handlers.add(handler as TopicHandler<unknown>)
    feed.position.reset()
    if (this.socket.connected) void this.subscribe(topic, feed)
    return () => this.unwatch(topic, handler as TopicHandler<unknown>)
  }

  /** Continue a topic whose snapshot came with another answer (`room.join`); takes the place of an earlier one. */
  adopt<S>(answer: Subscribed<S>, handler: TopicHandler<S>): () => void {
    const feed: Feed = { position: new FeedPosition(), handlers: new Set(), isSubscribing: false }
    feed.handlers.add(handler as TopicHandler<unknown>)
    this.feeds.set(answer.topic, feed)
    if (answer.snapshot !== undefined) handler.onSnapshot(answer.snapshot)
    for (const change of feed.position.started(answer)) handler.onChange(change)
    return () => this.unwatch(answer.topic, handler as TopicHandler<unknown>)
  }

  private unwatch(topic: string, handler: TopicHandler<unknown>): void {
    const feed = this.feeds.get(topic)
    if (!feed?.handlers.delete(handler) || feed.handlers.size > 0) return
    this.feeds.delete(topic)
    if (this.socket.connected) this.socket.emit('topic.unsubscribe', { topic })
  }

  private async subscribe(topic: string, feed: Feed): Promise<void> {
    if (feed.isSubscribing) return
    feed.isSubscribing = true
    feed.position.beginSubscribe()
    try {
      const answer = await this.request<Subscribed<unknown>>('topic.subscribe', { topic, ...feed.position.resumeFrom() })
      if (answer.snapshot !== undefined) feed.handlers.forEach((handler) => handler.onSnapshot(answer.snapshot))
      for (const change of feed.position.started(answer)) this.deliver(feed, change)
    } catch (error) {
      if (error instanceof WireError && !error.isRetryable) feed.handlers.forEach((handler) => handler.onError?.(error))
      else if (this.feeds.get(topic) === feed) setTimeout(() => this.resubscribe(topic, feed), 2000)
    } finally {
      feed.isSubscribing = false
    }
  }

  private resubscribe(topic: string, feed: Feed): void {
    if (this.feeds.get(topic) === feed && this.socket.connected) void this.subscribe(topic, feed)
  }

  private changed(change: Change): void {
    const at = Date.parse(change.at)
    if (!Number.isNaN(at)) this.clock?.observeChange(at)
    const feed = this.feeds.get(change.topic)
    if (!feed) return
    const verdict = feed.position.judge(change)
    if (verdict === 'apply') this.deliver(feed, change)
    if (verdict === 'gap') {
      feed.position.reset()
      void this.subscribe(change.topic, feed)
    }
  }

  private deliver(feed: Feed, change: Change): void {
    feed.handlers.forEach((handler) => handler.onChange(change))
  }

  private connected(): void {
    this.move('online')
    for (const [topic, feed] of this.feeds) {
      // The room's own topic is resumed by room.join, which also renews the seat.
      if (!topic.startsWith('room:')) void this.subscribe(topic, feed)
    }
  }

  private disconnected(reason: string): void {
    this.move(reason === 'io client disconnect' ? 'connecting' : 'lost')
    if (reason === 'io server disconnect') setTimeout(() => this.socket.connect(), 2000)
  }

  private refused(error: Error & { data?: unknown }): void {
    // The middleware's own refusal carries data; a dead line does not and is retried by the library.
    this.refusal = error.data ? wireErrorFrom(error.data) : null
    const isFinal = this.refusal !== null && !this.refusal.isRetryable
    this.move(isFinal ? 'refused' : 'lost')
    // After a refusal the library leaves it to us to try again.
    if (this.refusal && !isFinal) setTimeout(() => this.socket.connect(), 3000)
  }

  private move(state: LinkState): void {
    if (state === 'lost' && this.lostSince === null) this.lostSince = Date.now()
    if (state === 'online') this.lostSince = null
    this.state = state
    this.watchers.forEach((watcher) => watcher(state))
  }
}

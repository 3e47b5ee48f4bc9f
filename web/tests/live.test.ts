import { describe, expect, it } from 'vitest'
import type { Socket } from 'socket.io-client'
import { WireError } from '@/protocol/errors'
import type { Change } from '@/protocol/feed'
import { Live } from '@/protocol/live'

type Handler = (...args: unknown[]) => void

/** The few calls of a Socket.IO client that Live makes; answers come from `answer`. */
class Wire {
  connected = false
  readonly sent: [string, unknown][] = []
  readonly handlers = new Map<string, Handler[]>()
  answer: (event: string, payload: Record<string, unknown>) => unknown = () => ({ ok: {} })
  on(event: string, handler: Handler): void {
    this.handlers.set(event, [...(this.handlers.get(event) ?? []), handler])
  }
  off(): void {}
  connect(): void {
    this.connected = true
    this.receive('connect')
  }
  disconnect(): void {
    this.connected = false
  }
  emit(event: string, payload: unknown): void {
    this.sent.push([event, payload])
  }
  timeout(): { emitWithAck: (event: string, payload: Record<string, unknown>) => Promise<unknown> } {
    return {
      emitWithAck: async (event, payload) => {
        this.sent.push([event, payload])
        return this.answer(event, payload)
      },
    }
  }
  receive(event: string, ...args: unknown[]): void {
    this.handlers.get(event)?.forEach((handler) => handler(...args))
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))
const change = (seq: number): Change => ({ topic: 'incidents', epoch: 'e', seq, kind: 'k', data: seq, at: '2026-01-01T00:00:00Z' })

function watching(): { wire: Wire; live: Live; seen: unknown[] } {
  const wire = new Wire()
  const live = new Live({ socket: wire as unknown as Socket })
  const seen: unknown[] = []
  wire.answer = (_event, payload) =>
    payload.seq === undefined
      ? { ok: { topic: 'incidents', epoch: 'e', seq: 3, snapshot: 'snapshot' } }
      : { ok: { topic: 'incidents', epoch: 'e', seq: 5, changes: [change(5)] } }
  live.watch('incidents', { onSnapshot: (snapshot) => seen.push(snapshot), onChange: (one) => seen.push(one.seq), onError: (error) => seen.push(error.code) })
  return { wire, live, seen }
}

describe('live connection', () => {
  it('subscribes on connecting, then applies changes in order', async () => {
    const { wire, seen } = watching()
    wire.connect()
    await settle()
    wire.receive('change', change(4))
    wire.receive('change', change(4))
    expect(seen).toEqual(['snapshot', 4])
  })

  it('resumes from its last number after a break, without a new snapshot', async () => {
    const { wire, live, seen } = watching()
    wire.connect()
    await settle()
    wire.receive('change', change(4))
    wire.receive('disconnect', 'transport close')
    expect(live.state).toBe('lost')
    expect(live.lostSince).not.toBeNull()
    wire.connect()
    await settle()
    expect(wire.sent.at(-1)).toEqual(['topic.subscribe', { topic: 'incidents', epoch: 'e', seq: 4 }])
    expect(seen).toEqual(['snapshot', 4, 5])
    expect(live.state).toBe('online')
  })

  it('asks for a snapshot when a number is missing', async () => {
    const { wire, seen } = watching()
    wire.connect()
    await settle()
    wire.receive('change', change(9))
    await settle()
    expect(wire.sent.at(-1)).toEqual(['topic.subscribe', { topic: 'incidents' }])
    expect(seen).toEqual(['snapshot', 'snapshot'])
  })

  it('tells the page when a topic is refused, and does not ask again', async () => {
    const { wire, seen } = watching()
    wire.answer = () => ({ error: { code: 'not_allowed', message: 'no', field: null } })
    wire.connect()
    await settle()
    expect(seen).toEqual(['not_allowed'])
    expect(wire.sent).toHaveLength(1)
  })

  it('turns an error ack into an exception with code and field', async () => {
    const { wire, live } = watching()
    wire.answer = () => ({ error: { code: 'wrong_pin', message: 'no', field: 'pin' } })
    await expect(live.request('room.join')).rejects.toMatchObject({ code: 'wrong_pin', field: 'pin' })
    wire.answer = () => ({ ok: null })
    await expect(live.request('room.leave')).resolves.toBeNull()
  })

  it('knows a refusal for good from a server that is stopping', () => {
    const { wire, live } = watching()
    wire.receive('connect_error', Object.assign(new Error(), { data: { code: 'stopping', message: '' } }))
    expect(live.state).toBe('lost')
    wire.receive('connect_error', Object.assign(new Error(), { data: { code: 'link_unknown', message: '' } }))
    expect(live.state).toBe('refused')
    expect(live.refusal).toBeInstanceOf(WireError)
    expect(live.refusal?.code).toBe('link_unknown')
  })

  it('leaves a topic when its last watcher goes', async () => {
    const { wire, live } = watching()
    wire.connect()
    await settle()
    const stop = live.watch('sms', { onSnapshot: () => undefined, onChange: () => undefined })
    stop()
    expect(wire.sent).toContainEqual(['topic.unsubscribe', { topic: 'sms' }])
  })
})

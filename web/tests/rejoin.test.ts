import type { Socket } from 'socket.io-client'
import { describe, expect, it, vi } from 'vitest'
import type { LocalMedia } from '@/features/meeting/localMedia'
import { RoomSession } from '@/features/meeting/roomSession'
import { Live } from '@/protocol/live'

// No browser, no media: the peer is the one part that needs them.
vi.mock('@/features/meeting/media/peer', () => ({
  Peer: class {
    connection = { connectionState: 'connected', setConfiguration: () => undefined }
    streams = new Map()
    offer = async () => 'offer'
    accept = async () => undefined
    send = async () => undefined
    close = () => undefined
  },
}))

class Wire {
  connected = true
  readonly emitted: string[] = []
  private readonly handlers = new Map<string, (data: unknown) => void>()
  on = (event: string, handler: (data: unknown) => void): void => void this.handlers.set(event, handler)
  off = (): void => undefined
  emit = (event: string): void => void this.emitted.push(event)
  receive = (event: string, data?: unknown): void => this.handlers.get(event)?.(data)
  timeout = () => ({
    emitWithAck: async (event: string) => (event === 'room.join' ? { ok: joined } : { ok: {} }),
  })
}

const joined = {
  participant_id: 'me', resume: 'r', answer: 'a', slots: [], ice_servers: [], topic: 'room:m1', epoch: 'e', seq: 1,
  snapshot: { title: '调度会', is_locked: false, chat: [], participants: [] },
}
const local = { onChange: null, outgoing: () => null, published: () => ({}), stopAll: () => undefined } as unknown as LocalMedia

describe('a seat taken again', () => {
  it('goes on hearing what happens in its room', async () => {
    const wire = new Wire()
    const live = new Live({ socket: wire as unknown as Socket })
    const session = new RoomSession(live, local, { roomKey: 'm1', device: 'pc' })
    wire.receive('connect')
    await session.join({})
    wire.receive('room.rejoin')
    await vi.waitFor(() => expect(session.seat.value.phase).toBe('seated'))
    wire.receive('change', { topic: 'room:m1', epoch: 'e', seq: 2, kind: 'room.changed', data: { is_locked: true }, at: '2026-01-01T00:00:00Z' })
    expect(session.room.value?.facts.is_locked).toBe(true)
    expect(wire.emitted).not.toContain('topic.unsubscribe')
    session.close()
  })
})

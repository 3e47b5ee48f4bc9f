import type { Socket } from 'socket.io-client'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LocalMedia } from '@/features/meeting/localMedia'
import { RoomSession } from '@/features/meeting/roomSession'
import { Live } from '@/protocol/live'

interface FakePeer {
  relays: RTCIceServer[]
  layers: unknown[]
  isReached: boolean
  connection: { iceServers: RTCIceServer[] }
}
const peers = vi.hoisted(() => ({ made: [] as FakePeer[], reach: true }))

// No browser, no media: the peer is the one part that needs them.
vi.mock('@/features/meeting/media/peer', () => ({
  Peer: class {
    isReached = peers.reach
    constructor(_device: string, readonly relays: RTCIceServer[]) {
      peers.made.push(this)
    }
    connection = {
      connectionState: 'connected',
      iceServers: [] as RTCIceServer[],
      setConfiguration(told: { iceServers: RTCIceServer[] }) {
        this.iceServers = told.iceServers
      },
    }
    streams = new Map()
    layers: unknown[] = []
    setActiveLayers = async (...told: unknown[]) => void this.layers.push(told)
    offer = async (anew = false) => (anew ? 'offer anew' : 'offer')
    accept = async () => undefined
    send = async () => undefined
    close = () => undefined
  },
}))

class Wire {
  connected = true
  readonly emitted: string[] = []
  readonly asked: [string, { offer?: string }][] = []
  relays: RTCIceServer[] = []
  meanwhile = (_event: string): void => undefined
  private readonly handlers = new Map<string, (data: unknown) => void>()
  on = (event: string, handler: (data: unknown) => void): void => void this.handlers.set(event, handler)
  off = (): void => undefined
  emit = (event: string): void => void this.emitted.push(event)
  receive = (event: string, data?: unknown): void => this.handlers.get(event)?.(data)
  timeout = () => ({
    emitWithAck: async (event: string, data: { offer?: string }) => {
      this.asked.push([event, data])
      this.meanwhile(event)
      return { ok: event === 'room.join' ? { ...joined, ice_servers: this.relays } : {} }
    },
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

describe('who fills which slot', () => {
  it.each(['room.join', 'room.publish'])('is not lost when it is told during %s', async (during) => {
    const wire = new Wire()
    wire.meanwhile = (event) => event === during && wire.receive('slots', { revision: 3, slots: [] })
    const session = new RoomSession(new Live({ socket: wire as unknown as Socket }), local, { roomKey: 'm1', device: 'pc' })
    wire.receive('connect')
    await session.join({})
    expect(session.slots.value.revision).toBe(3)
    session.close()
  })
})

describe('a relay told at the join', () => {
  const relays = [{ urls: ['turns:relay.example:443?transport=tcp'], username: '1:me', credential: 'c' }]
  const restarts = (wire: Wire): unknown[] => wire.asked.filter(([event]) => event === 'room.restart').map(([, data]) => data.offer)

  const joinWith = async (told: RTCIceServer[], isReached: boolean): Promise<{ wire: Wire; session: RoomSession }> => {
    peers.made.length = 0
    peers.reach = isReached
    const wire = new Wire()
    wire.relays = told
    const session = new RoomSession(new Live({ socket: wire as unknown as Socket }), local, { roomKey: 'm1', device: 'pc' })
    wire.receive('connect')
    await session.join({})
    return { wire, session }
  }

  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  // setConfiguration alone asks it never: browsers gather once, when the offer is made.
  it('is asked after two seconds without a way to the server', async () => {
    const { wire, session } = await joinWith(relays, false)
    expect(peers.made[0]?.connection.iceServers).toEqual(relays)
    await vi.advanceTimersByTimeAsync(1900)
    expect(restarts(wire)).toEqual([])
    await vi.advanceTimersByTimeAsync(200)
    expect(restarts(wire)).toEqual(['offer anew'])
    session.close()
  })

  it.each([[relays, true], [[], false]] as const)('is not asked where it is not needed, or not there', async (told, isReached) => {
    const { wire, session } = await joinWith([...told], isReached)
    await vi.advanceTimersByTimeAsync(2500)
    expect(restarts(wire)).toEqual([])
    session.close()
  })

  it('is asked from the start when the seat is taken again', async () => {
    const { wire, session } = await joinWith(relays, true)
    wire.receive('room.rejoin')
    await vi.waitFor(() => expect(peers.made).toHaveLength(2))
    expect(peers.made.map((peer) => peer.relays)).toEqual([[], relays])
    session.close()
  })
})

describe('layers nobody looks at', () => {
  it('stop and go on as the server says', async () => {
    peers.made.length = 0
    const wire = new Wire()
    const session = new RoomSession(new Live({ socket: wire as unknown as Socket }), local, { roomKey: 'm1', device: 'pc' })
    wire.receive('connect')
    await session.join({})
    for (const rids of [['q'], ['q', 'h']]) wire.receive('layers', { source: 'camera', rids })
    expect(peers.made[0]?.layers).toEqual([['camera', ['q']], ['camera', ['q', 'h']]])
    session.close()
  })
})

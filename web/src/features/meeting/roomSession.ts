import { computed, ref, shallowRef } from 'vue'
import { asWireError, WireError } from '@/protocol/errors'
import type { Live, LinkState } from '@/protocol/live'
import type { LocalMedia } from './localMedia'
import { Peer } from './media/peer'
import { forgetResume, savedResume, saveResume } from './resume'
import { applyChange, fromSnapshot, newerSlots, normaliseSlots, type RoomState } from './roomState'
import type { Device, JoinAnswer, Order, RoomSnapshot, SlotMap, Source } from './roomTypes'
import { FRESH_SEAT, move, rejoinDelayMs, type Seat, type SeatEvent } from './seat'
import { readStats } from './media/stats'

export interface Entry {
  /** Distinguishes seats of several meetings in one tab: the token or the meeting's id. */
  roomKey: string
  meetingId?: string
  device: Device
}

/** Which layers of a source somebody looks at; the others need not be encoded. */
interface Layers {
  source: 'camera' | 'screen'
  rids: string[]
}

const RESTART_AFTER_MS = 2000
const REJOIN_AFTER_MS = 5000
const RELAY_AFTER_MS = 2000
const STATS_EVERY_MS = 5000

/**
 * One stay in one room: joins, keeps the seat over broken lines, mirrors the room's state.
 *
 * Owns the Peer and its timers; `local` and `live` belong to the page. Ends with `leave` or `close`.
 */
export class RoomSession {
  readonly seat = ref<Seat>({ ...FRESH_SEAT })
  readonly room = shallowRef<RoomState | null>(null)
  readonly slots = shallowRef<SlotMap>({ revision: -1, slots: [] })
  readonly streams = shallowRef<ReadonlyMap<string, MediaStream>>(new Map())
  readonly link = ref<LinkState>('connecting')
  readonly media = ref<RTCPeerConnectionState>('new')
  readonly myId = ref('')
  readonly me = computed(() => this.room.value?.participants.get(this.myId.value) ?? null)
  private peer: Peer | null = null
  private credentials: { name?: string; pin?: string } = {}
  private isJoining = false
  /** A slot map that overtook the answer to `room.join`. */
  private earlySlots: SlotMap | null = null
  /** Until then the maps that come are of the seat asked for; after it they change what is shown, though joining may not have ended. */
  private awaitsAnswer = false
  /** As told at the last join; a seat taken again asks them from the start. */
  private relays: RTCIceServer[] = []
  private readonly undo: (() => void)[] = []
  private readonly timers = new Set<ReturnType<typeof setTimeout>>()
  private statsTimer: ReturnType<typeof setInterval> | undefined

  constructor(
    private readonly live: Live,
    private readonly local: LocalMedia,
    private readonly entry: Entry,
  ) {
    this.undo.push(live.onState((state) => this.linkChanged(state)))
    this.undo.push(live.on<SlotMap>('slots', (map) => this.slotsChanged(map)))
    this.undo.push(live.on<Layers>('layers', ({ source, rids }) => void this.peer?.setActiveLayers(source, rids).catch(() => undefined)))
    this.undo.push(live.on('room.rejoin', () => this.rejoin()))
    this.undo.push(live.on<{ reason: string }>('room.removed', ({ reason }) => this.over({ kind: 'removed', reason })))
    local.onChange = (source) => void this.sendTrack(source)
  }

  /** Take the seat; on failure the phase is `refused` and its cause names the error code. */
  async join(credentials: { name?: string; pin?: string }): Promise<void> {
    this.credentials = credentials
    this.step({ kind: 'join' })
    await this.attempt()
  }

  async leave(): Promise<void> {
    await this.live.request('room.leave').catch(() => undefined)
    this.over({ kind: 'leave' })
  }

  order(order: Order, target?: string, value?: string): Promise<unknown> {
    return this.live.request('room.order', { order, ...(target ? { target } : {}), ...(value === undefined ? {} : { value }) })
  }

  floor(action: 'request' | 'withdraw' | 'release'): Promise<unknown> {
    return this.live.request('room.floor', { action })
  }

  say(text: string): Promise<unknown> {
    return this.live.request('room.chat', { text })
  }

  close(): void {
    this.undo.splice(0).forEach((undo) => undo())
    this.stopMedia()
  }

  private async attempt(): Promise<void> {
    if (this.isJoining) return
    this.isJoining = true
    try {
      await this.takeSeat()
      this.step({ kind: 'admitted' })
    } catch (error) {
      const { code } = asWireError(error)
      this.step({ kind: 'refused', code })
      if (this.seat.value.phase === 'lost') this.rejoinLater()
    } finally {
      this.isJoining = this.awaitsAnswer = false
    }
  }

  private async takeSeat(): Promise<void> {
    const peer = new Peer(this.entry.device, this.relays)
    this.earlySlots = null
    this.awaitsAnswer = true
    try {
      const offer = await peer.offer()
      const resume = savedResume(this.entry.roomKey)
      const answer = await this.live.request<JoinAnswer>('room.join', {
        offer,
        device: this.entry.device,
        ...this.credentials,
        ...(this.entry.meetingId ? { meeting_id: this.entry.meetingId } : {}),
        ...(resume ? { resume } : {}),
      }, 12_000)
      saveResume(this.entry.roomKey, answer.resume)
      await this.use(peer, answer)
    } catch (error) {
      if (this.peer !== peer) peer.close()
      throw error
    }
  }

  private async use(peer: Peer, answer: JoinAnswer): Promise<void> {
    await peer.accept(answer.answer)
    this.stopMedia()
    this.peer = peer
    if (answer.ice_servers?.length) this.relay(peer, answer.ice_servers)
    peer.onState = (state) => this.mediaChanged(peer, state)
    this.media.value = peer.connection.connectionState
    this.streams.value = new Map(peer.streams)
    this.myId.value = answer.participant_id
    this.slots.value = this.earlySlots ?? normaliseSlots(answer.slots)
    this.awaitsAnswer = false
    // Takes the place of the earlier seat's feed. To stop that one now would unsubscribe us from the room just joined.
    this.live.adopt<RoomSnapshot>(answer, {
      onSnapshot: (snapshot) => (this.room.value = fromSnapshot(snapshot)),
      onChange: (change) => this.room.value && (this.room.value = applyChange(this.room.value, change)),
    })
    for (const source of ['audio', 'camera', 'screen'] as const) await peer.send(source, this.local.outgoing(source))
    await this.publish()
    this.statsTimer = setInterval(() => void this.report(), STATS_EVERY_MS)
  }

  private slotsChanged(map: SlotMap): void {
    if (this.awaitsAnswer) this.earlySlots = map
    else this.slots.value = newerSlots(this.slots.value, map)
  }

  private async sendTrack(source: Source): Promise<void> {
    await this.peer?.send(source, this.local.outgoing(source))
    if (this.peer) await this.publish()
  }

  private async publish(): Promise<void> {
    await this.live.request('room.publish', this.local.published()).catch(() => undefined)
  }

  private linkChanged(state: LinkState): void {
    this.link.value = state
    if (state === 'lost') this.step({ kind: 'link_lost' })
    if (state === 'refused') this.step({ kind: 'refused', code: this.live.refusal?.code ?? 'not_allowed' })
    if (state === 'online' && this.seat.value.phase === 'lost') void this.attempt()
  }

  /** ICE restart after 2 s without media, the whole seat anew after 5 more. */
  private mediaChanged(peer: Peer, state: RTCPeerConnectionState): void {
    if (this.peer !== peer) return
    this.media.value = state
    if (state !== 'disconnected' && state !== 'failed') return
    const isStillBroken = (): boolean => this.peer === peer && peer.connection.connectionState !== 'connected'
    this.later(state === 'failed' ? 0 : RESTART_AFTER_MS, () => isStillBroken() && void this.restart(peer))
    this.later(RESTART_AFTER_MS + REJOIN_AFTER_MS, () => isStillBroken() && this.rejoin())
  }

  /** Relays told after the offer are asked only when ICE begins anew (RFC 8829 §4.1.18): so it does, if no direct way is found soon. */
  private relay(peer: Peer, relays: RTCIceServer[]): void {
    this.relays = relays
    peer.connection.setConfiguration({ iceServers: relays, bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require' })
    this.later(RELAY_AFTER_MS, () => this.peer === peer && !peer.isReached && void this.restart(peer))
  }

  private async restart(peer: Peer): Promise<void> {
    try {
      const { answer } = await this.live.request<{ answer: string }>('room.restart', { offer: await peer.offer(true) })
      await peer.accept(answer)
    } catch {
      // The rejoin timer is already running and takes the longer way.
    }
  }

  private rejoin(): void {
    this.step({ kind: 'link_lost' })
    if (this.seat.value.phase === 'lost' && this.live.state === 'online') void this.attempt()
  }

  private rejoinLater(): void {
    this.later(rejoinDelayMs(this.seat.value.attempts), () => {
      if (this.seat.value.phase === 'lost' && this.live.state === 'online') void this.attempt()
    })
  }

  private async report(): Promise<void> {
    if (!this.peer || this.live.state !== 'online') return
    const stats = await readStats(this.peer.connection)
    await this.live.request('room.stats', stats).catch((error: unknown) => {
      // An older server may not take statistics; nothing a participant should hear about.
      if (error instanceof WireError && error.code === 'invalid_input') clearInterval(this.statsTimer)
    })
  }

  private over(event: SeatEvent): void {
    forgetResume(this.entry.roomKey)
    this.step(event)
    this.stopMedia()
    this.local.stopAll()
  }

  private stopMedia(): void {
    clearInterval(this.statsTimer)
    this.timers.forEach((timer) => clearTimeout(timer))
    this.timers.clear()
    this.peer?.close()
    this.peer = null
  }

  private later(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      action()
    }, ms)
    this.timers.add(timer)
  }

  private step(event: SeatEvent): void {
    this.seat.value = move(this.seat.value, event)
  }
}

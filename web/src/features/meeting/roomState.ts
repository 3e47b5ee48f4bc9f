import type { Change } from '@/protocol/feed'
import type { ChatLine, LineFigures, Participant, RoomFacts, RoomSnapshot, Slot, SlotMap } from './roomTypes'

/** What a browser knows of the room; every function here is pure and returns a new state. */
export interface RoomState {
  facts: RoomFacts
  participants: ReadonlyMap<string, Participant>
  chat: readonly ChatLine[]
  /** By participant; empty until the server tells the first figures. */
  lines: ReadonlyMap<string, LineFigures>
}

const CHAT_KEPT = 300

export function fromSnapshot(snapshot: RoomSnapshot): RoomState {
  const { chat, participants, ...facts } = snapshot
  return { facts, chat, lines: new Map(), participants: new Map(participants.map((one) => [one.participant_id, one])) }
}

export function applyChange(state: RoomState, change: Pick<Change, 'kind' | 'data'>): RoomState {
  switch (change.kind) {
    case 'participant.joined':
    case 'participant.changed':
      return withParticipant(state, change.data as Partial<Participant> & { participant_id: string })
    case 'participant.left':
      return withoutParticipant(state, (change.data as { participant_id: string }).participant_id)
    case 'room.changed':
      return { ...state, facts: { ...state.facts, ...(change.data as Partial<RoomFacts>) } }
    case 'chat.said':
      return { ...state, chat: [...state.chat, change.data as ChatLine].slice(-CHAT_KEPT) }
    case 'quality.changed':
      return { ...state, lines: new Map((change.data as { participants: LineFigures[] }).participants.map((one) => [one.participant_id, one])) }
    default:
      // Additive protocol: a kind we do not know yet changes nothing we show.
      return state
  }
}

function withParticipant(state: RoomState, data: Partial<Participant> & { participant_id: string }): RoomState {
  const participants = new Map(state.participants)
  const known = participants.get(data.participant_id)
  participants.set(data.participant_id, { ...known, ...data } as Participant)
  return { ...state, participants }
}

function withoutParticipant(state: RoomState, participantId: string): RoomState {
  const participants = new Map(state.participants)
  participants.delete(participantId)
  return { ...state, participants }
}

const ROLE_ORDER = { chair: 0, staff: 1, site: 2, guest: 3, camera: 4 } as const

/** The chair's list: hands first in order of asking, then role, then connected, then name. */
export function siteList(state: RoomState): Participant[] {
  return [...state.participants.values()].sort((a, b) => {
    if (a.hand_at || b.hand_at) {
      if (!a.hand_at) return 1
      if (!b.hand_at) return -1
      return a.hand_at.localeCompare(b.hand_at)
    }
    const byRole = ROLE_ORDER[a.role] - ROLE_ORDER[b.role]
    if (byRole !== 0) return byRole
    if (a.is_connected !== b.is_connected) return a.is_connected ? -1 : 1
    return (a.site || a.name).localeCompare(b.site || b.name, 'zh-CN')
  })
}

/** The map in the answer to `room.join` is the first; every later one carries a higher number. */
export const normaliseSlots = (slots: Slot[]): SlotMap => ({ revision: 0, slots })

/** Older maps that arrive late must not undo newer ones. */
export function newerSlots(current: SlotMap, next: SlotMap): SlotMap {
  return next.revision >= current.revision ? next : current
}

export const filledSlots = (map: SlotMap, kind: Slot['kind']): Slot[] =>
  map.slots.filter((slot) => slot.kind === kind && slot.participant_id !== null)

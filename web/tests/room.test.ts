import { describe, expect, it } from 'vitest'
import { failureOf } from '@/features/meeting/media/failures'
import { levelOf } from '@/features/meeting/media/meter'
import { summarise } from '@/features/meeting/media/stats'
import { applyChange, fromSnapshot, newerSlots, siteList } from '@/features/meeting/roomState'
import type { Participant, RoomSnapshot, Slot } from '@/features/meeting/roomTypes'
import { lampOf } from '@/features/meeting/views/lamp'
import { stageOf } from '@/features/meeting/views/stage'
import { addressOf, deviceOf } from '@/room/entry'

const track = { is_published: true, is_on: true, is_muted: false }
const person = (id: string, more: Partial<Participant> = {}): Participant => ({
  participant_id: id, unit_id: id, site: `会场${id}`, name: '', role: 'site', is_connected: true, joined_at: null,
  audio: track, camera: track, screen: track, hand_at: null, has_floor: false, view: null, quality: 'good', may_be_taken: false, ...more,
})
const snapshot = (participants: Participant[]): RoomSnapshot => ({
  room_id: 'r', meeting_id: 'r', title: '会', incident_id: null, is_open: true, is_locked: false, is_muting_all: false, mode: 'free',
  broadcast: null, called: null, poll_source: null, speaker: null, ends_at: null, chat: [], participants,
})
const slot = (mid: string, kind: Slot['kind'], id: string | null): Slot => ({ mid, kind, participant_id: id, source: id ? 'camera' : null })

describe('room state', () => {
  it('follows joins, partial changes and leaves', () => {
    let state = fromSnapshot(snapshot([person('a')]))
    state = applyChange(state, { kind: 'participant.joined', data: person('b') })
    state = applyChange(state, { kind: 'participant.changed', data: { participant_id: 'b', hand_at: '2026-01-01T00:00:00Z' } })
    expect(state.participants.get('b')).toMatchObject({ hand_at: '2026-01-01T00:00:00Z', site: '会场b' })
    state = applyChange(state, { kind: 'participant.left', data: { participant_id: 'a' } })
    expect([...state.participants.keys()]).toEqual(['b'])
  })

  it('merges facts, appends chat, and ignores kinds of a later version', () => {
    const before = fromSnapshot(snapshot([]))
    const locked = applyChange(before, { kind: 'room.changed', data: { is_locked: true } })
    expect(locked.facts).toMatchObject({ is_locked: true, title: '会' })
    const said = applyChange(locked, { kind: 'chat.said', data: { participant_id: 'a', name: '甲', text: '到', at: '' } })
    expect(said.chat).toHaveLength(1)
    expect(applyChange(said, { kind: 'hologram.started', data: {} })).toBe(said)
  })

  it('lists raised hands in order of asking, then chair, then connected sites', () => {
    const state = fromSnapshot(snapshot([
      person('z', { is_connected: false }), person('a'), person('c', { role: 'chair' }),
      person('late', { hand_at: '2026-01-01T00:00:02Z' }), person('early', { hand_at: '2026-01-01T00:00:01Z' }),
    ]))
    expect(siteList(state).map((one) => one.participant_id)).toEqual(['early', 'late', 'c', 'a', 'z'])
  })

  it('never lets an older slot map undo a newer one', () => {
    const newer = { revision: 3, slots: [] }
    expect(newerSlots(newer, { revision: 2, slots: [slot('1', 'main', 'a')] })).toBe(newer)
  })
})

describe('stage', () => {
  const people = new Map([['a', person('a')], ['b', person('b')]])
  it('puts a share in the big place and the main picture at the head of the strip', () => {
    const stage = stageOf({ revision: 1, slots: [slot('6', 'main', 'a'), slot('7', 'share', 'b'), slot('8', 'thumbnail', null)] }, people)
    expect(stage.isShare).toBe(true)
    expect(stage.big?.slot.mid).toBe('7')
    expect(stage.strip.map((tile) => tile.slot.mid)).toEqual(['6'])
  })
  it('shows a thumbnail large when there is no main picture, and nothing when nobody is there', () => {
    expect(stageOf({ revision: 1, slots: [slot('8', 'thumbnail', 'a')] }, people).big?.slot.mid).toBe('8')
    expect(stageOf({ revision: 1, slots: [slot('6', 'main', null)] }, people).big).toBeNull()
  })
})

describe('words for trouble', () => {
  it.each([
    ['NotAllowedError', 'Permission denied', 'denied'], ['NotAllowedError', 'Permission dismissed', 'dismissed'],
    ['NotAllowedError', 'Permission denied by system', 'blocked_by_system'], ['NotReadableError', '', 'busy'],
    ['NotFoundError', '', 'missing'], ['OverconstrainedError', '', 'unsatisfiable'], ['WeirdError', '', 'unknown'],
  ])('%s “%s” is %s', (name, message, expected) => {
    expect(failureOf({ name, message }, true)).toBe(expected)
  })
  it('names the missing HTTPS before anything else', () => {
    expect(failureOf({ name: 'NotFoundError' }, false)).toBe('insecure')
  })
  it('shows the worst line first on the lamp', () => {
    expect(lampOf('online', 'connected', 'good')).toBe('good')
    expect(lampOf('lost', 'connected', 'good')).toBe('signalling')
    expect(lampOf('lost', 'failed', 'good')).toBe('lost')
    expect(lampOf('online', 'connecting', null)).toBe('connecting')
  })
})

describe('measurements', () => {
  it('reads silence as 0 and a loud tone near 1', () => {
    expect(levelOf(new Float32Array(512))).toBe(0)
    expect(levelOf(new Float32Array(512).fill(0.5))).toBeCloseTo(1, 1)
  })
  it('sums the receivers and keeps the nominated pair’s round trip', () => {
    const stats = summarise([
      { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.042 },
      { type: 'inbound-rtp', framesDecoded: 10, freezeCount: 1 },
      { type: 'inbound-rtp', concealedSamples: 5, totalSamplesReceived: 100 },
    ])
    expect(stats).toEqual({ rtt_ms: 42, freezes: 1, frames_decoded: 10, concealed_ratio: 0.05 })
  })
})

describe('address', () => {
  it('knows link holders from signed-in people', () => {
    expect(addressOf('/j/AbCdEfGh123456789')).toEqual({ kind: 'link', token: 'AbCdEfGh123456789' })
    expect(addressOf('/room/01J00000000000000000000000')).toEqual({ kind: 'meeting', meetingId: '01J00000000000000000000000' })
    expect(addressOf('/j/../x').kind).toBe('unknown')
  })
  it('gives a phone fewer thumbnails than a wall', () => {
    expect(deviceOf('', 390, true)).toBe('phone')
    expect(deviceOf('', 768, false)).toBe('pc')
    expect(deviceOf('?wall', 1080, false)).toBe('wall')
  })
})

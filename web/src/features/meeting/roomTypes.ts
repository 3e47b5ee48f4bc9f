/** Shapes of the room topic (docs/protocol.md). */
export type Device = 'pc' | 'phone' | 'wall'
export type Role = 'chair' | 'staff' | 'site' | 'guest' | 'camera'
export type Quality = 'good' | 'fair' | 'poor' | 'lost'
/** What reaches the disk, not what was ordered. */
export type Recording = 'off' | 'on' | 'stalled' | 'disk_full'
export type Source = 'audio' | 'camera' | 'screen'
export type SlotKind = 'audio' | 'main' | 'share' | 'thumbnail'

export interface TrackState {
  is_published: boolean
  is_on: boolean
  is_muted: boolean
}

export interface Participant {
  participant_id: string
  unit_id: string | null
  site: string
  name: string
  role: Role
  is_connected: boolean
  joined_at: string | null
  audio: TrackState
  camera: TrackState
  screen: TrackState
  hand_at: string | null
  has_floor: boolean
  /** The seat this one looks at by the chair's order "view". */
  view: string | null
  quality: Quality
  may_be_taken: boolean
  /** Why a camera shows nothing: in words, and as a stable code. */
  note?: string
  note_code?: string
}

/** One site's line in figures, at most every five seconds; null: not in the media now. */
export interface LineFigures {
  participant_id: string
  up_bps: number | null
  down_bps: number | null
  up_loss: number | null
  down_loss: number | null
  round_trip_s: number | null
}

export interface ChatLine {
  id?: string
  participant_id: string | null
  site?: string
  name: string
  text: string
  at: string
}

export interface RoomFacts {
  room_id: string
  meeting_id: string
  title: string
  incident_id: string | null
  is_open: boolean
  is_locked: boolean
  is_muting_all: boolean
  mode: 'free' | 'lecture'
  broadcast: string | null
  called: string | null
  poll_source: string | null
  /** Absent: this server does not record. */
  recording?: Recording
  is_recording?: boolean
  speaker: string | null
  ends_at: string | null
}

export interface RoomSnapshot extends RoomFacts {
  chat: ChatLine[]
  participants: Participant[]
}

/** Why a filled slot shows no picture. */
export type Darkness = 'no_common_codec' | 'waiting_key_frame' | 'line_too_weak'

export interface Slot {
  mid: string
  kind: SlotKind
  participant_id: string | null
  source: Source | null
  reason?: Darkness | null
}

export interface SlotMap {
  revision: number
  slots: Slot[]
}

export interface JoinAnswer {
  participant_id: string
  resume: string
  answer: string
  slots: Slot[]
  ice_servers: RTCIceServer[]
  topic: string
  epoch: string | number
  seq: number
  snapshot: RoomSnapshot
}

export type Order =
  | 'mute' | 'unmute' | 'mute_all' | 'unmute_all' | 'broadcast' | 'unbroadcast' | 'view' | 'call_on' | 'lock' | 'unlock'
  | 'remove' | 'end' | 'extend' | 'grant_floor' | 'deny_floor' | 'revoke_floor' | 'lecture' | 'poll_start' | 'poll_stop'
  | 'allow_takeover' | 'unlock_token' | 'record_start' | 'record_stop'

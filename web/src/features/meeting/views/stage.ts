import type { Participant, Slot, SlotMap } from '../roomTypes'

/** What goes where on the meeting page. Pure. */
export interface Tile {
  slot: Slot
  participant: Participant | null
}

export interface Stage {
  big: Tile | null
  strip: Tile[]
  isShare: boolean
}

/** A share takes the big place and moves the main picture to the head of the strip. */
export function stageOf(map: SlotMap, participants: ReadonlyMap<string, Participant>): Stage {
  const tile = (slot: Slot): Tile => ({ slot, participant: participants.get(slot.participant_id ?? '') ?? null })
  const filled = map.slots.filter((slot) => slot.participant_id !== null)
  // The sharer's word comes before the slot is emptied; without it the last frame would stand there.
  const share = filled.find((slot) => slot.kind === 'share' && participants.get(slot.participant_id!)?.screen.is_on !== false)
  const main = filled.find((slot) => slot.kind === 'main')
  const thumbnails = filled.filter((slot) => slot.kind === 'thumbnail').map(tile)
  if (share) return { big: tile(share), strip: main ? [tile(main), ...thumbnails] : thumbnails, isShare: true }
  if (main) return { big: tile(main), strip: thumbnails, isShare: false }
  const [first, ...rest] = thumbnails
  return { big: first ?? null, strip: rest, isShare: false }
}

export const siteName = (participant: Participant | null): string => participant?.site || participant?.name || ''

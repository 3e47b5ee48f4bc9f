/** Which room an address means: `/j/<token>` for link holders, `/room/<meeting_id>` for signed-in people. Pure. */
export type Address = { kind: 'link'; token: string } | { kind: 'meeting'; meetingId: string } | { kind: 'unknown' }

export function addressOf(path: string): Address {
  const link = /^\/j\/([A-Za-z0-9_-]{8,64})\/?$/.exec(path)
  if (link?.[1]) return { kind: 'link', token: link[1] }
  const meeting = /^\/room\/([A-Za-z0-9_-]{1,64})\/?$/.exec(path)
  return meeting?.[1] ? { kind: 'meeting', meetingId: meeting[1] } : { kind: 'unknown' }
}

/** A phone gets 8 thumbnails, a wall (asked for with `?wall`) 25, a PC 16. */
export function deviceOf(search: string, shorterSide: number, isTouch: boolean): 'pc' | 'phone' | 'wall' {
  if (new URLSearchParams(search).has('wall')) return 'wall'
  return isTouch && shorterSide < 600 ? 'phone' : 'pc'
}

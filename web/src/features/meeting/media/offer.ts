import type { Device, SlotKind } from '../roomTypes'

/** Pure parts of the one offer a browser makes: m-line order, codec choice, the `nack` line for Opus. */
export const THUMBNAILS: Record<Device, number> = { phone: 8, pc: 16, wall: 25 }

export interface Line {
  media: 'audio' | 'video'
  direction: 'sendonly' | 'recvonly'
  kind: SlotKind | 'up_audio' | 'up_camera' | 'up_screen'
}

/** audio↑ camera↑ screen↑ audio↓×3 main↓ share↓ thumbnail↓×N; the server relies on this order. */
export function lines(device: Device): Line[] {
  const down = (media: Line['media'], kind: SlotKind): Line => ({ media, direction: 'recvonly', kind })
  return [
    { media: 'audio', direction: 'sendonly', kind: 'up_audio' },
    { media: 'video', direction: 'sendonly', kind: 'up_camera' },
    { media: 'video', direction: 'sendonly', kind: 'up_screen' },
    ...Array.from({ length: 3 }, () => down('audio', 'audio')),
    down('video', 'main'),
    down('video', 'share'),
    ...Array.from({ length: THUMBNAILS[device] }, () => down('video', 'thumbnail')),
  ]
}

export interface Encoding extends RTCRtpEncodingParameters {
  scalabilityMode?: string
}

/** Three temporal layers each: a line too weak for 30 pictures a second gets 15 or 7, not none. */
export const CAMERA_LAYERS: Encoding[] = [
  { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150_000, scalabilityMode: 'L1T3' },
  { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 500_000, scalabilityMode: 'L1T3' },
  { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1_500_000, scalabilityMode: 'L1T3' },
]

/** For browsers that know the word and refuse the value: one temporal layer is theirs. */
export const withoutModes = (encodings: readonly Encoding[]): Encoding[] =>
  encodings.map((encoding) => ({ ...encoding, scalabilityMode: undefined }))

export const SCREEN_LAYERS: Encoding[] = [
  { rid: 'q', scaleResolutionDownBy: 2, maxBitrate: 300_000, maxFramerate: 5 },
  { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 2_000_000 },
]

export interface Codec {
  mimeType: string
  clockRate: number
  channels?: number
  sdpFmtpLine?: string
}

const isNamed = (codec: Codec, name: string): boolean => codec.mimeType.toLowerCase() === name

/** Constrained Baseline with packetization-mode 1: the one H.264 form every browser decodes. */
const isPlainH264 = (codec: Codec): boolean =>
  isNamed(codec, 'video/h264') &&
  /profile-level-id=42e0/i.test(codec.sdpFmtpLine ?? '') &&
  /packetization-mode=1/.test(codec.sdpFmtpLine ?? '')

/** VP8 first, one H.264 behind it, and RTX; a full offer is ~105 kB, this one 38 kB. Empty: leave the default. */
export function videoCodecs<C extends Codec>(available: readonly C[]): C[] {
  const vp8 = available.filter((codec) => isNamed(codec, 'video/vp8'))
  const h264 = available.filter(isPlainH264).slice(0, 1)
  const rtx = available.filter((codec) => isNamed(codec, 'video/rtx')).slice(0, 1)
  return vp8.length + h264.length === 0 ? [] : [...vp8, ...h264, ...rtx]
}

/** Opus, then RED: the server chooses redundancy for weak links. */
export function audioCodecs<C extends Codec>(available: readonly C[]): C[] {
  const opus = available.filter((codec) => isNamed(codec, 'audio/opus'))
  return opus.length === 0 ? [] : [...opus, ...available.filter((codec) => isNamed(codec, 'audio/red'))]
}

/**
 * Offer `nack` for Opus in every audio section. Chromium repairs audio when both sides list it, but never
 * offers it by itself.
 */
export function withOpusNack(sdp: string): string {
  return sdp
    .split(/^(?=m=)/m)
    .map((section) => (section.startsWith('m=audio') ? sectionWithNack(section) : section))
    .join('')
}

function sectionWithNack(section: string): string {
  const opus = /^a=rtpmap:(\d+) opus\/48000/im.exec(section)
  if (!opus) return section
  const payloadType = opus[1]
  if (new RegExp(`^a=rtcp-fb:${payloadType} nack\\s*$`, 'm').test(section)) return section
  return section.replace(
    new RegExp(`^(a=rtpmap:${payloadType} [^\\r\\n]*)(\\r?\\n)`, 'm'),
    `$1$2a=rtcp-fb:${payloadType} nack$2`,
  )
}

import type { LinkState } from '@/protocol/live'
import type { Quality } from '../roomTypes'

export type Lamp = 'good' | 'fair' | 'poor' | 'lost' | 'connecting' | 'signalling'

/** One lamp for both lines: media and signalling, worst first. Pure. */
export function lampOf(link: LinkState, media: RTCPeerConnectionState, quality: Quality | null): Lamp {
  if (media === 'failed' || media === 'disconnected' || media === 'closed') return 'lost'
  if (link === 'lost' || link === 'refused') return 'signalling'
  if (media !== 'connected') return 'connecting'
  return quality === 'lost' ? 'poor' : (quality ?? 'good')
}

export const LAMP_TONE: Record<Lamp, 'ok' | 'warn' | 'bad'> = {
  good: 'ok', fair: 'warn', poor: 'warn', lost: 'bad', connecting: 'warn', signalling: 'bad',
}

import { describe, expect, it } from 'vitest'
import { audioCodecs, CAMERA_LAYERS, lines, videoCodecs, withOpusNack, withoutModes } from '@/features/meeting/media/offer'

const CHROMIUM = [
  { mimeType: 'video/VP8', clockRate: 90000 },
  { mimeType: 'video/rtx', clockRate: 90000 },
  { mimeType: 'video/VP9', clockRate: 90000, sdpFmtpLine: 'profile-id=0' },
  { mimeType: 'video/H264', clockRate: 90000, sdpFmtpLine: 'level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f' },
  { mimeType: 'video/H264', clockRate: 90000, sdpFmtpLine: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f' },
  { mimeType: 'video/AV1', clockRate: 90000 },
]

describe('the one offer', () => {
  it.each([['phone', 8], ['pc', 16], ['wall', 25]] as const)('has the fixed order of m-lines on a %s', (device, thumbnails) => {
    const all = lines(device)
    expect(all.slice(0, 8).map((line) => line.kind)).toEqual(['up_audio', 'up_camera', 'up_screen', 'audio', 'audio', 'audio', 'main', 'share'])
    expect(all).toHaveLength(8 + thumbnails)
    expect(all.slice(0, 3).every((line) => line.direction === 'sendonly')).toBe(true)
    expect(all.slice(3).every((line) => line.direction === 'recvonly')).toBe(true)
  })

  it('sends three layers, lowest first', () => {
    expect(CAMERA_LAYERS.map((layer) => [layer.rid, layer.scaleResolutionDownBy])).toEqual([['q', 4], ['h', 2], ['f', 1]])
    expect(CAMERA_LAYERS.map((layer) => layer.scalabilityMode)).toEqual(['L1T3', 'L1T3', 'L1T3'])
    expect(withoutModes(CAMERA_LAYERS).map((layer) => [layer.rid, layer.scalabilityMode])).toEqual([['q', undefined], ['h', undefined], ['f', undefined]])
  })

  it('keeps VP8, one constrained-baseline H.264 and RTX', () => {
    expect(videoCodecs(CHROMIUM).map((codec) => codec.mimeType)).toEqual(['video/VP8', 'video/H264', 'video/rtx'])
    expect(videoCodecs(CHROMIUM)[1]?.sdpFmtpLine).toContain('packetization-mode=1')
  })

  it('leaves the default alone where nothing known is offered', () => {
    expect(videoCodecs([{ mimeType: 'video/X', clockRate: 1 }])).toEqual([])
    expect(audioCodecs([{ mimeType: 'audio/PCMU', clockRate: 8000 }])).toEqual([])
  })

  it('offers Opus before RED', () => {
    const codecs = [{ mimeType: 'audio/red', clockRate: 48000 }, { mimeType: 'audio/opus', clockRate: 48000 }, { mimeType: 'audio/PCMU', clockRate: 8000 }]
    expect(audioCodecs(codecs).map((codec) => codec.mimeType)).toEqual(['audio/opus', 'audio/red'])
  })

  it('adds nack for Opus to every audio section, once, and to no video section', () => {
    const audio = 'm=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=rtpmap:63 red/48000/2\r\n'
    const video = 'm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n'
    const sdp = `v=0\r\n${audio}${video}${audio}`
    const changed = withOpusNack(sdp)
    expect(changed.match(/a=rtcp-fb:111 nack\r\n/g)).toHaveLength(2)
    expect(changed.split('m=video')[1]?.split('m=audio')[0]).not.toContain('nack')
    expect(withOpusNack(changed)).toBe(changed)
  })
})

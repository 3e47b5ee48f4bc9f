import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Peer } from '@/features/meeting/media/peer'

class FakeConnection {
  static last: FakeConnection | null = null
  iceConnectionState = 'new'
  constructor(readonly configuration: RTCConfiguration) {
    FakeConnection.last = this
  }
  addTransceiver = (): object => ({})
}

describe('the way to the server', () => {
  beforeEach(() => {
    vi.stubGlobal('RTCPeerConnection', FakeConnection)
    vi.stubGlobal('RTCRtpReceiver', {})
  })
  afterEach(() => vi.unstubAllGlobals())

  it('may lead over the relays known before the offer', () => {
    const relays = [{ urls: 'turn:relay.example', username: 'u', credential: 'c' }]
    expect(new Peer('pc', relays).isReached).toBe(false)
    expect(FakeConnection.last?.configuration.iceServers).toEqual(relays)
  })

  it.each(['connected', 'completed'])('has been found when ICE is %s, whatever the handshake', (state) => {
    const peer = new Peer('pc')
    FakeConnection.last!.iceConnectionState = state
    expect(peer.isReached).toBe(true)
  })
})

import { afterEach, describe, expect, it, vi } from 'vitest'
import { Peer } from '@/features/meeting/media/peer'

/** As a browser's sender: what was read before another setting ended cannot be set (W3C WebRTC §5.2, transactionId). */
class Sender {
  encodings = [{ rid: 'q', active: true }, { rid: 'h', active: true }, { rid: 'f', active: true }]
  private read = false
  getParameters(): { encodings: { rid: string; active: boolean }[] } {
    this.read = true
    return { encodings: this.encodings.map((one) => ({ ...one })) }
  }
  async setParameters({ encodings }: { encodings: { rid: string; active: boolean }[] }): Promise<void> {
    if (!this.read) throw new DOMException('getParameters() was not called', 'InvalidStateError')
    await new Promise((resolve) => setTimeout(resolve, 1))
    if (!this.read) throw new DOMException('getParameters() was not called', 'InvalidStateError')
    this.read = false
    this.encodings = encodings
  }
}

afterEach(() => vi.unstubAllGlobals())

describe('the layers a site sends', () => {
  it('are those asked for last, however fast the asking', async () => {
    const sender = new Sender()
    vi.stubGlobal('RTCRtpReceiver', {})
    vi.stubGlobal('RTCPeerConnection', class {
      addTransceiver(): object {
        return { sender, direction: 'sendonly', mid: null }
      }
    })
    const peer = new Peer('pc')
    const asked = [[], ['q'], ['q', 'h']].map((rids) => peer.setActiveLayers('camera', rids).catch(() => undefined))
    await Promise.all(asked)
    expect(sender.encodings.filter((one) => one.active).map((one) => one.rid)).toEqual(['q', 'h'])
  })
})

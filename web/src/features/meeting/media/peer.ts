import { audioCodecs, CAMERA_LAYERS, lines, SCREEN_LAYERS, videoCodecs, withoutModes, withOpusNack, type Encoding } from './offer'
import type { Device, Source } from '../roomTypes'

const UP: Record<Source, number> = { audio: 0, camera: 1, screen: 2 }

/**
 * One RTCPeerConnection for the whole stay: offered once, in the order of `lines`. Turning a camera on or
 * off replaces a track; who fills which slot is the server's business. Owned by RoomSession.
 */
export class Peer {
  readonly connection: RTCPeerConnection
  /** One stream per receiving mid, so that an element keeps its source when the slot changes hands. */
  readonly streams = new Map<string, MediaStream>()
  onState: ((state: RTCPeerConnectionState) => void) | null = null
  private readonly transceivers: RTCRtpTransceiver[] = []
  private setting: Promise<void> = Promise.resolve()

  constructor(device: Device, iceServers: RTCIceServer[] = []) {
    this.connection = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require' })
    this.connection.onconnectionstatechange = () => this.onState?.(this.connection.connectionState)
    for (const line of lines(device)) {
      const encodings = line.kind === 'up_camera' ? CAMERA_LAYERS : line.kind === 'up_screen' ? SCREEN_LAYERS : []
      this.add(line.media, line.direction, encodings)
    }
  }

  private transceiver(media: 'audio' | 'video', direction: RTCRtpTransceiverDirection, encodings: readonly Encoding[]): RTCRtpTransceiver {
    if (encodings.length === 0) return this.connection.addTransceiver(media, { direction })
    try {
      return this.connection.addTransceiver(media, { direction, sendEncodings: encodings.map((one) => ({ ...one })) })
    } catch {
      return this.connection.addTransceiver(media, { direction, sendEncodings: withoutModes(encodings) })
    }
  }

  private add(media: 'audio' | 'video', direction: RTCRtpTransceiverDirection, encodings: readonly Encoding[]): void {
    const transceiver = this.transceiver(media, direction, encodings)
    const receiver = RTCRtpReceiver.getCapabilities?.(media)?.codecs ?? []
    const codecs = media === 'audio' ? audioCodecs(receiver) : videoCodecs(receiver)
    if (codecs.length > 0) transceiver.setCodecPreferences?.(codecs)
    this.transceivers.push(transceiver)
  }

  /** The local offer, complete: an ICE-lite server needs no candidates of ours. */
  async offer(iceRestart = false): Promise<string> {
    const offer = await this.connection.createOffer({ iceRestart })
    const sdp = withOpusNack(offer.sdp ?? '')
    await this.connection.setLocalDescription({ type: 'offer', sdp })
    return sdp
  }

  async accept(answer: string): Promise<void> {
    await this.connection.setRemoteDescription({ type: 'answer', sdp: answer })
    for (const transceiver of this.transceivers) {
      if (transceiver.mid === null || transceiver.direction !== 'recvonly') continue
      if (!this.streams.has(transceiver.mid)) this.streams.set(transceiver.mid, new MediaStream([transceiver.receiver.track]))
    }
  }

  async send(source: Source, track: MediaStreamTrack | null): Promise<void> {
    await this.transceivers[UP[source]]?.sender.replaceTrack(track)
  }

  /** Has a way to the server been found? The handshake over it may be under way yet. */
  get isReached(): boolean {
    return ['connected', 'completed'].includes(this.connection.iceConnectionState)
  }

  /** The server asks for no more than it forwards: unused layers of the camera stop at the source. */
  setActiveLayers(source: Exclude<Source, 'audio'>, rids: readonly string[]): Promise<void> {
    // One at a time: what is set while another setting is under way is refused, and the layers would stay as they are.
    const earlier = this.setting.catch(() => undefined)
    return (this.setting = earlier.then(() => this.applyLayers(this.transceivers[UP[source]]?.sender, rids)))
  }

  private async applyLayers(sender: RTCRtpSender | undefined, rids: readonly string[]): Promise<void> {
    if (!sender) return
    const parameters = sender.getParameters()
    parameters.encodings.forEach((encoding) => (encoding.active = rids.includes(encoding.rid ?? '')))
    await sender.setParameters(parameters)
  }

  close(): void {
    this.connection.onconnectionstatechange = null
    this.connection.close()
    this.streams.clear()
  }
}

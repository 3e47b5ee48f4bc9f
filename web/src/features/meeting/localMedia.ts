import { ref, shallowRef } from 'vue'
import { openCamera, openMicrophone, openScreen, rememberDevice, type Capture } from './media/devices'
import type { DeviceFailure } from './media/failures'
import type { Source } from './roomTypes'

type Failures = Partial<Record<Source, DeviceFailure>>

/**
 * This machine's microphone, camera and screen, from the pre-join page to leaving.
 *
 * `isOn` is the person's wish; a track may be missing although it is wished for (no camera still joins).
 * Owner of the tracks: whoever made this object calls `stopAll`.
 */
export class LocalMedia {
  readonly camera = shallowRef<MediaStreamTrack | null>(null)
  readonly microphone = shallowRef<MediaStreamTrack | null>(null)
  readonly screen = shallowRef<MediaStreamTrack | null>(null)
  readonly failures = shallowRef<Failures>({})
  readonly isCameraOn = ref(true)
  readonly isMicrophoneOn = ref(true)
  onChange: ((source: Source) => void) | null = null

  async start(): Promise<void> {
    // One after the other: two permission prompts at once confuse, and some old drivers fail.
    await this.useMicrophone()
    await this.useCamera()
  }

  async useCamera(deviceId?: string): Promise<void> {
    if (deviceId !== undefined) rememberDevice('videoinput', deviceId)
    this.camera.value?.stop()
    this.camera.value = this.keep('camera', await openCamera(deviceId))
    this.onChange?.('camera')
  }

  async useMicrophone(deviceId?: string): Promise<void> {
    if (deviceId !== undefined) rememberDevice('audioinput', deviceId)
    this.microphone.value?.stop()
    this.microphone.value = this.keep('audio', await openMicrophone(deviceId))
    this.onChange?.('audio')
  }

  async setCamera(on: boolean): Promise<void> {
    this.isCameraOn.value = on
    if (on && (!this.camera.value || this.camera.value.readyState === 'ended')) await this.useCamera()
    else this.onChange?.('camera')
  }

  async setMicrophone(on: boolean): Promise<void> {
    this.isMicrophoneOn.value = on
    if (on && (!this.microphone.value || this.microphone.value.readyState === 'ended')) await this.useMicrophone()
    else this.onChange?.('audio')
  }

  async setScreen(on: boolean): Promise<void> {
    this.screen.value?.stop()
    this.screen.value = on ? this.keep('screen', await openScreen()) : null
    this.onChange?.('screen')
  }

  /** What is to be sent of `source` now. */
  outgoing(source: Source): MediaStreamTrack | null {
    if (source === 'screen') return this.screen.value
    if (source === 'camera') return this.isCameraOn.value ? this.camera.value : null
    return this.isMicrophoneOn.value ? this.microphone.value : null
  }

  published(): Record<Source, boolean> {
    return {
      audio: this.outgoing('audio') !== null,
      camera: this.outgoing('camera') !== null,
      screen: this.outgoing('screen') !== null,
    }
  }

  stopAll(): void {
    this.onChange = null
    for (const track of [this.camera, this.microphone, this.screen]) {
      track.value?.stop()
      track.value = null
    }
  }

  private keep(source: Source, capture: Capture): MediaStreamTrack | null {
    const failures = { ...this.failures.value }
    delete failures[source]
    if (!capture.ok) failures[source] = capture.failure
    this.failures.value = failures
    if (!capture.ok) return null
    capture.track.onended = () => this.ended(source, capture.track)
    return capture.track
  }

  /** Unplugged, or "stop sharing" in the browser's own bar. */
  private ended(source: Source, track: MediaStreamTrack): void {
    if (source === 'screen' && this.screen.value === track) this.screen.value = null
    if (source === 'camera' && this.camera.value === track) this.camera.value = null
    if (source === 'audio' && this.microphone.value === track) this.microphone.value = null
    if (source !== 'screen') this.failures.value = { ...this.failures.value, [source]: 'missing' }
    this.onChange?.(source)
  }
}

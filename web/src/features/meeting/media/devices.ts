import { failureOf, type DeviceFailure } from './failures'

export type Capture =
  | { ok: true; track: MediaStreamTrack }
  | { ok: false; failure: DeviceFailure }

const remembered = (kind: string): string => localStorage.getItem(`fengsui.device.${kind}`) ?? ''

export function rememberDevice(kind: MediaDeviceKind, deviceId: string): void {
  localStorage.setItem(`fengsui.device.${kind}`, deviceId)
}

export const chosenDevice = (kind: MediaDeviceKind): string => remembered(kind)

/** Camera at 720p15–30: enough for three layers, and what old PCs can encode. */
export async function openCamera(deviceId = remembered('videoinput')): Promise<Capture> {
  return open({
    video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25, max: 30 }, ...preferred(deviceId) },
  })
}

export async function openMicrophone(deviceId = remembered('audioinput')): Promise<Capture> {
  return open({
    audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...preferred(deviceId) },
  })
}

/** `ideal`, not `exact`: an unplugged favourite falls back to any other device. */
const preferred = (deviceId: string): { deviceId?: ConstrainDOMString } => (deviceId ? { deviceId: { ideal: deviceId } } : {})

async function open(constraints: MediaStreamConstraints): Promise<Capture> {
  if (!globalThis.isSecureContext || !navigator.mediaDevices) return { ok: false, failure: 'insecure' }
  try {
    const stream = await navigator.mediaDevices.getUserMedia(constraints)
    const track = stream.getTracks()[0]
    return track ? { ok: true, track } : { ok: false, failure: 'missing' }
  } catch (error) {
    return { ok: false, failure: failureOf(error, globalThis.isSecureContext) }
  }
}

export async function openScreen(): Promise<Capture> {
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 15 } }, audio: false })
    const track = stream.getVideoTracks()[0]
    if (!track) return { ok: false, failure: 'missing' }
    track.contentHint = 'detail'
    return { ok: true, track }
  } catch (error) {
    return { ok: false, failure: failureOf(error, globalThis.isSecureContext) }
  }
}

export const canShareScreen = (): boolean => typeof navigator.mediaDevices?.getDisplayMedia === 'function'

export async function listDevices(): Promise<MediaDeviceInfo[]> {
  try {
    return (await navigator.mediaDevices?.enumerateDevices()) ?? []
  } catch {
    return []
  }
}

import type { Schema } from '@/protocol/schema'
import type { Http } from '@/protocol/http'

/** `streams`: the meetings it is in; `address`: without the password, and only for who may change it. */
export type Camera = Schema<'Camera'>

export type CameraState = Schema<'CameraState'>

export type CameraInput = Schema<'NewCamera'>

export const listCameras = (http: Http): Promise<{ items: Camera[] }> => http.get('/cameras')
export const addCamera = (http: Http, camera: CameraInput): Promise<Camera> => http.post('/cameras', camera)
/** Without `url` its address stays. */
export const changeCamera = (http: Http, id: string, version: number, camera: Omit<CameraInput, 'url'> & { url?: string }): Promise<Camera> => http.put(`/cameras/${id}`, { ...camera, version })
export const removeCamera = (http: Http, id: string, version: number): Promise<unknown> => http.delete(`/cameras/${id}?version=${version}`)
/** It may take a quarter of a minute until a camera is known not to answer. */
export const tryCamera = (http: Http, what: { url: string } | { camera_id: string }): Promise<CameraState> => http.patient<CameraState>('/cameras/try', what)
export const bringIn = (http: Http, meetingId: string, cameraId: string): Promise<{ participant_id: string }> => http.post(`/meetings/${meetingId}/cameras`, { camera_id: cameraId })
export const takeOut = (http: Http, meetingId: string, participantId: string): Promise<unknown> => http.delete(`/meetings/${meetingId}/cameras/${participantId}`)

import type { Schema } from '@/protocol/schema'
import type { Http } from '@/protocol/http'

export type Meeting = Schema<'signaling__routes__meetings__Meeting'>

/** `path`: the join link, only in the answer that made it. */
export type MeetingSite = Schema<'signaling__routes__meetings__Site'>

/** Bits per second; null: no ceiling of its own. */
export type LineCaps = Schema<'Caps'>

export type Stay = Schema<'Stay'>

export type MeetingDetail = Schema<'MeetingDetail'>

/** `key`: one for each form on the screen, so that a second click changes nothing. */
export type NewMeeting = Schema<'NewMeeting'>

export const listMeetings = (http: Http): Promise<{ items: Meeting[] }> => http.get('/meetings')
export const getMeeting = (http: Http, id: string): Promise<MeetingDetail> => http.get(`/meetings/${id}`)
export const createMeeting = (http: Http, meeting: NewMeeting): Promise<MeetingDetail> => http.post('/meetings', meeting)
export const renewLink = (http: Http, meetingId: string, linkId: string): Promise<{ path: string }> => http.post(`/meetings/${meetingId}/links/${linkId}`)
export const revokeLink = (http: Http, meetingId: string, linkId: string): Promise<unknown> => http.delete(`/meetings/${meetingId}/links/${linkId}`)
export const unlockLink = (http: Http, meetingId: string, linkId: string): Promise<unknown> => http.post(`/meetings/${meetingId}/orders`, { order: 'unlock_token', value: linkId })
export const newPin = (http: Http, unitId: string): Promise<{ pin: string }> => http.post(`/units/${unitId}/pin`)
export const setLineCaps = (http: Http, unitId: string, caps: LineCaps): Promise<LineCaps> => http.put(`/units/${unitId}/line-caps`, caps)

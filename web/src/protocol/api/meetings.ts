import type { Http } from '@/protocol/http'

export interface Meeting {
  id: string
  title: string
  incident_id: string | null
  is_drill: boolean
  state: 'scheduled' | 'open' | 'ended'
  starts_at: string
  ends_at: string
  may_chair: boolean
}

/** `path`: the join link, only in the answer that made it. */
export interface MeetingSite {
  link_id: string
  unit_id: string
  name: string
  role: 'chair' | 'staff' | 'site' | 'guest'
  is_locked: boolean
  is_revoked: boolean
  path: string | null
}

export interface Stay {
  participant_id: string
  unit_id: string
  site: string
  name: string
  joined_at: string
  left_at: string | null
  reason: string | null
}

export interface MeetingDetail {
  meeting: Meeting
  sites: MeetingSite[]
  attendance: Stay[]
}

/** `key`: one for each form on the screen, so that a second click changes nothing. */
export interface NewMeeting {
  key: string
  title: string
  unit_id: string
  starts_at: string
  ends_at: string
  sites: { unit_id: string; role: 'chair' | 'staff' | 'site' }[]
}

export const listMeetings = (http: Http): Promise<{ items: Meeting[] }> => http.get('/meetings')
export const getMeeting = (http: Http, id: string): Promise<MeetingDetail> => http.get(`/meetings/${id}`)
export const createMeeting = (http: Http, meeting: NewMeeting): Promise<MeetingDetail> => http.post('/meetings', meeting)
export const renewLink = (http: Http, meetingId: string, linkId: string): Promise<{ path: string }> => http.post(`/meetings/${meetingId}/links/${linkId}`)
export const revokeLink = (http: Http, meetingId: string, linkId: string): Promise<unknown> => http.delete(`/meetings/${meetingId}/links/${linkId}`)
export const unlockLink = (http: Http, meetingId: string, linkId: string): Promise<unknown> => http.post(`/meetings/${meetingId}/orders`, { order: 'unlock_token', value: linkId })
export const newPin = (http: Http, unitId: string): Promise<{ pin: string }> => http.post(`/units/${unitId}/pin`)

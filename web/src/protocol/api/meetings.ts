import type { Http } from '@/protocol/http'

export interface MeetingSite {
  unit_id: string
  name: string
  role: 'chair' | 'staff' | 'site' | 'guest'
  link?: string | null
  state?: string
}

export interface Meeting {
  meeting_id: string
  title: string
  starts_at: string
  ends_at: string
  state: 'planned' | 'open' | 'ended' | 'cancelled'
  incident_id: string | null
  sites: MeetingSite[]
}

export interface NewMeeting {
  title: string
  starts_at: string
  ends_at: string
  sites: { unit_id: string; name?: string; role: string }[]
}

export const listMeetings = (http: Http): Promise<{ items: Meeting[] }> => http.get('/meetings')
export const getMeeting = (http: Http, id: string): Promise<Meeting> => http.get(`/meetings/${id}`)
export const createMeeting = (http: Http, meeting: NewMeeting): Promise<Meeting> => http.post('/meetings', meeting)

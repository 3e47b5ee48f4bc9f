import type { Http } from '@/protocol/http'
import type { Meeting } from './meetings'
import type { Session } from './session'

/** What a join link opens, shown before joining. */
export interface Invitation {
  meeting_id: string
  title: string
  site: string
  name: string | null
  role: 'chair' | 'staff' | 'site' | 'guest'
  starts_at: string | null
  ends_at: string | null
  needs_pin: boolean
  is_open: boolean
}

export const invitationOfLink = (http: Http, token: string): Promise<Invitation> => http.get(`/join/${encodeURIComponent(token)}`)

/** The same page for a signed-in person; who sits down is named by the session. */
export async function invitationOfMeeting(http: Http, meetingId: string, session: Session): Promise<Invitation> {
  const meeting = await http.get<Meeting>(`/meetings/${encodeURIComponent(meetingId)}`)
  return {
    meeting_id: meeting.meeting_id,
    title: meeting.title,
    site: session.user.unit_name ?? session.user.name,
    name: session.user.name,
    role: 'site',
    starts_at: meeting.starts_at,
    ends_at: meeting.ends_at,
    needs_pin: false,
    is_open: true,
  }
}

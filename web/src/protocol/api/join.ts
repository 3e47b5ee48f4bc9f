import type { Http } from '@/protocol/http'
import { getMeeting } from './meetings'
import type { Session } from './session'

/** What a join link opens, shown before joining. */
export interface Invitation {
  title: string
  site: string
  name: string
  role: 'chair' | 'staff' | 'site' | 'guest'
  starts_at: string
  ends_at: string
  needs_pin: boolean
}

export async function invitationOfLink(http: Http, token: string): Promise<Invitation> {
  const link = await http.get<Omit<Invitation, 'name'>>(`/links/${encodeURIComponent(token)}`)
  return { ...link, name: '' }
}

/** The same page for a signed-in person; who sits down is named by the session. */
export async function invitationOfMeeting(http: Http, meetingId: string, session: Session): Promise<Invitation> {
  const { meeting } = await getMeeting(http, meetingId)
  return {
    title: meeting.title,
    site: session.user.unit_name ?? session.user.name,
    name: session.user.name,
    role: meeting.may_chair ? 'chair' : 'site',
    starts_at: meeting.starts_at,
    ends_at: meeting.ends_at,
    needs_pin: false,
  }
}

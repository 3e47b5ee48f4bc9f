import type { Schema } from '@/protocol/schema'
import type { Http } from '@/protocol/http'

export type Role =
  | 'admin' | 'auditor' | 'chair' | 'meeting_staff' | 'duty_officer' | 'leader' | 'township_official' | 'village_reporter'

export type Grant = Schema<'GrantInfo'>

export type User = Schema<'UserInfo'>

export type Session = Schema<'SessionInfo'>

export type Credentials = Schema<'Credentials'>

export async function fetchSession(http: Http): Promise<Session> {
  return kept(http, await http.get<Session>('/session'))
}

export async function signIn(http: Http, credentials: Credentials): Promise<Session> {
  return kept(http, await http.post<Session>('/session', credentials))
}

function kept(http: Http, session: Session): Session {
  http.csrfToken = session.csrf_token
  return session
}

export async function signOut(http: Http): Promise<void> {
  await http.delete('/session')
  http.csrfToken = null
}

export const changePassword = (http: Http, current: string, next: string): Promise<unknown> =>
  http.post('/session/password', { current_password: current, new_password: next })

import type { Http } from '@/protocol/http'

export type Role =
  | 'admin' | 'auditor' | 'chair' | 'meeting_staff' | 'duty_officer' | 'leader' | 'township_official' | 'village_reporter'

export interface Grant {
  role: Role
  unit_path: string
  unit_name?: string
}

export interface User {
  user_id: string
  name: string
  username: string
  person_id: string | null
  unit_id: string | null
  unit_name: string | null
  grants: Grant[]
  permissions: string[]
  must_change_password: boolean
}

export interface Session {
  csrf_token: string
  user: User
  is_demo: boolean
  county: string
}

export interface Credentials {
  username: string
  password: string
  totp?: string
}

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

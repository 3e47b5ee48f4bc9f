import type { Schema } from '@/protocol/schema'
import type { Http, Query } from '@/protocol/http'
import type { Role } from './session'

export type GrantSpec = Schema<'GrantSpec'>

export type Account = Schema<'UserOut'>

export const ROLES: readonly Role[] = ['admin', 'auditor', 'chair', 'meeting_staff', 'duty_officer', 'leader', 'township_official', 'village_reporter']

export const listAccounts = (http: Http, query: Query): Promise<{ items: Account[]; total: number }> => http.get('/users', query)
export const getAccount = (http: Http, id: string): Promise<Account> => http.get(`/users/${id}`)
/** `password`: told this one time. */
export const createAccount = (http: Http, account: { username: string; name: string; grants: GrantSpec[] }): Promise<{ user: Account; password: string }> => http.post('/users', account)
export const changeAccount = (http: Http, id: string, patch: { version: number; name?: string; is_disabled?: boolean; grants?: GrantSpec[] }): Promise<Account> => http.patch(`/users/${id}`, patch)
export const resetPassword = (http: Http, id: string): Promise<{ password: string }> => http.post(`/users/${id}/password`)

export const offerTotp = (http: Http): Promise<{ secret: string; address: string }> => http.post('/session/totp')
export const confirmTotp = (http: Http, totp: string): Promise<unknown> => http.post('/session/totp/confirm', { totp })
export const dropTotp = (http: Http, password: string): Promise<unknown> => http.post('/session/totp/drop', { password })

import type { Http } from '@/protocol/http'
import type { Schema } from '@/protocol/schema'

/** A conversation in the list; `key` opens it. */
export type TalkItem = Schema<'ThreadItem'>
export type Talk = Schema<'ThreadOut'>

export const listThreads = (http: Http, query: { q?: string; offset?: number; limit?: number } = {}): Promise<{ items: TalkItem[] }> => http.get('/sms/conversations', query)
export const readThread = (http: Http, key: string): Promise<Talk> => http.get(`/sms/conversations/${encodeURIComponent(key)}`)
export const writeTo = (http: Http, key: string, text: { key: string; unit_id: string; text: string }): Promise<{ message_id: string; order_id: string }> => http.post(`/sms/conversations/${encodeURIComponent(key)}/reply`, text)

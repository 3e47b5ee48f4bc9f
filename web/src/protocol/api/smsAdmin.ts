import type { Http } from '@/protocol/http'
import type { Schema } from '@/protocol/schema'

/** Ring-outs, numbers that may not be written to or were ported, webhooks. */
export type Call = Schema<'CallOut'>
export type KnownNumber = Schema<'NumberOut'>
export type Webhook = Schema<'WebhookOut'>

export const FACTS = ['recipient.delivered', 'recipient.failed', 'recipient.unknown', 'recipient.answered', 'inbound.received', 'village.reported', 'call.ended', 'balance.low'] as const

export const listCalls = (http: Http, limit = 100): Promise<{ items: Call[] }> => http.get('/sms/calls', { limit })
export const ring = (http: Http, call: { key: string; unit_id: string; person_id?: string; number?: string; ring_s: number }): Promise<Call> => http.post('/sms/calls', call)
export const listNumbers = (http: Http, offset: number, limit: number): Promise<{ items: KnownNumber[] }> => http.get('/sms/numbers', { offset, limit })
export const setNumber = (http: Http, number: { number: string; is_blocked: boolean; note: string; carrier: string }): Promise<unknown> => http.put('/sms/numbers', number)
export const listWebhooks = (http: Http): Promise<{ items: Webhook[] }> => http.get('/sms/webhooks')
export const addWebhook = (http: Http, hook: { url: string; facts: string[] }): Promise<Webhook> => http.post('/sms/webhooks', hook)
export const removeWebhook = (http: Http, id: string): Promise<unknown> => http.delete(`/sms/webhooks/${id}`)

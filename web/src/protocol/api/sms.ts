import type { Schema } from '@/protocol/schema'
import { queryString, type Http } from '@/protocol/http'

export type RecipientState = 'queued' | 'sending' | 'sent' | 'delivered' | 'unknown' | 'failed' | 'expired' | 'cancelled'
export type MessageClass = 'alert' | 'command' | 'reply' | 'notice' | 'bulletin'

export type Message = Schema<'Message'>

export type MessageRecipient = Schema<'RecipientItem'>

/** Every try for one recipient, and what they were sent. */
export type Attempts = Schema<'AttemptList'>

export type Inbound = Schema<'InboundItem'>

export type Modem = Schema<'ModemItem'>

/** `key`: one for each form. `confirmed_count`: typed by the sender above 100 recipients. */
export type NewMessage = Schema<'NewMessage'>

export type Handset = Schema<'Phone'>

interface Schedule {
  due_at: string
  repeat: 'daily' | 'workdays' | 'weekly' | 'monthly'
  repeat_until: string
}

export const CONFIRM_ABOVE = 100

export const listMessages = (http: Http, query: { before?: string; limit?: number; q?: string; class?: string } = {}): Promise<{ items: Message[] }> => http.get('/sms/messages', query)
export const getMessage = (http: Http, id: string): Promise<Message> => http.get(`/sms/messages/${id}`)
/** `order_id`: it waits for its time or for somebody's agreement. */
export const sendMessage = (http: Http, message: NewMessage & Partial<Schedule>): Promise<{ message_id: string; order_id?: string }> => http.post('/sms/messages', message)
export const cancelMessage = (http: Http, id: string): Promise<{ segments: number }> => http.post(`/sms/messages/${id}/cancel`)
export const resendUnknown = (http: Http, id: string, recipientId: string): Promise<unknown> => http.post(`/sms/messages/${id}/recipients/${recipientId}/resend`)
export const listInbound = (http: Http, query: { state?: string; q?: string; before?: string; limit?: number }): Promise<{ items: Inbound[] }> => http.get('/sms/inbox', query)
export const markHandled = (http: Http, id: string): Promise<unknown> => http.post(`/sms/inbox/${id}/handled`)
export const listModems = (http: Http): Promise<{ items: Modem[] }> => http.get('/sms/modems')
export const listHandsets = (http: Http): Promise<{ items: Handset[] }> => http.get('/demo/phones')
export const answerFrom = (http: Http, number: string, text: string): Promise<unknown> => http.post(`/demo/phones/${encodeURIComponent(number)}/answers`, { text })

/** A page of the delivery board; `after`: the position the page before ended with. */
export const listRecipients = (http: Http, id: string, query: { state?: string; after?: number; limit?: number }): Promise<{ items: MessageRecipient[] }> => http.get(`/sms/messages/${id}/recipients`, query)
export const listAttempts = (http: Http, id: string, recipientId: string): Promise<Attempts> => http.get(`/sms/messages/${id}/recipients/${recipientId}/attempts`)
/** The same filter as a file. */
export const inboxAddress = (kind: 'csv' | 'xlsx', query: { state?: string; q?: string }): string => `/api/v1/sms/inbox/export.${kind}${queryString(query)}`

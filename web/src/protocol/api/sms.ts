import type { Http } from '@/protocol/http'

export type RecipientState = 'queued' | 'sending' | 'sent' | 'delivered' | 'unknown' | 'failed' | 'expired' | 'cancelled'
export type MessageClass = 'alert' | 'command' | 'reply' | 'notice' | 'bulletin'

export interface Message {
  id: string
  class_: MessageClass
  text: string
  wire_text: string
  is_drill: boolean
  choices: Record<string, string> | null
  incident_id: string | null
  recipient_count: number
  segment_count: number
  counts: Partial<Record<RecipientState | 'answered', number>>
  created_at: string
  expires_at: string
  cancelled_at: string | null
}

export interface MessageRecipient {
  id: string
  position: number
  name: string
  number: string
  state: RecipientState
  cause: string | null
  modem: string | null
  sent_at: string | null
  reported_at: string | null
  answer: string | null
  choice: string | null
  answered_at: string | null
}

export interface Inbound {
  id: string
  number: string
  text: string
  modem: string
  received_at: string
  is_complete: boolean
  state: 'matched' | 'unmatched' | 'handled'
  message_id: string | null
  choice: string | null
}

export interface Modem {
  name: string
  path: string
  is_simulated: boolean
  state: string
  since: string
  reason: string
  operator: string
  rssi_dbm: number | null
  registration: string
  model: string
  own_number: string
  smsc: string
  sent: number
  failed: number
}

/** What a text costs on the air; `forced_by`: the characters that need UCS-2. */
export interface SmsCost {
  alphabet: string
  segments: number
  units: number
  units_left: number
  forced_by: string[]
  wire_text: string
}

/** `key`: one for each form. `confirmed_count`: typed by the sender above 100 recipients. */
export interface NewMessage {
  key: string
  unit_id: string
  class: MessageClass
  text: string
  person_ids: string[]
  group_ids: string[]
  numbers: string[]
  choices: Record<string, string>
  is_drill: boolean
  confirmed_count?: number
}

export interface Handset {
  number: string
  name: string
  title: string
  unit: string
  texts: { text: string; at: string; is_mine: boolean }[]
}

export const CONFIRM_ABOVE = 100

export const listMessages = (http: Http, query: { before?: string; limit?: number } = {}): Promise<{ items: Message[] }> => http.get('/sms/messages', query)
export const getMessage = (http: Http, id: string): Promise<Message> => http.get(`/sms/messages/${id}`)
export const sendMessage = (http: Http, message: NewMessage): Promise<{ message_id: string }> => http.post('/sms/messages', message)
export const cancelMessage = (http: Http, id: string): Promise<{ segments: number }> => http.post(`/sms/messages/${id}/cancel`)
export const resendUnknown = (http: Http, id: string, recipientId: string): Promise<unknown> => http.post(`/sms/messages/${id}/recipients/${recipientId}/resend`)
export const previewCost = (http: Http, text: string, isDrill: boolean): Promise<SmsCost> => http.post('/sms/preview', { text, is_drill: isDrill })
export const listInbound = (http: Http, query: { state?: string; before?: string; limit?: number }): Promise<{ items: Inbound[] }> => http.get('/sms/inbox', query)
export const markHandled = (http: Http, id: string): Promise<unknown> => http.post(`/sms/inbox/${id}/handled`)
export const listModems = (http: Http): Promise<{ items: Modem[] }> => http.get('/sms/modems')
export const listHandsets = (http: Http): Promise<{ items: Handset[] }> => http.get('/demo/phones')
export const answerFrom = (http: Http, number: string, text: string): Promise<unknown> => http.post(`/demo/phones/${encodeURIComponent(number)}/answers`, { text })

/** The whole delivery board, page by page of 500. */
export async function listRecipients(http: Http, id: string): Promise<MessageRecipient[]> {
  const found: MessageRecipient[] = []
  for (;;) {
    const after = found.at(-1)?.position ?? -1
    const { items } = await http.get<{ items: MessageRecipient[] }>(`/sms/messages/${id}/recipients`, { after, limit: 500 })
    found.push(...items)
    if (items.length < 500) return found
  }
}

import type { Http } from '@/protocol/http'
import type { MessageClass, RecipientState } from './sms'

/** What stands before and after a message: templates, orders that wait, estimate, statistics, modem tools. */
export interface Template {
  id: string
  unit_path: string
  name: string
  text: string
  longest: Record<string, string>
  variables: string[]
  /** At the longest values. */
  segments: number
  updated_at: string
  version: number
}

export type OrderState = 'waiting' | 'scheduled' | 'done' | 'refused' | 'cancelled'
export type Repeat = 'daily' | 'workdays' | 'weekly' | 'monthly'

/** A submission that waits for its time or for somebody's agreement. */
export interface SmsOrder {
  id: string
  state: OrderState
  class_: MessageClass
  text: string
  recipient_count: number
  unit_path: string
  sender: string
  created_at: string
  due_at: string | null
  repeat: Repeat | null
  runs: number
  message_id: string | null
  decided_by: string | null
  reason: string
}

/** One row of a month: a unit, class, modem or carrier. */
export interface MonthRow {
  key: string
  name: string
  messages: number
  segments: number
  recipients: number
  answered: number
  states: Partial<Record<RecipientState, number>>
}

export type StatisticsBy = 'unit' | 'class' | 'modem' | 'carrier'

export interface ModemDetail {
  name: string
  sent_today: number
  sent_this_month: number
  per_day: number
  per_month: number
  quota_share: number
  balance: string
  balance_at: string | null
  is_balance_low: boolean
}

export const listTemplates = (http: Http): Promise<{ items: Template[] }> => http.get('/sms/templates')
export const saveTemplate = (http: Http, template: Pick<Template, 'name' | 'text' | 'longest' | 'version'> & { unit_id: string }): Promise<Template> => http.put('/sms/templates', template)
export const removeTemplate = (http: Http, id: string, version: number): Promise<unknown> => http.delete(`/sms/templates/${id}?version=${version}`)
export const listOrders = (http: Http): Promise<{ items: SmsOrder[] }> => http.get('/sms/orders', { limit: 100 })
export const approveOrder = (http: Http, id: string): Promise<SmsOrder> => http.post(`/sms/orders/${id}/approve`)
export const refuseOrder = (http: Http, id: string, reason: string): Promise<SmsOrder> => http.post(`/sms/orders/${id}/refuse`, { reason })
export const cancelOrder = (http: Http, id: string): Promise<SmsOrder> => http.post(`/sms/orders/${id}/cancel`)
/** `confirmedCount`: typed by the sender above 100 recipients. `order_id`: it waits for somebody's agreement. */
/** `confirmed`: how many, typed by the sender, above 100. */
export const sendAgain = (http: Http, id: string, to: 'undelivered' | 'unconfirmed', key: string, confirmed?: number): Promise<{ message_id: string; order_id: string }> =>
  http.post(`/sms/messages/${id}/again`, { to, key, ...(confirmed === undefined ? {} : { confirmed_count: confirmed }) })
export const exportAddress = (id: string, kind: 'csv' | 'xlsx'): string => `/api/v1/sms/messages/${id}/export.${kind}`
export const monthStatistics = (http: Http, month: string, by: StatisticsBy): Promise<{ items: MonthRow[] }> => http.get('/sms/statistics', { month, by })
export const statisticsAddress = (kind: 'csv' | 'xlsx', month: string, by: StatisticsBy): string => `/api/v1/sms/statistics/export.${kind}?month=${month}&by=${by}`
export const modemDetail = (http: Http, name: string): Promise<ModemDetail> => http.get(`/sms/modems/${encodeURIComponent(name)}`)
export const modemTrace = (http: Http, name: string): Promise<{ items: { at: string; sent: boolean; text: string }[] }> => http.get(`/sms/modems/${encodeURIComponent(name)}/trace`)
export const testModem = (http: Http, name: string, number: string): Promise<{ message_id: string }> => http.post(`/sms/modems/${encodeURIComponent(name)}/test`, { number })
export const askBalance = (http: Http, name: string): Promise<{ text: string }> => http.post(`/sms/modems/${encodeURIComponent(name)}/balance`)

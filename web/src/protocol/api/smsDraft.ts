import type { Http } from '@/protocol/http'
import type { Schema } from '@/protocol/schema'
import type { MessageClass } from './sms'

/** A number with the name and values beside it: typed, pasted or read from a sheet. */
export interface Listed {
  number: string
  name: string
  values: Record<string, string>
}

export interface Draft {
  unit_id: string
  class: MessageClass
  text: string
  values: Record<string, string>
  person_ids: string[]
  group_ids: string[]
  listed: Listed[]
  is_drill: boolean
}

/** The draft as it would go out: who gets it, what each reads, what stands in the way. */
export type DraftView = Schema<'DraftOut'>
export type ShownRecipient = NonNullable<DraftView['first']>
export type Sheet = Schema<'SheetOut'>

export const MOST_RECIPIENTS = 20_000

export const showDraft = (http: Http, draft: Draft & { at: number }): Promise<DraftView> => http.post('/sms/draft', draft)
export const readPasted = (http: Http, text: string): Promise<{ items: Listed[]; without: string[] }> => http.post('/sms/pasted', { text })
export const readSheet = (http: Http, file: Blob, columns: { number_column?: number; name_column?: number } = {}): Promise<Sheet> => http.upload('/sms/sheet', file, columns)

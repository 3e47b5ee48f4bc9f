import type { Http } from '@/protocol/http'
import type { Schema } from '@/protocol/schema'

export type Recording = Schema<'Recording'>

export const listRecordings = (http: Http, meetingId: string): Promise<{ items: Recording[] }> => http.get(`/meetings/${meetingId}/recordings`)
export const recordingAddress = (meetingId: string, recordingId: string, file: string): string => `/api/v1/meetings/${meetingId}/recordings/${recordingId}/${encodeURIComponent(file)}`

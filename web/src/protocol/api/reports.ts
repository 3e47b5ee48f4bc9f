import type { Http } from '@/protocol/http'
import type { Schema } from '@/protocol/schema'

/** What a village sent by SMS. `intake`: what the form of a new incident begins with. */
export type VillageReport = Schema<'ReportItem'>

export const listWaitingReports = (http: Http): Promise<{ items: VillageReport[] }> => http.get('/reports', { state: 'waiting', limit: 50 })
export const attachReport = (http: Http, id: string, incidentId: string): Promise<VillageReport> => http.post(`/reports/${id}/attach`, { incident_id: incidentId })
export const dismissReport = (http: Http, id: string, reason: string): Promise<VillageReport> => http.post(`/reports/${id}/dismiss`, { reason })

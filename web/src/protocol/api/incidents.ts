import type { Http } from '@/protocol/http'
import type { ActivationOrder, NewIncident, Preview } from './incidentOrders'
import type { Figures, Incident, IncidentSummary, Suggestion } from './incidentTypes'

export type * from './incidentOrders'
export type * from './incidentTypes'

export const listIncidents = (http: Http): Promise<{ items: IncidentSummary[] }> => http.get('/incidents')
export const recordIncident = (http: Http, incident: NewIncident): Promise<Incident> => http.post('/incidents', incident)
export const previewActivation = (http: Http, id: string, order: ActivationOrder): Promise<Preview> => http.post(`/incidents/${id}/preview`, order)
export const activate = (http: Http, id: string, order: ActivationOrder): Promise<unknown> => http.post(`/incidents/${id}/activate`, order)
export const closeIncident = (http: Http, id: string, summary: string): Promise<unknown> => http.post(`/incidents/${id}/close`, { summary })
export const confirmActivation = (http: Http, id: string): Promise<unknown> => http.post(`/incidents/${id}/confirm`)
export const acknowledge = (http: Http, id: string, assignmentId: string, note: string): Promise<unknown> =>
  http.post(`/incidents/${id}/assignments/${assignmentId}/acknowledge`, { note })
export const startTask = (http: Http, id: string, taskId: string): Promise<unknown> => http.post(`/incidents/${id}/tasks/${taskId}/start`)
export const finishTask = (http: Http, id: string, taskId: string, result: string): Promise<unknown> =>
  http.post(`/incidents/${id}/tasks/${taskId}/finish`, { result })
export const addLog = (http: Http, id: string, text: string): Promise<unknown> => http.post(`/incidents/${id}/log`, { text })
export const suggestLevel = (http: Http, kindCode: string, figures: Figures): Promise<Suggestion> => http.post('/levels/suggest', { kind_code: kindCode, figures })

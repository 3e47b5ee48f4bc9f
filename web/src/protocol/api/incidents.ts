import type { Http } from '@/protocol/http'
import type { ActivationOrder, Closing, IncidentPatch, NewIncident, Preview } from './incidentOrders'
import type { Figures, Incident, IncidentSummary, Suggestion } from './incidentTypes'

export type * from './incidentOrders'
export type * from './incidentTypes'

export const listIncidents = (http: Http): Promise<{ items: IncidentSummary[] }> => http.get('/incidents')
export const getIncident = async (http: Http, id: string): Promise<Incident> => (await http.get<{ incident: Incident }>(`/incidents/${id}`)).incident
export const recordIncident = (http: Http, incident: NewIncident): Promise<Incident> => http.post('/incidents', incident)
export const previewActivation = (http: Http, id: string, order: ActivationOrder): Promise<Preview> => http.post(`/incidents/${id}/preview`, order)
export const activate = (http: Http, id: string, order: ActivationOrder): Promise<unknown> => http.post(`/incidents/${id}/activate`, order)
export const changeIncident = (http: Http, id: string, patch: IncidentPatch): Promise<unknown> => http.patch(`/incidents/${id}`, patch)
export const closeIncident = (http: Http, id: string, closing: Closing): Promise<unknown> => http.post(`/incidents/${id}/close`, closing)
export const revealReporter = (http: Http, id: string): Promise<{ number: string }> => http.post(`/incidents/${id}/reveal-reporter`)
export const confirmActivation = (http: Http, id: string): Promise<unknown> => http.post(`/incidents/${id}/confirm`)
export const revokeActivation = (http: Http, id: string, reason: string): Promise<unknown> => http.post(`/incidents/${id}/revoke`, { reason })
export const acknowledge = (http: Http, id: string, assignmentId: string, note: string): Promise<unknown> =>
  http.post(`/incidents/${id}/assignments/${assignmentId}/acknowledge`, { note })
export const startTask = (http: Http, id: string, taskId: string): Promise<unknown> => http.post(`/incidents/${id}/tasks/${taskId}/start`)
export const finishTask = (http: Http, id: string, taskId: string, result: string): Promise<unknown> =>
  http.post(`/incidents/${id}/tasks/${taskId}/finish`, { result })
export const decline = (http: Http, id: string, assignmentId: string, note: string): Promise<unknown> =>
  http.post(`/incidents/${id}/assignments/${assignmentId}/decline`, { note })
export const cancelTask = (http: Http, id: string, taskId: string, result: string): Promise<unknown> =>
  http.post(`/incidents/${id}/tasks/${taskId}/cancel`, { result })
export const addLog = (http: Http, id: string, text: string): Promise<unknown> => http.post(`/incidents/${id}/log`, { text })
export const suggestLevel = (http: Http, kindCode: string, figures: Figures): Promise<Suggestion> => http.post('/levels/suggest', { kind_code: kindCode, figures })

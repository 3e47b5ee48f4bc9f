import type { Schema } from '@/protocol/schema'
import type { Http } from '@/protocol/http'

/** A plan as a file holds it, and as it is uploaded. */
export type PlanDocument = Schema<'PlanDocument'>

export type PlanVersion = Schema<'PlanVersionItem'>

export const getPlan = (http: Http, id: string): Promise<PlanDocument> => http.get(`/plans/${id}`)
export const planVersion = (http: Http, id: string, version: number): Promise<PlanDocument> => http.get(`/plans/${id}`, { version })
export const listPlanVersions = (http: Http, id: string): Promise<{ items: PlanVersion[] }> => http.get(`/plans/${id}/versions`)
/** Nothing is stored; `newest_version` 0: there is no such plan yet. */
export const checkPlan = (http: Http, content: unknown): Promise<{ plan: PlanDocument; newest_version: number }> => http.post('/plans/check', content)
export const publishPlan = (http: Http, plan: PlanDocument): Promise<PlanDocument> => http.post('/plans', plan)
/** The current version as a file to edit and upload again. */
export const planAddress = (id: string): string => `/api/v1/plans/${encodeURIComponent(id)}`

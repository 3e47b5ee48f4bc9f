import type { Schema } from '@/protocol/schema'
import type { Http, Query } from '@/protocol/http'

export type AuditEntry = Schema<'AuditEntry'>

export type AuditVerdict = Schema<'AuditVerdict'>

export type SystemStatus = Schema<'SystemStatus'>

export type SelfTest = Schema<'SelfTest'>

export const listAudit = (http: Http, query: Query): Promise<{ items: AuditEntry[] }> => http.get('/audit', query)
export const verifyAudit = (http: Http): Promise<AuditVerdict> => http.post('/audit/verify')
export const fetchSystem = (http: Http): Promise<SystemStatus> => http.get('/system')
export const runSelfTest = (http: Http): Promise<SelfTest> => http.get('/system/check')
export type MediaWorkers = Schema<'MediaWorkers'>
export const listWorkers = (http: Http): Promise<MediaWorkers> => http.get('/system/media')
export const drainWorker = (http: Http, index: number): Promise<Schema<'Drained'>> => http.patient(`/system/media/${index}/drain`)
export const restartWorker = (http: Http, index: number): Promise<unknown> => http.post(`/system/media/${index}/restart`)
export const takeBackWorker = (http: Http, index: number): Promise<unknown> => http.delete(`/system/media/${index}/drain`)

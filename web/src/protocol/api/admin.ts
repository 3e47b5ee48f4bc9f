import type { Http, Query } from '@/protocol/http'

export interface AuditEntry {
  seq: number
  at: string
  actor: string
  actor_name: string
  action: string
  target: string
  reason: string | null
  detail: Record<string, unknown>
  hash: string
}

export interface AuditVerdict {
  count: number
  fault: string | null
  seq: number | null
  explanation: string
}

export interface SystemStatus {
  version: string
  started_at: string
  now: string
  is_demo: boolean
  database: string
  connections: number
  components: { name: string; is_ready: boolean; note: string }[]
}

export const listAudit = (http: Http, query: Query): Promise<{ items: AuditEntry[] }> => http.get('/audit', query)
export const verifyAudit = (http: Http): Promise<AuditVerdict> => http.post('/audit/verify')
export const fetchSystem = (http: Http): Promise<SystemStatus> => http.get('/system')

import type { Http } from '@/protocol/http'

export type RowKind = 'new' | 'changed' | 'same' | 'missing' | 'faulty'

export interface ImportRow {
  number: number
  kind: RowKind
  cells: string[]
  faults: { code: string; cell: string; text: string }[]
  notes: string[]
  before: Record<string, unknown> | null
  after: Record<string, unknown> | null
}

export interface ImportBatch {
  id: string
  file_name: string
  state: string
  counts: Partial<Record<RowKind, number>>
  header: string[]
  encoding: string
  created_by_name: string
  created_at: string
  committed_at: string | null
  undone_at: string | null
}

export const uploadImport = (http: Http, unitId: string, file: File): Promise<ImportBatch> =>
  http.upload('/imports', file, { unit_id: unitId, file_name: file.name })
export const importRows = (http: Http, id: string, kind: RowKind | ''): Promise<{ items: ImportRow[] }> => http.get(`/imports/${id}/rows`, { kind, limit: 200 })
export const commitImport = (http: Http, id: string, removeMissing: boolean): Promise<ImportBatch> => http.post(`/imports/${id}/commit`, { remove_missing: removeMissing })
export const undoImport = (http: Http, id: string): Promise<ImportBatch> => http.post(`/imports/${id}/undo`)
export const listImports = (http: Http): Promise<{ items: ImportBatch[] }> => http.get('/imports')

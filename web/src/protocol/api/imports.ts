import type { Http } from '@/protocol/http'

export type RowKind = 'new' | 'changed' | 'unchanged' | 'missing' | 'faulty'

export interface ImportContent {
  unit_id: string
  name: string
  title: string
  note: string
  phones: string[]
}

/** One row of the file and what committing does; `number` 0: a person who is not in the file. */
export interface ImportRow {
  number: number
  kind: RowKind
  faults: { code: string; cell: string; text: string }[]
  notes: string[]
  person_id: string | null
  before: ImportContent | null
  after: ImportContent | null
  changed: string[]
}

export interface ImportBatch {
  id: string
  unit_id: string
  file_name: string
  sheet: string
  encoding: string
  columns: { index: number; title: string; meaning: string | null }[]
  state: 'ready' | 'committed' | 'undone' | 'discarded'
  counts: Partial<Record<RowKind, number>>
  created_by: string
  created_at: string
  committed_at: string | null
  undone_at: string | null
  undo_blockers: string[]
}

const BASE = '/directory/imports'
export const uploadImport = (http: Http, unitId: string, file: File): Promise<ImportBatch> => http.upload(BASE, file, { unit_id: unitId, file_name: file.name })
export const importRows = (http: Http, id: string, kind: RowKind | ''): Promise<{ items: ImportRow[] }> => http.get(`${BASE}/${id}/rows`, { kind, limit: 500 })
export const commitImport = (http: Http, id: string, removeMissing: boolean): Promise<ImportBatch> => http.post(`${BASE}/${id}/commit`, { remove_missing: removeMissing })
export const undoImport = (http: Http, id: string, reason: string): Promise<ImportBatch> => http.post(`${BASE}/${id}/undo`, { reason })
export const faultsAddress = (id: string): string => `/api/v1${BASE}/${id}/faults.xlsx`

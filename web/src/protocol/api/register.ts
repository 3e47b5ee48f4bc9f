import type { Schema } from '@/protocol/schema'
import type { Http } from '@/protocol/http'
import type { Kind } from './incidents'

/** Hazard sources, plans and the map: what is looked up while commanding. */
export type Hazard = Schema<'HazardItem'>

/** GB 18218: the figures behind a major hazard's grade, so that anybody can check them. */
export interface Grading {
  s: number
  is_major: boolean
  r: number | null
  grade: number | null
  grade_name: string
  arithmetic: string[]
  remarks: string[]
}

export type OnDuty = Schema<'OnDuty'>

export type Shift = Schema<'ShiftItem'>

export type PlanSummary = Schema<'PlanSummary'>

/** One version of a plan (plans/model.py). */
export interface Plan extends PlanSummary {
  issued_on: string
  review_due_on: string
  drilled_on: string | null
  basis: string[]
  levels: { level: number; authority: string; any_of: { text: string }[]; calls: string[]; measures: string[]; expected_hours: number }[]
  roles: { key: string; name: string; post: string; unit: string }[]
  steps: { id: string; title: string; role: string; offset_min: number; limit_min: number; level_from: number; evidence: string }[]
  notices: { alert: string; reminder: string; overdue: string; stood_down: string }
  conference: { title: string; townships: string; minutes: number }
  escalation: { links: { to: string; wait_min: number }[]; rounds: number }
  resources: { kind: string; quantity: string; unit: string; must_arrive_min: number }[]
}

export const listHazards = (http: Http, query: { q?: string } = {}): Promise<{ items: Hazard[] }> => http.get('/hazards', query)
/** `keywords`: what a caller says instead of the standard's name. */
export interface SearchableKind extends Kind {
  keywords: string[]
}

export const listKinds = (http: Http): Promise<{ items: SearchableKind[] }> => http.get('/incident-kinds')
export const listPlans = (http: Http): Promise<{ items: PlanSummary[] }> => http.get('/plans')
export const getPlan = (http: Http, id: string): Promise<Plan> => http.get(`/plans/${id}`)
export const boundary = (http: Http): Promise<GeoJSON.FeatureCollection> => http.get('/map/boundaries')
export type NewShift = Schema<'ShiftBody'>

/** Stores, teams and shelters; `properties.kind` says which. */
export interface PlaceProperties {
  kind: 'store' | 'team' | 'shelter'
  id: string
  name: string
  person_id?: string
  stock?: { name: string; quantity: number; unit: string }[]
  speciality?: string
  members?: number
  muster_min?: number
  equipment?: string[]
  capacity?: number
}

export const places = (http: Http): Promise<GeoJSON.FeatureCollection<GeoJSON.Point, PlaceProperties>> => http.get('/map/places')
export const listShifts = (http: Http, begin: string, end: string): Promise<{ items: Shift[] }> => http.get('/roster', { begin, end })
export const addShift = (http: Http, shift: NewShift): Promise<unknown> => http.post('/roster', shift)
export const changeShift = (http: Http, id: string, shift: NewShift, version: number): Promise<unknown> => http.put(`/roster/${id}`, { ...shift, version })
export const removeShift = (http: Http, id: string, version: number): Promise<unknown> => http.delete(`/roster/${id}?version=${version}`)
export type HazardInput = Schema<'HazardBody'>
export const getHazard = (http: Http, id: string): Promise<Hazard> => http.get(`/hazards/${id}`)
export const addHazard = (http: Http, hazard: HazardInput): Promise<Hazard> => http.post('/hazards', hazard)
export const changeHazard = (http: Http, id: string, hazard: HazardInput): Promise<Hazard> => http.put(`/hazards/${id}`, hazard)
export const removeHazard = (http: Http, id: string, version: number): Promise<unknown> => http.delete(`/hazards/${id}?version=${version}`)
export const currentShift = (http: Http): Promise<{ shift: Shift | null }> => http.get('/roster/current')

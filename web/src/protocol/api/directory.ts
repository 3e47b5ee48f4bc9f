import type { Schema } from '@/protocol/schema'
import type { Http } from '@/protocol/http'

export type Unit = Schema<'UnitOut'>

export type Phone = Schema<'PhoneOut'>

export type Person = Schema<'PersonOut'>

/** Without `phones` the numbers stay as they are. */
export interface PersonInput {
  name: string
  unit_id: string
  title: string
  note: string
  phones?: string[]
}

export type Group = Schema<'GroupOut'>

export type GroupInput = Pick<Group, 'name' | 'unit_id' | 'member_ids' | 'rules'>
export type UnitInput = Pick<Unit, 'name' | 'kind' | 'parent_id' | 'code' | 'longitude' | 'latitude' | 'note' | 'position'>

interface People {
  items: Person[]
  total: number
}

const BASE = '/directory'
export const listUnits = (http: Http): Promise<{ items: Unit[] }> => http.get(`${BASE}/units`)
export const listPeople = (http: Http, query: { unit_id?: string; q?: string; offset?: number; limit?: number }): Promise<People> => http.get(`${BASE}/people`, query)
export const searchPeople = (http: Http, q: string): Promise<People> => listPeople(http, { q, limit: 30 })
export const getPerson = (http: Http, id: string): Promise<Person> => http.get(`${BASE}/people/${id}`)
export const createPerson = (http: Http, person: PersonInput): Promise<Person> => http.post(`${BASE}/people`, person)
export const changePerson = (http: Http, id: string, version: number, person: PersonInput): Promise<Person> => http.put(`${BASE}/people/${id}`, { ...person, version })
export const removePerson = (http: Http, id: string, version: number): Promise<unknown> => http.delete(`${BASE}/people/${id}?version=${version}`)
export const revealPerson = (http: Http, id: string, reason: string): Promise<Person> => http.post(`${BASE}/people/${id}/reveal`, { reason })
export const listGroups = (http: Http): Promise<{ items: Group[] }> => http.get(`${BASE}/groups`)
export const createGroup = (http: Http, group: GroupInput): Promise<Group> => http.post(`${BASE}/groups`, group)
export const changeGroup = (http: Http, id: string, version: number, group: GroupInput): Promise<Group> => http.put(`${BASE}/groups/${id}`, { ...group, version })
export const removeGroup = (http: Http, id: string, version: number): Promise<unknown> => http.delete(`${BASE}/groups/${id}?version=${version}`)
export const listPosts = (http: Http): Promise<{ items: { key: string; name: string }[] }> => http.get(`${BASE}/posts`)
export const createUnit = (http: Http, unit: UnitInput): Promise<Unit> => http.post(`${BASE}/units`, unit)
export const changeUnit = (http: Http, id: string, version: number, unit: UnitInput): Promise<Unit> => http.put(`${BASE}/units/${id}`, { ...unit, version })
export const removeUnit = (http: Http, id: string, version: number): Promise<unknown> => http.delete(`${BASE}/units/${id}?version=${version}`)
export const groupPeople = (http: Http, id: string): Promise<People> => http.get(`${BASE}/groups/${id}/people`)
export type Appointment = Schema<'AppointmentOut'>
export const listAppointments = (http: Http, unitId: string): Promise<{ items: Appointment[] }> => http.get(`${BASE}/units/${unitId}/appointments`)
export const appoint = (http: Http, unitId: string, post: string, personIds: string[], seenIds: string[]): Promise<{ items: Appointment[] }> =>
  http.put(`${BASE}/units/${unitId}/appointments/${post}`, { person_ids: personIds, seen_ids: seenIds })
/** Everybody of a unit's subtree as xlsx, numbers masked; the browser saves it. */
export const exportAddress = (unitId: string): string => `/api/v1${BASE}/export.xlsx?unit_id=${encodeURIComponent(unitId)}`

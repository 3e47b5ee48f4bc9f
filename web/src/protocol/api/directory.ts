import type { Http } from '@/protocol/http'

export interface Unit {
  id: string
  parent_id: string | null
  path: string
  kind: 'county' | 'township' | 'village' | 'department' | 'company' | 'station'
  name: string
  code: string
  longitude: number | null
  latitude: number | null
  version: number
}

export interface Phone {
  /** Masked (138****5678) unless revealed. */
  number: string
  kind: 'mobile' | 'landline' | 'short'
  extension: string
  is_primary: boolean
  is_demo: boolean
}

export interface Person {
  id: string
  unit_id: string
  unit_path: string
  unit_name: string
  name: string
  title: string
  note: string
  phones: Phone[]
  posts: string[]
  version: number
}

/** Without `phones` the numbers stay as they are. */
export interface PersonInput {
  name: string
  unit_id: string
  title: string
  note: string
  phones?: string[]
}

export interface Group {
  id: string
  unit_id: string
  unit_path: string
  name: string
  member_ids: string[]
  rules: { unit_path: string; post: string; unit_kind: Unit['kind'] | null }[]
  version: number
}

interface People {
  items: Person[]
  total: number
}

const BASE = '/directory'
export const listUnits = (http: Http): Promise<{ items: Unit[] }> => http.get(`${BASE}/units`)
export const listPeople = (http: Http, query: { unit_id?: string; q?: string; offset?: number; limit?: number }): Promise<People> => http.get(`${BASE}/people`, query)
export const searchPeople = (http: Http, q: string): Promise<People> => listPeople(http, { q, limit: 30 })
export const createPerson = (http: Http, person: PersonInput): Promise<Person> => http.post(`${BASE}/people`, person)
export const changePerson = (http: Http, id: string, version: number, person: PersonInput): Promise<Person> => http.put(`${BASE}/people/${id}`, { ...person, version })
export const removePerson = (http: Http, id: string, version: number): Promise<unknown> => http.delete(`${BASE}/people/${id}?version=${version}`)
export const revealPerson = (http: Http, id: string, reason: string): Promise<Person> => http.post(`${BASE}/people/${id}/reveal`, { reason })
export const listGroups = (http: Http): Promise<{ items: Group[] }> => http.get(`${BASE}/groups`)
export const createGroup = (http: Http, group: { name: string; unit_id: string; member_ids: string[] }): Promise<Group> => http.post(`${BASE}/groups`, group)
export const groupPeople = (http: Http, id: string): Promise<People> => http.get(`${BASE}/groups/${id}/people`)

import type { Callout, Figures, Task } from './incidentTypes'

export interface Preview {
  plan: { id: string; version: number; title: string }
  level: number
  level_name: string
  needs_confirmation: boolean
  matter: string
  measures: string[]
  expected_hours: number
  is_drill: boolean
  callouts: (Pick<Callout, 'role' | 'role_name' | 'unit_id' | 'unit' | 'steps'> & {
    is_first_alert: boolean
    problem: string | null
    tasks: string[]
    text: string
    segments: number
    units: number
    is_unicode: boolean
  })[]
  tasks: Pick<Task, 'step' | 'title' | 'role' | 'role_name' | 'opens_at' | 'due_at' | 'evidence'>[]
  meeting: { title: string; ends_at: string; sites: { unit_id: string; name: string; role: string }[] } | null
  problems: string[]
  people: number
  segments: number
}

/** `key`: one for each form on the screen, so that a double click records once. */
export interface NewIncident {
  key: string
  title: string
  kind_code: string
  unit_id: string
  place: string
  occurred_at: string
  source: 'phone' | 'sms' | 'web' | 'sensor' | 'patrol' | 'superior' | 'other'
  longitude: number | null
  latitude: number | null
  reporter: string
  reporter_number: string
  description: string
  hazard_id: string | null
  figures: Figures
  is_drill: boolean
}

export interface ActivationOrder {
  plan_id: string
  version: number
  level: number
  matter?: string
  measures?: string[]
}

/** What is known better now; what is left out stays as it is. `version`: the one on the screen. */
export interface IncidentPatch {
  version: number
  title?: string
  description?: string
  place?: string
  longitude?: number
  latitude?: number
  hazard_id?: string
  event_level?: number
  figures?: Figures
}

/** Shapes of `incident:ID` and `incidents`, as stated in command/service.py. Levels 1..4 = Ⅰ..Ⅳ. */
export type IncidentState = 'reported' | 'responding' | 'closed'
export type Figures = Record<string, number>

export interface Kind {
  code: string
  name: string
  category: string
}

export interface IncidentSummary {
  id: string
  number: string
  title: string
  state: IncidentState
  is_drill: boolean
  kind: Kind
  unit_id: string
  unit: string
  place: string
  longitude: number | null
  latitude: number | null
  occurred_at: string
  event_level: number | null
  response_level: number | null
  called: number
  acknowledged: number
  unreached: number
  recorded_at: string
  closed_at: string | null
}

export interface Incident {
  id: string
  number: string
  title: string
  description: string
  state: IncidentState
  is_drill: boolean
  kind: Kind
  unit_id: string
  unit: string
  place: string
  longitude: number | null
  latitude: number | null
  occurred_at: string
  reported_at: string
  reporter: string
  reporter_number: string
  source: string
  hazard: { id: string; name: string } | null
  figures: Figures
  event_level: number | null
  recorded_by: string
  recorded_at: string
  closed_at: string | null
  closed_by: string | null
  summary: string
  version: number
}

export interface Criterion {
  metric: string
  name: string
  value: number
  unit: string
  level: number | null
  level_name: string
  threshold: number | string | null
  source: string
  next?: { level: number; level_name: string; threshold: number; distance: number } | null
}

export interface Suggestion {
  domain: string | null
  level: number | null
  level_name: string
  note: string
  deciding: (Omit<Criterion, 'level' | 'level_name' | 'next'> & { is_verified: boolean }) | null
  criteria: Criterion[]
}

export interface PlanLevel {
  level: number
  name: string
  authority: string
  measures: string[]
  expected_hours: number
  needs_confirmation: boolean
}

export interface Proposal {
  plan_id: string
  version: number
  title: string
  score: number
  reasons: { points: number; text: string }[]
  response_level: number | null
  response_reason: string
  levels: PlanLevel[]
}

export interface Activation {
  id: string
  state: 'unconfirmed' | 'active' | 'ended' | 'revoked'
  plan: { id: string; version: number; title: string }
  level: number
  level_name: string
  matter: string
  expected_hours: number
  ends_expected_at: string
  measures: string[]
  needs_confirmation: boolean
  ordered_by: string
  ordered_at: string
  confirmed_by: string | null
  confirmed_at: string | null
  ended_at: string | null
}

export interface Task {
  id: string
  step: string
  title: string
  role: string
  role_name: string
  state: 'open' | 'started' | 'done' | 'cancelled'
  evidence: 'none' | 'text' | 'photo' | 'ack' | 'headcount'
  opens_at: string
  due_at: string
  is_overdue: boolean
  started_at: string | null
  done_at: string | null
  done_by: string | null
  result: string
}

export interface ChainStep {
  name: string
  wait_s: number
  people: { person_id: string; person: string; title: string; number?: string }[]
}

export interface Callout {
  id: string
  role: string
  role_name: string
  unit_id: string
  unit: string
  state: 'held' | 'calling' | 'acknowledged' | 'exhausted' | 'stopped'
  step: number
  steps: ChainStep[]
  next_escalation_at: string | null
  acknowledged_at: string | null
}

export type AssignmentState = 'pending' | 'submitted' | 'delivered' | 'acknowledged' | 'declined' | 'escalated' | 'failed'

export interface Assignment {
  id: string
  callout_id: string
  role: string
  role_name: string
  person_id: string
  person: string
  title: string
  unit_id: string
  unit: string
  number: string
  step: number
  step_name: string
  state: AssignmentState
  state_name: string
  message_id: string | null
  submitted_at: string | null
  delivered_at: string | null
  acknowledged_at: string | null
  acknowledged_how: 'sms' | 'phone' | 'console' | null
  acknowledged_by: string | null
  answer: string | null
  failure: string | null
  next_escalation_at: string | null
}

export interface LogEntry {
  id: string
  at: string
  kind: string
  actor: string
  text: string
  data: Record<string, unknown>
}

export interface IncidentMeeting {
  meeting_id: string
  title: string
  ends_at: string
  sites: { unit_id: string; name: string; role: string }[]
}

export interface IncidentBoard {
  incident: Incident
  suggestion: Suggestion | null
  proposals: Proposal[]
  activation: Activation | null
  tasks: Task[]
  callouts: Callout[]
  assignments: Assignment[]
  log: LogEntry[]
  meeting: IncidentMeeting | null
}

import type { Schema } from '@/protocol/schema'
/** Shapes of `incident:ID` and `incidents`, as stated in command/service.py. Levels 1..4 = Ⅰ..Ⅳ. */
export type IncidentState = 'reported' | 'responding' | 'closed'
export type Figures = Record<string, number>

export type Kind = Schema<'Kind'>

export type IncidentSummary = Schema<'IncidentSummary'>

export type Incident = Schema<'Incident'>

export type Criterion = Schema<'Judgement'>

export type Suggestion = Schema<'Suggestion'>

export type PlanLevel = Schema<'ProposedLevel'>

export type Proposal = Schema<'Proposal'>

export type Activation = Schema<'Activation'>

export type Task = Schema<'Task'>

export type ChainStep = Schema<'ChainLink'>

export type Callout = Schema<'Callout'>

export type AssignmentState = 'pending' | 'submitted' | 'delivered' | 'acknowledged' | 'declined' | 'escalated' | 'failed'

export type Assignment = Schema<'Assignment'>

export type LogEntry = Schema<'LogEntry'>

export type IncidentMeeting = Schema<'signaling__routes__command_shapes__Meeting'>

export type IncidentBoard = Schema<'IncidentBoard'>

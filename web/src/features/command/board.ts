import type { Change } from '@/protocol/feed'
import type {
  Activation, Assignment, AssignmentState, Callout, IncidentBoard, IncidentMeeting, IncidentSummary, LogEntry, Task,
} from '@/protocol/api/incidents'

/** The incident board as a value: snapshot, changes, and what is read off it. Pure. */
export function applyToBoard(board: IncidentBoard, change: Pick<Change, 'kind' | 'data'>): IncidentBoard {
  switch (change.kind) {
    case 'snapshot.replaced':
      return change.data as IncidentBoard
    case 'incident.changed':
      return { ...board, ...(change.data as Pick<IncidentBoard, 'incident' | 'suggestion' | 'proposals'>) }
    case 'activation.changed':
      return { ...board, activation: change.data as Activation }
    case 'task.changed':
      return { ...board, tasks: replaced(board.tasks, change.data as Task).sort((a, b) => a.opens_at.localeCompare(b.opens_at)) }
    case 'callout.changed':
      return { ...board, callouts: replaced(board.callouts, change.data as Callout) }
    case 'assignment.changed':
      return { ...board, assignments: replaced(board.assignments, change.data as Assignment) }
    case 'log.added':
      return { ...board, log: replaced(board.log, change.data as LogEntry) }
    case 'meeting.opened':
      return { ...board, meeting: change.data as IncidentMeeting }
    default:
      return board
  }
}

/** `rows` with `row` in the place of the one with its id, or at the end. */
export function replaced<T extends { id: string }>(rows: readonly T[], row: T): T[] {
  const at = rows.findIndex((one) => one.id === row.id)
  return at < 0 ? [...rows, row] : rows.map((one, index) => (index === at ? row : one))
}

export function applyToList(items: readonly IncidentSummary[], change: Pick<Change, 'kind' | 'data'>): IncidentSummary[] {
  if (change.kind !== 'incident.added' && change.kind !== 'incident.changed') return [...items]
  const summary = change.data as IncidentSummary
  return items.some((one) => one.id === summary.id) ? replaced(items, summary) : [summary, ...items]
}

/** Open before closed, graver before lighter, newer before older. */
export function inOrderOfUrgency(items: readonly IncidentSummary[]): IncidentSummary[] {
  const gravity = (one: IncidentSummary): number => one.response_level ?? one.event_level ?? 9
  return [...items].sort((a, b) =>
    Number(a.state === 'closed') - Number(b.state === 'closed') || gravity(a) - gravity(b) || b.recorded_at.localeCompare(a.recorded_at))
}

/** The road of one alert; a person stands at one of these points or fell off the road. */
export const ROAD = ['pending', 'submitted', 'delivered', 'acknowledged'] as const

export interface RoadPoint {
  state: (typeof ROAD)[number]
  isReached: boolean
  at: string | null
}

/** What of the road is proven: a state without its time counts as reached, but shows none. */
export function roadOf(one: Assignment): RoadPoint[] {
  const times = { pending: null, submitted: one.submitted_at, delivered: one.delivered_at, acknowledged: one.acknowledged_at }
  const isFar = ROAD.indexOf(one.state as (typeof ROAD)[number])
  return ROAD.map((state, index) => ({
    state,
    at: times[state],
    isReached: times[state] !== null || (isFar >= 0 && index <= isFar),
  }))
}

export const TONE: Record<AssignmentState, 'ok' | 'warn' | 'bad' | 'info' | ''> = {
  pending: '', submitted: 'info', delivered: 'info', acknowledged: 'ok', declined: 'bad', escalated: 'warn', failed: 'bad',
}

export interface Funnel {
  called: number
  submitted: number
  delivered: number
  acknowledged: number
  /** Callouts whose chain has ended, or whose every person fell off, without an acknowledgement. */
  unreached: number
}

export function funnelOf(board: Pick<IncidentBoard, 'assignments' | 'callouts'>): Funnel {
  const count = (test: (one: Assignment) => boolean): number => board.assignments.filter(test).length
  return {
    called: board.assignments.length,
    submitted: count((one) => roadOf(one)[1]!.isReached),
    delivered: count((one) => roadOf(one)[2]!.isReached),
    acknowledged: board.callouts.filter((one) => one.state === 'acknowledged').length,
    unreached: board.callouts.filter((one) => one.state === 'exhausted').length,
  }
}

/** The next moment at which somebody's silence is taken further; null when nobody is awaited. */
export function nextEscalation(callouts: readonly Callout[]): string | null {
  return callouts
    .filter((one) => one.state === 'calling' && one.next_escalation_at !== null)
    .map((one) => one.next_escalation_at!)
    .sort()[0] ?? null
}

/** One row of the matrix: a callout, the people called for it in order, and the role's tasks. */
export interface MatrixRow {
  callout: Callout
  people: Assignment[]
  tasks: Task[]
}

const URGENCY: Record<Callout['state'], number> = { exhausted: 0, calling: 1, held: 2, acknowledged: 3, stopped: 4 }

/** Unanswered rows first: that is where the officer must act. */
export function matrixOf(board: Pick<IncidentBoard, 'callouts' | 'assignments' | 'tasks'>): MatrixRow[] {
  return board.callouts
    .map((callout) => ({
      callout,
      people: board.assignments.filter((one) => one.callout_id === callout.id),
      tasks: board.tasks.filter((task) => task.role === callout.role),
    }))
    .sort((a, b) => URGENCY[a.callout.state] - URGENCY[b.callout.state])
}

const RING_RESULTS = ['answered', 'no_answer', 'busy', 'rejected', 'failed']
/** What ringing somebody awake came to; `none`: answered or too late before anybody was rung. */
export const ringOf = (one: Pick<Assignment, 'ring_result'>): string => {
  if (!one.ring_result) return 'ringing'
  return RING_RESULTS.includes(one.ring_result) ? one.ring_result : 'none'
}

import { describe, expect, it } from 'vitest'
import { applyToBoard, applyToList, funnelOf, inOrderOfUrgency, matrixOf, nextEscalation, roadOf } from '@/features/command/board'
import { figuresFor, filled } from '@/features/command/figures'
import type { Assignment, Callout, IncidentBoard, IncidentSummary, Task } from '@/protocol/api/incidents'

const callout = (id: string, more: Partial<Callout> = {}): Callout => ({
  id, role: id, role_name: id, unit_id: 'u', unit: '县', state: 'calling', step: 0, steps: [], next_escalation_at: null, acknowledged_at: null, ...more,
})
const person = (id: string, more: Partial<Assignment> = {}): Assignment => ({
  id, callout_id: 'c1', role: 'c1', role_name: '', person_id: id, person: id, title: '', unit_id: 'u', unit: '', number: '', step: 0, step_name: '主责', step_code: 'principal',
  state: 'pending', state_name: '未发', message_id: null, submitted_at: null, delivered_at: null, acknowledged_at: null, acknowledged_how: null,
  acknowledged_by: '', answer: '', failure: '', rung_at: null, ring_result: '', next_escalation_at: null, ...more,
})
const empty = { incident: {}, suggestion: null, proposals: [], activation: null, tasks: [], callouts: [], assignments: [], log: [], meeting: null } as unknown as IncidentBoard

describe('incident board', () => {
  it('replaces rows by id and appends new ones', () => {
    let board = applyToBoard(empty, { kind: 'assignment.changed', data: person('a') })
    board = applyToBoard(board, { kind: 'assignment.changed', data: person('b') })
    board = applyToBoard(board, { kind: 'assignment.changed', data: person('a', { state: 'acknowledged' }) })
    expect(board.assignments.map((one) => [one.id, one.state])).toEqual([['a', 'acknowledged'], ['b', 'pending']])
  })

  it('takes a log entry once and leaves unknown kinds alone', () => {
    const entry = { id: 'l1', at: '', kind: 'note', actor: '', text: '', data: {} }
    const once = applyToBoard(applyToBoard(empty, { kind: 'log.added', data: entry }), { kind: 'log.added', data: entry })
    expect(once.log).toHaveLength(1)
    expect(applyToBoard(once, { kind: 'drone.landed', data: {} })).toBe(once)
  })

  it('shows on the road only what is proven', () => {
    const reached = (one: Assignment): boolean[] => roadOf(one).map((point) => point.isReached)
    expect(reached(person('a'))).toEqual([true, false, false, false])
    expect(reached(person('a', { state: 'delivered', submitted_at: 'x' }))).toEqual([true, true, true, false])
    // Escalated after submission: the delivery is not claimed.
    expect(reached(person('a', { state: 'escalated', submitted_at: 'x' }))).toEqual([false, true, false, false])
    // Acknowledged by phone: an SMS that was never sent is not shown as sent.
    expect(roadOf(person('a', { state: 'acknowledged', acknowledged_at: 'x' }))[3]).toMatchObject({ at: 'x', isReached: true })
  })

  it('counts duties as confirmed by callout, not by person', () => {
    const funnel = funnelOf({
      callouts: [callout('c1', { state: 'acknowledged' }), callout('c2', { state: 'exhausted' })],
      assignments: [person('a', { state: 'escalated', submitted_at: 'x' }), person('b', { state: 'acknowledged', submitted_at: 'x', delivered_at: 'x', acknowledged_at: 'x' })],
    })
    expect(funnel).toEqual({ called: 2, submitted: 2, delivered: 1, acknowledged: 1, unreached: 1 })
  })

  it('counts down to the nearest escalation of somebody still awaited', () => {
    expect(nextEscalation([callout('a', { next_escalation_at: '2026-01-01T00:05:00Z' }), callout('b', { next_escalation_at: '2026-01-01T00:03:00Z' }), callout('c', { state: 'acknowledged', next_escalation_at: '2026-01-01T00:01:00Z' })])).toBe('2026-01-01T00:03:00Z')
    expect(nextEscalation([])).toBeNull()
  })

  it('puts unanswered duties first and gives each its people and tasks', () => {
    const rows = matrixOf({
      callouts: [callout('done', { state: 'acknowledged' }), callout('open'), callout('nobody', { state: 'exhausted' })],
      assignments: [person('p', { callout_id: 'open' })],
      tasks: [{ id: 't', role: 'open' } as Task],
    })
    expect(rows.map((row) => row.callout.id)).toEqual(['nobody', 'open', 'done'])
    expect(rows[1]).toMatchObject({ people: [{ id: 'p' }], tasks: [{ id: 't' }] })
  })
})

describe('incident list', () => {
  const one = (id: string, more: Partial<IncidentSummary> = {}): IncidentSummary => ({ id, state: 'reported', response_level: null, event_level: null, recorded_at: '2026-01-01', ...more }) as IncidentSummary
  it('puts open before closed and graver before lighter', () => {
    const items = [one('closed', { state: 'closed', event_level: 1 }), one('light', { event_level: 4 }), one('grave', { response_level: 2 })]
    expect(inOrderOfUrgency(items).map((item) => item.id)).toEqual(['grave', 'light', 'closed'])
  })
  it('adds a new one in front and replaces a known one', () => {
    const list = applyToList([one('a')], { kind: 'incident.added', data: one('b') })
    expect(list.map((item) => item.id)).toEqual(['b', 'a'])
    expect(applyToList(list, { kind: 'incident.changed', data: one('a', { title: '新' }) })[1]).toMatchObject({ title: '新' })
  })
})

describe('figures', () => {
  it('asks for what matters to the kind', () => {
    expect(figuresFor('11A01')).toContain('stage_above_warning_m')
    expect(figuresFor('92Z05')).toContain('leak_is_small')
    expect(figuresFor('')).toContain('deaths')
  })
  it('keeps an empty field apart from zero', () => {
    expect(filled({ deaths: 0, missing: '', trapped: '3', leak_is_small: true, dam_is_breaking: false })).toEqual({ deaths: 0, trapped: 3, leak_is_small: 1 })
  })
})

describe('a response that begins or ends', () => {
  it('replaces the whole board', () => {
    const next = { ...empty, tasks: [{ id: 't' } as Task] }
    expect(applyToBoard(empty, { kind: 'snapshot.replaced', data: next })).toBe(next)
  })
})

import { afterEach, describe, expect, it } from 'vitest'
import CalloutMatrix from '@/features/command/CalloutMatrix.vue'
import type { Assignment, Callout, IncidentBoard } from '@/protocol/api/incidents'
import { show } from './support'

const callout = (id: string, state: Callout['state']): Callout => ({
  id, role: id, role_name: `职责${id}`, unit_id: 'u', unit: '青澜县', state, step: 0, steps: [], next_escalation_at: null, acknowledged_at: null,
})
const person = (id: string, calloutId: string, more: Partial<Assignment> = {}): Assignment => ({
  id, callout_id: calloutId, role: calloutId, role_name: '', person_id: id, person: `人员${id}`, title: '局长', unit_id: 'u', unit: '', number: '100****0001', step: 0, step_name: '主责', step_code: 'principal', state: 'delivered', state_name: '已送达',
  message_id: 'm', submitted_at: '2026-11-21T00:00:00Z', delivered_at: '2026-11-21T00:00:05Z', acknowledged_at: null, acknowledged_how: null, acknowledged_by: '', answer: '', failure: '', rung_at: null, ring_result: '', next_escalation_at: null, ...more,
})
const board = {
  callouts: [callout('a', 'acknowledged'), callout('b', 'calling'), callout('c', 'exhausted')],
  assignments: [person('1', 'a', { state: 'acknowledged', acknowledged_at: '2026-11-21T00:01:00Z', acknowledged_how: 'sms', answer: '1' }), person('2', 'b'), person('3', 'c', { state: 'declined' })], tasks: [],
} as unknown as IncidentBoard

afterEach(() => (document.body.innerHTML = ''))

describe('who has confirmed', () => {
  it('puts those nobody answers for first and the confirmed last', () => {
    const view = show(CalloutMatrix, { board, canAct: true })
    expect(view.findAll('[data-callout]').map((row) => row.attributes('data-callout'))).toEqual(['c', 'b', 'a'])
    expect(view.text()).toContain('无人应答，请电话联系')
  })
  it('offers to note a confirmation or a refusal only where an answer is awaited', async () => {
    const view = show(CalloutMatrix, { board, canAct: true })
    expect(view.findAll('[data-test="ack"]')).toHaveLength(1)
    await view.find('[data-test="ack"]').trigger('click')
    await view.find('[data-test="decline"]').trigger('click')
    expect((view.emitted('acknowledge')![0]![0] as Assignment).id).toBe('2')
    expect((view.emitted('decline')![0]![0] as Assignment).id).toBe('2')
  })
  it('says what ringing somebody awake came to', () => {
    const rung = { ...board, assignments: [person('4', 'b', { state: 'escalated', rung_at: '2026-11-21T00:05:00Z', ring_result: 'no_answer' })] }
    expect(show(CalloutMatrix, { board: rung, canAct: true }).find('[data-test="rung"]').text()).toBe('电话无人接听')
  })
  it('offers nothing to who may only look', () => {
    expect(show(CalloutMatrix, { board, canAct: false }).findAll('[data-test="ack"], [data-test="decline"]')).toHaveLength(0)
  })
})

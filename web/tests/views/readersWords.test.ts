import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { flushPromises } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import CalloutMatrix from '@/features/command/CalloutMatrix.vue'
import IncidentTable from '@/features/command/IncidentTable.vue'
import RosterPage from '@/features/command/RosterPage.vue'
import StateRoad from '@/features/command/StateRoad.vue'
import en from '@/i18n/en/kinds'
import zh from '@/i18n/zh-CN/kinds'
import type { Assignment, IncidentBoard, IncidentSummary } from '@/protocol/api/incidents'
import { show } from './support'

beforeEach(() => localStorage.setItem('fengsui.locale', 'en'))
afterEach(() => {
  localStorage.clear()
  vi.restoreAllMocks()
  document.body.innerHTML = ''
})

const incident = (code: string, name: string) => ({ id: 'i1', number: '2026-0001', title: 'x', state: 'reported', kind: { code, name, category: '' }, unit: '', place: '', occurred_at: '2026-11-21T00:00:00Z' }) as unknown as IncidentSummary

describe('what the server says in Chinese', () => {
  it('is said in the language of the reader, by its code', () => {
    expect(show(IncidentTable, { items: [incident('11A01', '洪水')] }).text()).toContain('Flood')
    const board = { callouts: [{ id: 'c', role: 'r', role_name: '', unit: '', state: 'calling' }], assignments: [{ id: 'a', callout_id: 'c', role: 'r', step: 1, step_name: '副职', step_code: 'deputy', state: 'submitted', answer: '' }], tasks: [] } as unknown as IncidentBoard
    expect(show(CalloutMatrix, { board, canAct: false }).find('.step').text()).toBe('deputy')
    expect(show(IncidentTable, { items: [incident('99X99', '新的')] }).text()).toContain('新的')
  })
  it('knows every kind of incident the server knows, by the same name', () => {
    const rows = readFileSync(join(__dirname, '../../../command/data/event_types.csv'), 'utf8').trim().split('\n').slice(1).map((line) => line.split(','))
    expect(zh.incidentKind).toEqual(Object.fromEntries(rows.map(([code, , , name]) => [code, name])))
    expect(Object.keys(en.incidentKind)).toEqual(Object.keys(zh.incidentKind))
  })
  it.each([
    ['+CMS ERROR: 38', 'Network'], ['+CME ERROR: 10', 'SIM'], ['有效期内没有送到(关机或不在服务区)', 'switched off'], ['not sent in time', 'in time'], ['blocked: stop_word', 'notices'],
    ['+CMS ERROR: 999', '+CMS ERROR: 999'],
  ])('says why a text did not arrive: %s', (failure, said) => {
    const assignment = { state: 'failed', failure, submitted_at: null, delivered_at: null, acknowledged_at: null } as unknown as Assignment
    const text = show(StateRoad, { assignment }).text()
    expect(text).toContain(said)
    expect(text).not.toMatch(/[\u4e00-\u9fff]/)
  })
})

describe('the roster', () => {
  it('opens at the shift of now, once', async () => {
    const scrolled = vi.spyOn(Element.prototype, 'scrollIntoView').mockImplementation(() => undefined)
    const at = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString()
    const who = { person_id: 'p', person: '顾洋', title: '', number: '' }
    const shift = (id: string, from: number, to: number) => ({ id, starts_at: at(from), ends_at: at(to), leader: who, officers: [who] })
    vi.spyOn(await import('@/console/services').then(({ http }) => http), 'get').mockResolvedValue({ items: [shift('a', -30, -6), shift('b', -6, 18), shift('c', 18, 42)] } as never)
    const view = show(RosterPage, {}, [])
    await flushPromises()
    expect(scrolled).toHaveBeenCalledTimes(1)
    expect((scrolled.mock.contexts[0] as unknown as Element).classList.contains('now')).toBe(true)
    expect(document.activeElement?.classList.contains('now')).toBe(true)
    view.unmount()
  })
})

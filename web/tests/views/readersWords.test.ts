import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { flushPromises } from '@vue/test-utils'
import { defineComponent } from 'vue'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import CalloutMatrix from '@/features/command/CalloutMatrix.vue'
import IncidentTable from '@/features/command/IncidentTable.vue'
import LogTimeline from '@/features/command/LogTimeline.vue'
import ProposalPanel from '@/features/command/ProposalPanel.vue'
import RosterPage from '@/features/command/RosterPage.vue'
import StateRoad from '@/features/command/StateRoad.vue'
import SuggestionPanel from '@/features/command/SuggestionPanel.vue'
import { useGrading } from '@/features/command/useGrading'
import zhCommand from '@/i18n/zh-CN/command'
import en from '@/i18n/en/kinds'
import enSaid from '@/i18n/en/said'
import zh from '@/i18n/zh-CN/kinds'
import zhSaid from '@/i18n/zh-CN/said'
import type { Assignment, Incident, IncidentBoard, IncidentSummary, LogEntry, Proposal, Suggestion } from '@/protocol/api/incidents'
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
    ['+CMS ERROR: 38', 'Network'], ['+CME ERROR: 10', 'SIM'], ['有效期内没有送到(关机或不在服务区)', 'switched off'], ['not sent in time', 'in time'], ['blocked: stop_word', 'notices'], ['not a phone number', 'directory'], ['the text needs 12 segments, 6 are allowed', 'too long'],
    ['+CMS ERROR: 999', '+CMS ERROR: 999'],
  ])('says why a text did not arrive: %s', (failure, said) => {
    const assignment = { state: 'failed', failure, submitted_at: null, delivered_at: null, acknowledged_at: null } as unknown as Assignment
    const text = show(StateRoad, { assignment }).text()
    expect(text).toContain(said)
    expect(text).not.toMatch(/[\u4e00-\u9fff]/)
  })
})

const root = join(__dirname, '../../..')
const source = (folder: string): string => readdirSync(join(root, folder)).filter((name) => name.endsWith('.py')).map((name) => readFileSync(join(root, folder, name), 'utf8')).join('')
const codes = (text: string, pattern: RegExp): string[] => [...new Set([...text.matchAll(pattern)].flatMap((match) => match.slice(1).filter(Boolean)))]

describe('what the server explains', () => {
  it('has words for every line of the log, every reason and note there is', () => {
    const lines = codes(source('command'), /\bcode"?[=:] ?"(\w+)"(?: if \S+(?: is_asked_back)? else "(\w+)")?/g)
    expect(lines).toContain('escalated')
    expect(lines.filter((code) => !(code in enSaid.logLine) && !/^(incident_closed|not_active|report_handled|second_person_needed|already_active)$/.test(code) && code !== 'changed' && !code.includes('plan'))).toEqual([])
    expect(Object.keys(enSaid.planReason)).toEqual(expect.arrayContaining(codes(source('plans'), /Reason\(\d, \w*"?[^"]*"?, "(\w+)"/g)))
    expect(Object.keys(enSaid.levelNote)).toEqual(codes(source('command'), /NoteCode = Literal\["(\w+)", "(\w+)", "(\w+)", "(\w+)"\]/g))
  })

  it('names the figures as the server does', () => {
    const rows = [...source('command').matchAll(/Metric\("(\w+)", "([^"]+)", "([^"]*)", \w+, [-\w.]+, [-\w.]+(?:, "([^"]+)")?\)/g)]
    expect(rows.length).toBeGreaterThan(20)
    expect(zhSaid.figureName).toEqual(Object.fromEntries(rows.map(([, key, name]) => [key, name])))
    expect(zhSaid.figureDenied).toEqual(Object.fromEntries(rows.filter((row) => row[4]).map(([, key, , , denial]) => [key, denial])))
  })

  it('has words for every reason a source has no grade and a role no one to call', () => {
    const grading = readFileSync(join(root, 'command/grading.py'), 'utf8')
    const reasons = [...grading.matchAll(/InvalidInput\(\s*"([^"]+)"/g)].map(([, words]) => words!)
    expect(reasons.length).toBeGreaterThan(4)
    const unknown: string[] = []
    show(defineComponent({ setup: () => (unknown.push(...reasons.filter((one) => useGrading().problem(one) === one)), () => null) }))
    expect(unknown).toEqual([])
    const called = source('command')
    for (const words of Object.values(zhCommand.activate.problem)) expect(called).toContain(words)
  })

  it('is said without a Chinese word on an English page, but for what people and plans say', () => {
    const reason = (code: string, detail: object = {}) => ({ points: 1, text: '理由', code, detail })
    const level = { level: 3, name: 'Ⅲ级', authority: 'head', measures: [], expected_hours: 1, needs_confirmation: false }
    const proposal = { plan_id: 'p', version: 1, title: 'x', score: 3, reasons: [reason('kind_exact'), reason('level_in_range', { level: 3 }), reason('drilled', { on: '2026-05-12' })], response_level: null, response_reason: '请人工判断', levels: [level] } as unknown as Proposal
    const judged = { metric: 'direct_loss', name: '直接经济损失', value: 300, unit: '万元', level: 4, level_name: '一般', threshold: 100, source: 'GB', is_verified: true, next: { level: 3, level_name: '较大', threshold: 1000, distance: 700 } }
    const suggestion = { domain: 'x', level: 4, level_name: '一般', note: '依据', note_code: 'gravest', deciding: judged, criteria: [judged] } as unknown as Suggestion
    const shown = [show(ProposalPanel, { proposals: [proposal], canActivate: true }), show(SuggestionPanel, { incident: {} as Incident, suggestion })].map((view) => view.text()).join(' ')
    expect(shown).toContain('Decided by Direct loss: 300 × 10,000 yuan, threshold 100 × 10,000 yuan')
    expect(shown).toContain('700 × 10,000 yuan short of major')
    expect(shown).not.toMatch(/[\u4e00-\u9fff]/)
  })

  it.each([
    [{ code: 'reported', what: 'Works leak', figures: { deaths: 2, leak_is_small: 0 }, reporter: 'Gu' }, 'Report: Works leak; Deaths: 2, Large leak (over 208 l); reported by Gu'],
    [{ code: 'changed', fields: { title: ['a', 'b'], place: ['', 'c'] }, figures: { missing: 1 }, level: 2 }, 'title changed from “a” to “b”; place changed from “nothing” to “c”; Now known: Missing: 1; Event level set to serious'],
    [{ code: 'escalated', role: 'Rescue', why: 'no_answer', link: 'deputy', names: 'Li' }, 'Rescue: nobody confirmed; escalated to deputy Li'],
    [{ code: 'failed', name: 'Li', cause: '+CMS ERROR: 38' }, 'The SMS to Li failed: Network out of order (perhaps over quota)'],
    [{ code: 'rung', name: 'Li', result: 'expired' }, 'Rang Li: not rung'],
    [{ code: 'task_finish', task: 'Plug it', result: 'done' }, 'Task done: “Plug it”: done'],
    [{ code: 'village', who: 'Li', figure: 'water_level', value: 3.2, note: 'rising' }, 'Li reports water level 3.2 m, rising'],
    [{}, '值班员的原话'],
  ])('reads a line of the log: %o', (data, said) => {
    const entries = [{ id: 'e', at: '2026-11-21T06:00:00Z', kind: 'note', actor: '', text: '值班员的原话', data }] as LogEntry[]
    expect(show(LogTimeline, { entries, canWrite: false, add: async () => null }).get('.pre').text()).toBe(said)
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

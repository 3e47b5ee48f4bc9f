import { afterEach, describe, expect, it, vi } from 'vitest'
import ActivationDialog from '@/features/command/ActivationDialog.vue'
import type { Preview } from '@/protocol/api/incidents'
import { WireError } from '@/protocol/errors'
import { server, settled, show } from './support'

const preview = (needsConfirmation: boolean): Preview => ({
  plan: { id: 'p1', version: 2, title: '危险化学品泄漏事故应急预案' }, level: 2, level_name: 'Ⅱ级', needs_confirmation: needsConfirmation, matter: '', measures: [], expected_hours: 4, is_drill: false,
  callouts: [{
    role: 'chief', role_name: '总指挥', unit_id: 'county', unit: '青澜县', is_first_alert: true, problem: null, tasks: [], text: '【县应急指挥中心】启动Ⅱ级响应，回1收到。', segments: 1, units: 30, is_unicode: true,
    steps: [{ name: '主责', wait_s: 180, people: [{ person_id: 'a', person: '吕康', title: '副县长', number: '100****0003' }] }],
  }],
  tasks: [], meeting: { title: '会商', ends_at: '2026-11-22T00:00:00Z', sites: [] }, problems: [], people: 11, segments: 31,
})
const choice = { proposal: { plan_id: 'p1', version: 2, title: '危险化学品泄漏事故应急预案' }, level: 2 }

afterEach(() => {
  vi.restoreAllMocks()
  document.body.innerHTML = ''
})

describe('activation dialog', () => {
  it('sends nothing but a question until the officer presses the button', async () => {
    const sent = server({ 'POST /incidents/i1/preview': preview(false) })
    const view = show(ActivationDialog, { incidentId: 'i1', choice })
    await settled()
    expect(view.text()).toContain('吕康')
    expect(view.text()).toContain('回1收到')
    expect(sent.map((one) => one.path)).toEqual(['POST /incidents/i1/preview'])
  })
  it('says that a second person must confirm, and who is told before', async () => {
    server({ 'POST /incidents/i1/preview': preview(true) })
    const view = show(ActivationDialog, { incidentId: 'i1', choice })
    await settled()
    expect(view.text()).toContain('本级响应需第二人确认')
    expect(view.text()).toContain('首报')
  })
  it('sends the same key however often it is pressed, so that it activates once', async () => {
    let fails = true
    const sent = server({
      'POST /incidents/i1/preview': preview(false),
      'POST /incidents/i1/activate': () => {
        if (fails) throw new WireError('timeout', 'no answer')
        return {}
      },
    })
    const view = show(ActivationDialog, { incidentId: 'i1', choice })
    await settled()
    await view.find('[data-test="activate"]').trigger('click')
    await settled()
    expect(view.find('[role="alert"]').text()).toContain('没有及时回答')
    fails = false
    await view.find('[data-test="activate"]').trigger('click')
    await settled()
    const keys = sent.filter((one) => one.path.endsWith('/activate')).map((one) => (one.body as { key: string }).key)
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
    expect(keys[0]!.length).toBeGreaterThan(8)
    expect(view.emitted('activated')).toHaveLength(1)
  })
})

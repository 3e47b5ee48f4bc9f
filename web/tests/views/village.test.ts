import { flushPromises } from '@vue/test-utils'
import { afterEach, describe, expect, it, vi } from 'vitest'
import VillageCard from '@/features/command/VillageCard.vue'
import { server, show } from './support'

const report = { id: 'r1', said: '烽台镇王河长报告水情3.2米', received_at: '2026-11-21T00:00:00Z' }
const open = [{ id: 'i1', number: '2026-0001', title: '山洪' }]

afterEach(() => vi.restoreAllMocks())

describe('reports of villages', () => {
  it('puts one to an open incident, or begins the form of a new one with it', async () => {
    const sent = server({ 'GET /reports': { items: [report] }, 'POST /reports/r1/attach': report })
    const view = show(VillageCard, { open }, ['incident.write'])
    await flushPromises()
    expect(view.text()).toContain('烽台镇王河长报告水情3.2米')
    expect(view.find('[data-test="village-record"]').attributes('href')).toContain('/incidents/new?report=r1')
    await view.find('[data-test="village-attach"]').setValue('i1')
    await flushPromises()
    expect(sent).toContainEqual({ path: 'POST /reports/r1/attach', body: { incident_id: 'i1' } })
  })
  it('offers nothing to who may only look, and is not there when there is none', async () => {
    server({ 'GET /reports': { items: [report] } })
    const view = show(VillageCard, { open }, ['incident.read'])
    await flushPromises()
    expect(view.findAll('[data-test^="village-"]')).toHaveLength(0)
    server({ 'GET /reports': { items: [] } })
    const none = show(VillageCard, { open }, ['incident.write'])
    await flushPromises()
    expect(none.find('[data-test="village"]').exists()).toBe(false)
  })
})

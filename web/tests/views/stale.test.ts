import { afterEach, describe, expect, it, vi } from 'vitest'
import HazardDialog from '@/features/command/HazardDialog.vue'
import AppointmentDialog from '@/features/directory/AppointmentDialog.vue'
import type { Hazard } from '@/protocol/api/register'
import { WireError } from '@/protocol/errors'
import { server, settled, show } from './support'

const tank = { id: 'h1', kind: 'reservoir', name: '雁回水库', unit_id: 'u1', unit: '雁回镇', township_id: 't9', longitude: 110, latitude: 30, address: '', holdings: [], exposed_500m: null, responsible_ids: ['p1'], attributes: {}, grade: null, grading: null, grading_problem: '', version: 3, kind_name: '水库' } as unknown as Hazard
const units = { items: [{ id: 'u1', name: '雁回镇' }] }
const stale = (): never => {
  throw new WireError('stale', '', null, 409, '王兰', new Date().toISOString())
}

afterEach(() => {
  vi.restoreAllMocks()
  document.body.innerHTML = ''
})

describe('a dialog whose object somebody else has changed meanwhile', () => {
  it('says who it was, keeps what was typed, shows the difference, and then saves over exactly that', async () => {
    const theirs = { ...tank, name: '雁回水库（加固）', responsible_ids: ['p2'], version: 4 }
    let isFirst = true
    const sent = server({
      'GET /directory/units': units, 'GET /hazards/h1': theirs,
      'PUT /hazards/h1': () => (isFirst ? ((isFirst = false), stale()) : theirs),
    })
    const view = show(HazardDialog, { hazard: tank })
    await settled()
    const name = (): HTMLInputElement => document.querySelector('[name="hazard-name"]')!
    name().value = '雁回一库'
    name().dispatchEvent(new Event('input'))
    document.querySelector('form')!.dispatchEvent(new Event('submit'))
    await settled()
    expect(document.querySelector('[data-test="stale"]')!.textContent).toContain('王兰')
    expect(name().value).toBe('雁回一库')
    document.querySelector<HTMLButtonElement>('[data-test="look"]')!.click()
    await settled()
    const rows = [...document.querySelectorAll('[data-test="stale"] tbody tr')].map((row) => row.textContent)
    expect(rows).toEqual(['名称雁回水库（加固）雁回一库'])
    document.querySelector('form')!.dispatchEvent(new Event('submit'))
    await settled()
    expect(sent.at(-1)).toMatchObject({ path: 'PUT /hazards/h1', body: { name: '雁回一库', version: 4, responsible_ids: ['p2'] } })
    expect(view.emitted('saved')).toEqual([['h1']])
  })
  it('keeps the posts as they were set here and sends who was seen in them', async () => {
    const held = (id: string, name: string): object => ({ unit_id: 'u1', post: 'head', post_name: '镇长', rank: 0, person: { id, name, unit_name: '雁回镇', title: '' } })
    const answers = { 'GET /directory/posts': { items: [{ key: 'head', name: '镇长' }] }, 'GET /directory/units/u1/appointments': { items: [held('p1', '赵兰')] }, 'PUT /directory/units/u1/appointments/head': stale }
    const sent = server(answers)
    show(AppointmentDialog, { unit: units.items[0], canWrite: true })
    await settled()
    document.querySelector<HTMLButtonElement>('[data-post="head"] [aria-label*="赵兰"]')!.click()
    await settled()
    document.querySelector<HTMLButtonElement>('[data-test="save-appointments"]')!.click()
    await settled()
    expect(sent.at(-1)!.body).toEqual({ person_ids: [], seen_ids: ['p1'] })
    answers['GET /directory/units/u1/appointments'] = { items: [held('p2', '周平')] }
    document.querySelector<HTMLButtonElement>('[data-test="look"]')!.click()
    await settled()
    expect(document.querySelector('[data-test="stale"]')!.textContent).toContain('周平')
    document.querySelector<HTMLButtonElement>('[data-test="save-appointments"]')!.click()
    await settled()
    expect(sent.at(-1)!.body).toEqual({ person_ids: [], seen_ids: ['p2'] })
  })
})

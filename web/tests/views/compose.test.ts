import { afterEach, describe, expect, it, vi } from 'vitest'
import ComposePage from '@/features/sms/ComposePage.vue'
import { WireError } from '@/protocol/errors'
import { server, settled, show } from './support'

const nothing = { 'GET /directory/groups': { items: [] }, 'GET /sms/templates': { items: [] } }
const classes = (permissions: string[]): string[] => (show(ComposePage, {}, permissions).vm as unknown as { classes: string[] }).classes
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 500))

afterEach(() => {
  vi.restoreAllMocks()
  document.body.innerHTML = ''
})

describe('composing a text', () => {
  it('cannot be sent without words or without anybody to send to', async () => {
    server(nothing)
    const view = show(ComposePage, {}, ['sms.send'])
    const button = view.find('[data-test="send"]')
    expect(button.attributes('disabled')).toBeDefined()
    await view.find('[name="text"]').setValue('会议改在三楼')
    expect(button.attributes('disabled')).toBeDefined()
    await view.find('[name="numbers"]').setValue('13800000000')
    expect(button.attributes('disabled')).toBeUndefined()
  })
  it('offers alerts only to those who may activate a plan', async () => {
    server(nothing)
    expect(classes(['sms.send'])).not.toContain('alert')
    expect(classes(['sms.send', 'incident.activate'])).toContain('alert')
  })
  it('shows what goes on the air, how long it takes, and which words to look at again', async () => {
    server({
      ...nothing,
      'POST /sms/preview': { alphabet: 'ucs2', segments: 2, units: 80, units_left: 52, forced_by: ['会'], wire_text: '【县应急指挥中心】会议改在三楼' },
      'POST /sms/estimate': { segments: 4, seconds: 260, needs_approval: true, look_at: ['三楼'] },
    })
    const view = show(ComposePage, {}, ['sms.send'])
    await view.find('[name="text"]').setValue('会议改在三楼')
    await view.find('[name="numbers"]').setValue('13800000000 13900000000')
    await pause()
    expect(view.text()).toContain('【县应急指挥中心】会议改在三楼')
    expect(view.find('[data-test="estimate"]').text()).toContain('4 分 20 秒')
    expect(view.find('[data-test="estimate"]').text()).toContain('另一人批准')
  })
  it('asks for the number of recipients when the server wants it typed', async () => {
    const sent = server({
      ...nothing,
      'POST /sms/messages': (body: unknown) => {
        if ((body as { confirmed_count?: number }).confirmed_count === 250) return { message_id: 'm1' }
        throw new WireError('invalid_input', 'type 250 to confirm', 'confirmed_count')
      },
    })
    const view = show(ComposePage, {}, ['sms.send'])
    await view.find('[name="text"]').setValue('通知')
    await view.find('[name="numbers"]').setValue('13800000000')
    await view.find('form').trigger('submit')
    await settled()
    expect(view.find('[role="alert"]').text()).toContain('250')
    await view.find('input.large').setValue(250)
    await view.find('form').trigger('submit')
    await settled()
    const keys = sent.filter((one) => one.path === 'POST /sms/messages').map((one) => (one.body as { key: string }).key)
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
  })
})

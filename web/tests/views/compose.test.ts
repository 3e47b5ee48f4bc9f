import { afterEach, describe, expect, it, vi } from 'vitest'
import ComposePage from '@/features/sms/ComposePage.vue'
import { WireError } from '@/protocol/errors'
import { server, settled, show } from './support'

const nothing = { 'GET /directory/groups': { items: [] }, 'GET /sms/templates': { items: [] } }
const shown = { index: 0, name: '张三', number: '138****0000', text: '【县应急指挥中心】会议改在三楼', segments: 1 }
const draft = {
  recipients: 2, segments: 2, doubles: 0, blocked: 0, out_of_reach: [], without_mobile: [], without_mobile_count: 0, missing: [], missing_count: 0,
  first: shown, longest: shown, chosen: shown, seconds: 3, rests_until: null, fen: null, needs_approval: false, look_at: [],
}
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
  it('shows what each reads, how long it takes, what it costs, and which words to look at again', async () => {
    const sent = server({ ...nothing, 'POST /sms/draft': { ...draft, seconds: 260, fen: 1800, needs_approval: true, look_at: ['三楼'] } })
    const view = show(ComposePage, {}, ['sms.send'])
    await view.find('[name="text"]').setValue('会议改在三楼')
    await view.find('[name="numbers"]').setValue('13800000000 13900000000')
    await pause()
    expect(sent.filter((one) => one.path === 'POST /sms/draft').map((one) => (one.body as { listed: { number: string }[] }).listed.map(({ number }) => number)).at(-1)).toEqual(['13800000000', '13900000000'])
    expect(view.find('[data-test="wire"]').text()).toBe('【县应急指挥中心】会议改在三楼')
    const estimate = view.find('[data-test="estimate"]').text()
    for (const words of ['4 分 20 秒', '另一人批准', '18.00 元', '三楼']) expect(estimate).toContain(words)
  })
  it('cannot be sent while somebody lacks a value, and says who', async () => {
    server({ ...nothing, 'POST /sms/draft': { ...draft, missing: [{ name: '李四', number: '139****0000', variable: '时间' }], missing_count: 1 } })
    const view = show(ComposePage, {}, ['sms.send'])
    await view.find('[name="text"]').setValue('{姓名}请于{时间}到')
    await view.find('[name="numbers"]').setValue('13800000000')
    await pause()
    expect(view.findAll('[name^="var-"]').map((one) => one.attributes('name'))).toEqual(['var-时间'])
    expect(view.find('[data-test="draft"] [role="alert"]').text()).toContain('李四 {时间}')
    expect(view.find('[data-test="send"]').attributes('disabled')).toBeDefined()
  })
  it('keeps the names and values of a pasted table', async () => {
    const items = [{ number: '+8613800000000', name: '张三', values: { 座位: '一排' } }]
    const sent = server({ ...nothing, 'POST /sms/pasted': { items, without: [] }, 'POST /sms/draft': draft, 'POST /sms/messages': { message_id: 'm1' } })
    const view = show(ComposePage, {}, ['sms.send'])
    await view.find('[name="text"]').setValue('{姓名}坐{座位}')
    const event = Object.assign(new Event('paste', { cancelable: true }), { clipboardData: { getData: () => '张三\t13800000000\t一排\n' + '李四\t无' } })
    view.find('[name="numbers"]').element.dispatchEvent(event)
    await settled()
    expect(view.find('[data-test="listed"]').text()).toContain('1')
    expect(view.findAll('[name^="var-"]')).toHaveLength(0)
    await view.find('form').trigger('submit')
    await settled()
    expect((sent.find((one) => one.path === 'POST /sms/messages')!.body as { listed: unknown[] }).listed).toEqual(items)
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
    await view.find('[name="confirmed"]').setValue(250)
    await view.find('form').trigger('submit')
    await settled()
    const keys = sent.filter((one) => one.path === 'POST /sms/messages').map((one) => (one.body as { key: string }).key)
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
  })
})

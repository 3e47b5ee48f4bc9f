import { afterEach, describe, expect, it, vi } from 'vitest'
import CallPage from '@/features/sms/CallPage.vue'
import NumberPage from '@/features/sms/NumberPage.vue'
import WebhookPage from '@/features/sms/WebhookPage.vue'
import { WireError } from '@/protocol/errors'
import { server, settled, show } from './support'

vi.mock('@/console/useTopic', () => ({ useReloadOn: () => undefined, useTopic: () => undefined }))
const refused = (field: string): never => {
  throw new WireError('invalid_input', '号码不对', field, 422)
}

afterEach(() => {
  vi.restoreAllMocks()
  document.body.innerHTML = ''
})

describe('ringing somebody awake', () => {
  const done = { id: 'c1', name: '张三', number: '138****0000', state: 'done', result: 'no_answer', created_at: '2026-11-29T08:00:00Z', started_at: null, ended_at: null, modem: 'modem-1' }
  it('rings the number once per press, keeps it when refused, and shows what came of it', async () => {
    let isWrong = true
    const sent = server({ 'GET /sms/calls': { items: [done] }, 'POST /sms/calls': () => (isWrong ? refused('number') : done) })
    const view = show(CallPage, {}, ['sms.read', 'sms.send'])
    await settled()
    expect(view.find('tbody').text()).toContain('张三')
    const button = view.find('[data-test="ring"]')
    expect(button.attributes('disabled')).toBeDefined()
    await view.find('[name="number"]').setValue('123')
    await view.find('form').trigger('submit')
    await settled()
    expect(view.find('[role="alert"]').text()).toContain('号码不对')
    expect((view.find('[name="number"]').element as HTMLInputElement).value).toBe('123')
    isWrong = false
    await view.find('form').trigger('submit')
    await settled()
    const calls = sent.filter((one) => one.path === 'POST /sms/calls').map((one) => one.body as { key: string; number: string })
    expect(calls.map((one) => one.number)).toEqual(['123', '123'])
    expect(view.find('[role="alert"]').exists()).toBe(false)
    expect((view.find('[name="number"]').element as HTMLInputElement).value).toBe('')
  })
  it('is only looked at by who may not send', async () => {
    server({ 'GET /sms/calls': { items: [] } })
    const view = show(CallPage, {}, ['sms.read'])
    await settled()
    expect(view.find('[data-test="ring"]').exists()).toBe(false)
  })
})

describe('the numbers', () => {
  it('say in words who blocked them, and a refused one stays in the form', async () => {
    const known = { number: '138****0000', blocked_by: 'stop_word', blocked_at: '2026-11-29T08:00:00Z', note: '', carrier: 'unicom' }
    const sent = server({ 'GET /sms/numbers': { items: [known] }, 'PUT /sms/numbers': () => refused('number') })
    const view = show(NumberPage, {}, ['sms.send'])
    await settled()
    expect(view.find('tbody').text()).not.toContain('stop_word')
    expect(view.find('[data-test="save-number"]').attributes('disabled')).toBeDefined()
    await view.find('[name="number"]').setValue(' 12 ')
    await view.find('form').trigger('submit')
    await settled()
    expect(sent.at(-1)).toEqual({ path: 'PUT /sms/numbers', body: { number: '12', is_blocked: true, note: '', carrier: '' } })
    expect(view.find('[role="alert"]').text()).toContain('号码不对')
    expect((view.find('[name="number"]').element as HTMLInputElement).value.trim()).toBe('12')
  })
})

describe('webhooks', () => {
  it('need an address and a fact; the secret is shown once, with the answer', async () => {
    const sent = server({ 'GET /sms/webhooks': { items: [] }, 'POST /sms/webhooks': { id: 'w1', url: 'https://a.example/', facts: [], created_at: '2026-11-29T08:00:00Z', secret: 's3cret' } })
    const view = show(WebhookPage, {}, ['system.manage'])
    await settled()
    const button = (): string | undefined => view.find('[data-test="add-hook"]').attributes('disabled')
    expect(button()).toBeDefined()
    await view.find('[name="url"]').setValue('https://a.example/')
    expect(button()).toBeDefined()
    await view.find('input[value="call.ended"]').setValue(true)
    expect(button()).toBeUndefined()
    await view.find('form').trigger('submit')
    await settled()
    expect(sent.find((one) => one.path === 'POST /sms/webhooks')!.body).toEqual({ url: 'https://a.example/', facts: ['call.ended'] })
    expect(view.find('[data-test="secret"]').text()).toBe('s3cret')
    await view.find('[name="url"]').setValue('https://b.example/')
    expect(view.find('[data-test="secret"]').exists()).toBe(true)
  })
})

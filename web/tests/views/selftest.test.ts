import { afterEach, describe, expect, it } from 'vitest'
import SelfTest from '@/features/admin/SelfTest.vue'
import { server, settled, show } from './support'

const findings = [
  { subject: 'disk', is_good: true, code: 'ok', text: '9000 MiB free', mend: '' },
  { subject: 'modems', is_good: false, code: 'modem.pin_required', text: 'modem-1: the SIM wants its PIN', mend: 'set `pin`' },
  { subject: 'modems', is_good: false, code: 'modem.of_tomorrow', text: 'modem-2: a fault this page does not know', mend: 'read the manual' },
]

afterEach(() => (document.body.innerHTML = ''))

describe('the self-test page', () => {
  it('asks only when told to, and shows what is wrong first, with what to do in Chinese', async () => {
    const sent = server({ 'GET /system/check': { findings } })
    const view = show(SelfTest)
    expect(sent).toEqual([])
    await view.find('[data-test="self-test"]').trigger('click')
    await settled()
    expect(view.findAll('[data-finding]').map((row) => row.attributes('data-finding'))).toEqual(['modem.pin_required', 'modem.of_tomorrow', 'ok'])
    expect(view.text()).toContain('2 项要处理')
    expect(view.find('[data-finding="modem.pin_required"]').text()).toContain('SIM 卡要 PIN 码')
  })
  it('falls back to the server’s own words for what it does not know', async () => {
    server({ 'GET /system/check': { findings } })
    const view = show(SelfTest)
    await view.find('[data-test="self-test"]').trigger('click')
    await settled()
    expect(view.find('[data-finding="modem.of_tomorrow"]').text()).toContain('read the manual')
  })
})

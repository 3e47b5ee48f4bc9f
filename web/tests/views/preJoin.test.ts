import { afterEach, describe, expect, it, vi } from 'vitest'
import { LocalMedia } from '@/features/meeting/localMedia'
import { summary, verdictOf } from '@/features/meeting/media/lineCheck'
import PreJoin from '@/features/meeting/views/PreJoin.vue'
import { settled, show } from './support'

const invitation = { title: '会商', site: '烽台镇分会场', name: '', role: 'site', starts_at: '2026-11-21T00:00:00Z', ends_at: '2026-11-21T01:00:00Z', needs_pin: true }
const props = (more: Record<string, unknown> = {}): Record<string, unknown> => ({ invitation, local: new LocalMedia(), isJoining: false, hasSeat: false, failure: null, isPinWrong: false, ...more })

afterEach(() => {
  vi.restoreAllMocks()
  document.body.innerHTML = ''
})

describe('before joining', () => {
  it('shows the site large, and joins without any camera or microphone', async () => {
    vi.spyOn(globalThis, 'fetch').mockRejectedValue(new Error('no network'))
    const view = show(PreJoin, props())
    await settled()
    expect(view.find('[data-test="site-name"]').text()).toBe('烽台镇分会场')
    await view.find('[name="name"]').setValue('李镇长')
    await view.find('[name="pin"]').setValue('246810')
    await view.find('form').trigger('submit')
    expect(view.emitted('join')![0]).toEqual([{ name: '李镇长', pin: '246810' }])
  })
  it('does not spend one of five tries on a PIN that was not typed', async () => {
    vi.spyOn(globalThis, 'fetch').mockRejectedValue(new Error('no network'))
    const view = show(PreJoin, props())
    await view.find('form').trigger('submit')
    expect(view.emitted('join')).toBeUndefined()
    expect(view.find('[name="pin"]').attributes('aria-invalid')).toBe('true')
    expect(view.text()).toContain('请先填写 6 位会场密码')
  })
  it('asks for no PIN from who still has his seat', () => {
    vi.spyOn(globalThis, 'fetch').mockRejectedValue(new Error('no network'))
    expect(show(PreJoin, props({ hasSeat: true })).find('[name="pin"]').exists()).toBe(false)
  })
  it('says why joining failed, and marks the PIN when that was it', () => {
    vi.spyOn(globalThis, 'fetch').mockRejectedValue(new Error('no network'))
    const view = show(PreJoin, props({ failure: '会场密码不正确。', isPinWrong: true }))
    expect(view.findAll('[role="alert"]').map((one) => one.text())).toContain('会场密码不正确。')
    expect(view.find('[name="pin"]').attributes('aria-invalid')).toBe('true')
  })
})

describe('the look at the line', () => {
  it('takes the middle of the round trips and counts what was lost', () => {
    expect(summary([10, 30, null, 20])).toEqual({ round_trip_ms: 20, jitter_ms: 20, lost: 1, asked: 4 })
    expect(summary([null, null])).toEqual({ round_trip_ms: null, jitter_ms: 0, lost: 2, asked: 2 })
  })
  it.each([
    [20, 0, 0, 8000, 'high'], [300, 0, 0, 8000, 'standard'], [20, 200, 0, 8000, 'standard'], [20, 0, 0, 900, 'standard'],
    [20, 0, 0, 300, 'voice'], [700, 0, 0, 8000, 'voice'], [20, 0, 2, 8000, 'voice'], [null, 0, 7, null, 'none'], [20, 0, 5, 8000, 'none'],
  ] as const)('says what %s ms, %s jitter, %s lost, %s kbit/s is good for', (round_trip_ms, jitter_ms, lost, down_kbps, verdict) => {
    expect(verdictOf({ round_trip_ms, jitter_ms, lost, asked: 7, down_kbps })).toBe(verdict)
  })
})

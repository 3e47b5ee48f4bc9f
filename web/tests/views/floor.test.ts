import { defineComponent, effectScope, h, ref, nextTick } from 'vue'
import { flushPromises } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import ControlBar from '@/features/meeting/views/ControlBar.vue'
import FloorBanner from '@/features/meeting/views/FloorBanner.vue'
import HoldButton from '@/features/meeting/views/HoldButton.vue'
import SiteRow from '@/features/meeting/views/SiteRow.vue'
import { useCalled } from '@/features/meeting/views/useCalled'
import { useFloor, type FloorAction } from '@/features/meeting/views/useFloor'
import type { LinkState } from '@/protocol/live'
import { WireError } from '@/protocol/errors'
import { show } from './support'

describe('the site that may speak', () => {
  it('is told so when its request is granted, and can give the floor back', async () => {
    const view = show(FloorBanner, { isCalled: false, secondsLeft: 0, isMicOn: true })
    expect(view.text()).toContain('准许')
    expect(view.find('[data-test=floor-speak]').exists()).toBe(false)
    await view.get('[data-test=floor-end]').trigger('click')
    expect(view.emitted('refuse')).toHaveLength(1)
  })

  it('is offered its microphone where that is off', async () => {
    const view = show(FloorBanner, { isCalled: false, secondsLeft: 0, isMicOn: false })
    await view.get('[data-test=floor-speak]').trigger('click')
    expect(view.emitted('speak')).toHaveLength(1)
  })
})

describe('a call', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('lets nobody hear the site before its five seconds are over', async () => {
    const isCalled = ref(false)
    const microphone: boolean[] = []
    const scope = effectScope()
    scope.run(() => useCalled(isCalled, (on) => microphone.push(on)))
    isCalled.value = true
    await nextTick()
    expect(microphone).toEqual([false])
    vi.advanceTimersByTime(5000)
    expect(microphone).toEqual([false, true])
    scope.stop()
  })
})

describe('a hand that is raised', () => {
  const link = ref<LinkState>('online')
  const hand = ref<string | null>(null)
  const sent: FloorAction[] = []
  let answer: () => Promise<unknown>
  const Hand = defineComponent({
    setup() {
      const floor = useFloor(link, hand, (action) => (sent.push(action), answer()))
      return () => h('button', { onClick: () => floor.ask('request') }, floor.problem.value)
    },
  })
  beforeEach(() => {
    link.value = 'online'
    hand.value = null
    sent.length = 0
    answer = () => Promise.resolve({})
  })

  it('is sent, and nothing is said of it', async () => {
    const view = show(Hand)
    await view.trigger('click')
    await flushPromises()
    expect(sent).toEqual(['request'])
    expect(view.text()).toBe('')
  })

  it.each<LinkState>(['lost', 'refused', 'connecting'])('is not sent while the line is %s, and the site is told so until it is back', async (state) => {
    link.value = state
    const view = show(Hand)
    await view.trigger('click')
    await flushPromises()
    expect(sent).toEqual([])
    expect(view.text()).toContain('没有送出')
    link.value = 'online'
    await nextTick()
    expect(view.text()).toBe('')
  })

  it('says why it was refused, until it stands', async () => {
    answer = () => Promise.reject(new WireError('timeout', 'room.floor'))
    const view = show(Hand)
    await view.trigger('click')
    await flushPromises()
    expect(view.text()).toContain('没有及时')
    hand.value = '2026-11-30T04:00:00Z'
    await nextTick()
    expect(view.text()).toBe('')
  })
})

describe('an order to be held', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('keeps its words, so that it stays under the pointer, and is given after 1.5 s', async () => {
    const view = show(HoldButton, { label: '移出', hint: '按住 1.5 秒移出会场', 'data-test': 'remove' })
    const button = view.get('[data-test=remove]')
    await button.trigger('pointerdown')
    expect(button.text()).toBe('移出')
    expect(view.get('[data-test=hold-hint]').text()).toContain('1.5')
    vi.advanceTimersByTime(1500)
    expect(view.emitted('confirmed')).toHaveLength(1)
  })

  it('tells who only clicked to hold', async () => {
    const view = show(HoldButton, { label: '移出', hint: '按住 1.5 秒移出会场', 'data-test': 'remove' })
    await view.get('[data-test=remove]').trigger('pointerdown')
    await view.get('[data-test=remove]').trigger('pointerup')
    vi.advanceTimersByTime(2000)
    await nextTick()
    expect(view.find('[data-test=hold-hint]').exists()).toBe(true)
    expect(view.emitted('confirmed')).toBeUndefined()
  })
})

describe('leaving', () => {
  const bar = { isMicOn: true, isCameraOn: true, isMutedByChair: false, hasHand: false, isSharing: false, canShare: false, unread: 0, openPanel: null, hasSites: true }

  it('asks with the focus on staying; Esc stays and gives the focus back', async () => {
    const view = show(ControlBar, bar)
    await view.get('[data-test=leave]').trigger('click')
    await nextTick()
    expect(document.activeElement).toBe(view.get('[data-test=stay]').element)
    await view.get('[data-test=stay]').trigger('keydown', { key: 'Escape' })
    expect(view.find('[data-test=leave-confirm]').exists()).toBe(false)
    expect(document.activeElement).toBe(view.get('[data-test=leave]').element)
    expect(view.emitted('leave')).toBeUndefined()
  })
})

describe('viewing a site', () => {
  const track = { is_published: true, is_on: true, is_muted: false }
  const site = { participant_id: 'east', unit_id: 't1', site: '星渡镇', name: '', role: 'site', is_connected: true, joined_at: null, audio: track, camera: track, screen: track, hand_at: null, has_floor: false, view: null, quality: 'good', may_be_taken: false }
  const row = (isViewed: boolean, broadcast: string | null) => show(SiteRow, { site, facts: { broadcast }, isChair: true, isMe: false, isOpen: true, isViewed })

  it('can be stopped, and says why the picture is another while one is on air', () => {
    expect(row(false, 'west').find('[data-test=view-behind]').exists()).toBe(false)
    const viewed = row(true, 'west')
    expect(viewed.get('[data-test=site-view]').text()).toBe('停止选看')
    expect(viewed.find('[data-test=view-behind]').exists()).toBe(true)
    expect(row(true, null).find('[data-test=view-behind]').exists()).toBe(false)
  })
})

import { flushPromises, mount } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { defineComponent, h } from 'vue'
import { live } from '@/console/services'
import { useReloadOn } from '@/console/useTopic'
import { useBoard } from '@/features/sms/useBoard'
import type { TopicHandler } from '@/protocol/live'
import { usePages } from '@/ui/usePages'
import { server } from './support'

let watched: TopicHandler<unknown>

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(live, 'watch').mockImplementation((_topic, handler) => {
    watched = handler as TopicHandler<unknown>
    return () => undefined
  })
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('what comes while a page opens, after it has read its list and before it watches', () => {
  it('is in the list as soon as it watches', async () => {
    const texts = ['昨天的']
    const view = mount(defineComponent(() => {
      const { items, reload } = usePages(() => Promise.resolve({ items: [...texts] }))
      useReloadOn('sms', reload)
      return () => h('p', items.value.join('、'))
    }))
    await flushPromises()
    expect(view.text()).toBe('昨天的')
    texts.unshift('请问在几楼')
    watched.onSnapshot({})
    await vi.advanceTimersByTimeAsync(400)
    expect(view.text()).toBe('请问在几楼、昨天的')
  })
  it('is on the board of a message, too', async () => {
    const message = { id: 'm1', counts: { delivered: 0 } }
    server({ 'GET /sms/messages/m1': () => ({ ...message }), 'GET /sms/messages/m1/recipients': { items: [] } })
    const view = mount(defineComponent(() => {
      const board = useBoard('m1')
      return () => h('p', `${board.message.value?.counts.delivered ?? '?'}`)
    }))
    await flushPromises()
    expect(view.text()).toBe('0')
    message.counts = { delivered: 1 }
    watched.onSnapshot({})
    await flushPromises()
    expect(view.text()).toBe('1')
  })
})

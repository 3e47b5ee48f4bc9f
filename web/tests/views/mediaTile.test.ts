import { describe, expect, it } from 'vitest'
import MediaTile from '@/features/meeting/views/MediaTile.vue'
import { show } from './support'

describe('a picture on the meeting page', () => {
  it.each([
    ['no_common_codec', '画面格式'],
    ['waiting_key_frame', '等待对方画面'],
    ['line_too_weak', '网络太慢'],
  ] as const)('says why it is dark: %s', (reason, words) => {
    const view = show(MediaTile, { stream: null, participant: null, hasPicture: true, reason })
    expect(view.get('[data-test=dark]').text()).toContain(words)
    expect(view.get('video').isVisible()).toBe(false)
  })

  it('says nothing once the picture shows', () => {
    const view = show(MediaTile, { stream: null, participant: null, hasPicture: true, reason: null })
    expect(view.find('[data-test=dark]').exists()).toBe(false)
  })
})

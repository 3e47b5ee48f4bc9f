import { describe, expect, it } from 'vitest'
import MediaTile from '@/features/meeting/views/MediaTile.vue'
import { show } from './support'

describe('a picture on the meeting page', () => {
  it.each([
    ['no_common_codec', '画面格式'],
    ['waiting_key_frame', '等待对方画面'],
    ['line_too_weak', '网络太慢'],
  ] as const)('says why it is dark: %s', (reason, words) => {
    const view = show(MediaTile, { stream: null, participant: null, hasPicture: true, reason, fit: 'contain' })
    expect(view.get('[data-test=dark]').text()).toContain(words)
    expect(view.get('video').isVisible()).toBe(false)
  })

  it('says it in few words where the picture is small', () => {
    const view = show(MediaTile, { stream: null, participant: null, hasPicture: true, reason: 'line_too_weak' })
    expect(view.get('[data-test=dark]').text()).toBe('网络慢，只保声音')
  })

  it('says nothing once the picture shows', () => {
    const view = show(MediaTile, { stream: null, participant: null, hasPicture: true, reason: null })
    expect(view.find('[data-test=dark]').exists()).toBe(false)
  })
})

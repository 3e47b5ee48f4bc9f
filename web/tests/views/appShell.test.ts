import { flushPromises } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import AppShell from '@/console/AppShell.vue'
import { server, show } from './support'

beforeEach(() => void vi.stubGlobal('fetch', async () => new Response('{"version": "1"}')))
afterEach(() => {
  localStorage.clear()
  vi.unstubAllGlobals()
})

describe('the shell', () => {
  it('has account, language, theme and the way out in the menu, for a phone has no room above', async () => {
    const sent = server({ 'DELETE /session': null })
    const view = show(AppShell)
    const mine = view.get('[data-test="mine"]')
    expect(mine.findAll('a, button').map((one) => one.text())).toEqual(['我的账号', 'English', '深色高对比', '退出登录'])
    await mine.findAll('button')[0]!.trigger('click')
    expect(document.documentElement.lang).toBe('en')
    expect(mine.findAll('a, button').map((one) => one.text())).toEqual(['My account', '中文', 'Dark, high contrast', 'Sign out'])
    expect(sent).toEqual([])
    view.unmount()
  })

  it('lets the keyboard skip the navigation', async () => {
    server({})
    const view = show(AppShell)
    await view.get('a.skip').trigger('click')
    await flushPromises()
    expect(document.activeElement?.id).toBe('content')
    view.unmount()
  })
})

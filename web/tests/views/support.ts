import { mount, type VueWrapper } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import type { Component } from 'vue'
import { createMemoryHistory, createRouter } from 'vue-router'
import { vi } from 'vitest'
import { http } from '@/console/services'
import { useSession } from '@/console/session'
import { catalogue as en } from '@/i18n/en'
import { catalogue as zh } from '@/i18n/zh-CN'
import enRoom from '@/i18n/en/room'
import zhRoom from '@/i18n/zh-CN/room'
import { makeI18n } from '@/i18n'
import { WireError } from '@/protocol/errors'

type Answer = unknown | ((body: unknown) => unknown)

/** What the server would say, by `METHOD /path`; everything sent is kept for the test to look at. */
export function server(answers: Record<string, Answer>): { path: string; body: unknown }[] {
  const sent: { path: string; body: unknown }[] = []
  const say = (method: string) => async (path: string, body?: unknown): Promise<unknown> => {
    const key = `${method} ${path}`
    sent.push({ path: key, body })
    if (!(key in answers)) throw new WireError('not_found', key)
    const answer = answers[key]
    return typeof answer === 'function' ? (answer as (body: unknown) => unknown)(body) : answer
  }
  vi.spyOn(http, 'get').mockImplementation(say('GET') as never)
  vi.spyOn(http, 'post').mockImplementation(say('POST') as never)
  vi.spyOn(http, 'patient').mockImplementation(say('POST') as never)
  vi.spyOn(http, 'put').mockImplementation(say('PUT') as never)
  vi.spyOn(http, 'patch').mockImplementation(say('PATCH') as never)
  vi.spyOn(http, 'delete').mockImplementation(say('DELETE') as never)
  return sent
}

// ElSelect measures itself for ever where nothing has a size; it is the library's to test.
/** Show a view as a signed-in person with these permissions sees it, in Chinese. */
export function show(view: Component, props: Record<string, unknown> = {}, permissions: string[] = []): VueWrapper {
  const pinia = createPinia()
  setActivePinia(pinia)
  const session = useSession()
  session.session = {
    csrf_token: 'c', is_demo: true, county: '青澜县',
    user: { user_id: 'u1', name: '顾洋', username: 'duty', person_id: null, unit_id: 'county', unit_name: '青澜县', grants: [], permissions, must_change_password: false },
  }
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/:rest(.*)*', component: { template: '<i />' } }] })
  const i18n = makeI18n({ 'zh-CN': { ...zh, ...zhRoom }, en: { ...en, ...enRoom } })
  return mount(view, { props, attachTo: document.body, global: { plugins: [pinia, router, i18n], stubs: { teleport: true, transition: false, ElSelect: true, ElOption: true, ElDatePicker: true } } })
}

export const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

import { describe, expect, it } from 'vitest'
import { ServerClock } from '@/protocol/clock'
import { WireError } from '@/protocol/errors'
import { Http, queryString } from '@/protocol/http'

function answering(status: number, body: string, seen: { url?: string; init?: RequestInit } = {}): Http {
  return new Http({
    fetch: async (url, init) => {
      seen.url = url
      seen.init = init
      return new Response(status === 204 ? null : body, { status })
    },
  })
}
const headersOf = (seen: { init?: RequestInit }): Record<string, string> => seen.init?.headers as Record<string, string>

describe('REST client', () => {
  it('sends the CSRF value with what changes state, and not with what reads', async () => {
    const seen: { url?: string; init?: RequestInit } = {}
    const http = answering(200, '{}', seen)
    http.csrfToken = 'token'
    await http.post('/incidents', { a: 1 })
    expect(headersOf(seen)['X-CSRF-Token']).toBe('token')
    expect(seen.init?.body).toBe('{"a":1}')
    await http.get('/incidents')
    expect(headersOf(seen)['X-CSRF-Token']).toBeUndefined()
  })

  it('raises the server’s error with code and field', async () => {
    const http = answering(422, '{"error":{"code":"invalid_input","message":"from 2 to 80","field":"title"}}')
    const error = await http.post('/incidents').catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(WireError)
    expect(error).toMatchObject({ code: 'invalid_input', field: 'title', status: 422 })
  })

  it('names a proxy’s HTML page by its status', async () => {
    const error = await answering(503, '<html>').get('/x').catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code: 'unavailable', isRetryable: true })
  })

  it('tells an unreachable server from a refusal', async () => {
    const http = new Http({ fetch: () => Promise.reject(new TypeError('failed')) })
    await expect(http.get('/x')).rejects.toMatchObject({ code: 'unreachable', isRetryable: true })
  })

  it('tells once that the session has ended, but not when only asking who we are', async () => {
    const http = answering(401, '{}')
    let times = 0
    http.onSignedOut = () => (times += 1)
    await http.get('/session').catch(() => undefined)
    expect(times).toBe(0)
    await http.get('/incidents').catch(() => undefined)
    expect(times).toBe(1)
  })

  it('uploads a file as the raw body with its name in the query', async () => {
    const seen: { url?: string; init?: RequestInit } = {}
    await answering(201, '{}', seen).upload('/imports', new Blob(['x']), { file_name: '通讯录.xlsx' })
    expect(seen.url).toContain('file_name=%E9%80%9A')
    expect(headersOf(seen)['Content-Type']).toBe('application/octet-stream')
  })

  it('leaves empty parameters out of the query', () => {
    expect(queryString({ a: '', b: null, c: undefined, d: 0, e: 'x y' })).toBe('?d=0&e=x+y')
    expect(queryString({})).toBe('')
  })
})

describe('server clock', () => {
  it('follows a server that is minutes ahead, and ignores jitter below a second', () => {
    const clock = new ServerClock(() => 1_000_000)
    clock.observeAnswer(1_000_400, 20)
    expect(clock.now()).toBe(1_000_000)
    clock.observeAnswer(1_300_000, 20)
    expect(clock.now()).toBe(1_300_010)
  })

  it('never stands before a live change', () => {
    const clock = new ServerClock(() => 1_000_000)
    clock.observeChange(1_360_000)
    expect(clock.now()).toBe(1_360_000)
    clock.observeChange(1_200_000)
    expect(clock.now()).toBe(1_360_000)
  })
})

import type { ServerClock } from '@/protocol/clock'
import { WireError, wireErrorFrom } from '@/protocol/errors'

export type Query = Record<string, string | number | boolean | null | undefined>
type Fetch = (input: string, init: RequestInit) => Promise<Response>

export interface HttpOptions {
  base?: string
  fetch?: Fetch
  clock?: ServerClock
  timeoutMs?: number
}

/** REST under /api/v1: JSON both ways, the session cookie, and the CSRF header on everything that changes state. */
export class Http {
  csrfToken: string | null = null
  onSignedOut: (() => void) | null = null
  private readonly base: string
  private readonly fetch: Fetch
  private readonly clock: ServerClock | undefined
  private readonly timeoutMs: number

  constructor(options: HttpOptions = {}) {
    this.base = options.base ?? '/api/v1'
    this.fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init))
    this.clock = options.clock
    this.timeoutMs = options.timeoutMs ?? 15_000
  }

  get<T>(path: string, query: Query = {}): Promise<T> {
    return this.send<T>('GET', path + queryString(query))
  }

  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.send<T>('POST', path, body)
  }

  /** A POST whose answer may take half a minute. */
  patient<T>(path: string, body: unknown = {}): Promise<T> {
    return this.send<T>('POST', path, body, 35_000)
  }

  put<T>(path: string, body: unknown): Promise<T> {
    return this.send<T>('PUT', path, body)
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.send<T>('PATCH', path, body)
  }

  delete<T>(path: string): Promise<T> {
    return this.send<T>('DELETE', path)
  }

  /** One file as the raw body, its name in the query; a directory of 5 000 rows may take a minute on a weak line. */
  upload<T>(path: string, file: Blob, query: Query): Promise<T> {
    return this.send<T>('POST', path + queryString(query), file, 60_000)
  }

  private async send<T>(method: string, path: string, body?: unknown, timeoutMs = this.timeoutMs): Promise<T> {
    const isFile = body instanceof Blob
    const headers: Record<string, string> = { Accept: 'application/json' }
    if (body !== undefined) headers['Content-Type'] = isFile ? 'application/octet-stream' : 'application/json'
    if (method !== 'GET' && this.csrfToken) headers['X-CSRF-Token'] = this.csrfToken
    const init: RequestInit = { method, headers, credentials: 'same-origin', cache: 'no-store' }
    if (body !== undefined) init.body = isFile ? body : JSON.stringify(body)
    const response = await this.exchange(path, init, timeoutMs)
    const parsed = await parse(response)
    if (response.ok) return parsed as T
    const error = wireErrorFrom(parsed, response.status)
    if (response.status === 401 && path !== '/session') this.onSignedOut?.()
    throw error
  }

  private async exchange(path: string, init: RequestInit, timeoutMs: number): Promise<Response> {
    const abort = new AbortController()
    const timer = setTimeout(() => abort.abort(), timeoutMs)
    const sentAt = Date.now()
    try {
      const response = await this.fetch(this.base + path, { ...init, signal: abort.signal })
      const date = Date.parse(response.headers.get('Date') ?? '')
      if (!Number.isNaN(date)) this.clock?.observeAnswer(date + 500, Date.now() - sentAt)
      return response
    } catch (cause) {
      throw new WireError(abort.signal.aborted ? 'timeout' : 'unreachable', String(cause))
    } finally {
      clearTimeout(timer)
    }
  }
}

async function parse(response: Response): Promise<unknown> {
  if (response.status === 204) return null
  const text = await response.text()
  if (!text) return null
  try {
    return JSON.parse(text) as unknown
  } catch {
    // A proxy's HTML page in place of JSON: report the status, not a syntax error.
    return null
  }
}

export function queryString(query: Query): string {
  const pairs = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') pairs.set(name, String(value))
  }
  const text = pairs.toString()
  return text ? `?${text}` : ''
}

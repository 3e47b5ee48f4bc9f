/** The error object of the wire (docs/protocol.md) as an exception. `code` is stable; `field` is a dotted path. */
export class WireError extends Error {
  override readonly name = 'WireError'

  constructor(
    readonly code: string,
    message: string,
    readonly field: string | null = null,
    readonly status: number = 0,
    /** With the code `stale`: who changed the object meanwhile, and when. */
    readonly changedBy: string | null = null,
    readonly changedAt: string | null = null,
  ) {
    super(message)
  }

  /** The same request may succeed later without being changed. */
  get isRetryable(): boolean {
    return ['unavailable', 'unreachable', 'timeout', 'too_many', 'rate', 'deadline', 'room_busy', 'stopping'].includes(this.code)
  }
}

interface ErrorBody {
  code?: unknown
  message?: unknown
  field?: unknown
  changed_by?: unknown
  changed_at?: unknown
}

const textOr = (value: unknown): string | null => (typeof value === 'string' ? value : null)

/** Read `{"error": {...}}` or the bare object; anything else becomes `internal`. */
export function wireErrorFrom(body: unknown, status = 0): WireError {
  const outer = (body ?? {}) as { error?: unknown }
  const inner = (typeof outer.error === 'object' && outer.error !== null ? outer.error : outer) as ErrorBody
  const code = typeof inner.code === 'string' ? inner.code : codeOfStatus(status)
  const message = typeof inner.message === 'string' ? inner.message : ''
  return new WireError(code, message, textOr(inner.field), status, textOr(inner.changed_by), textOr(inner.changed_at))
}

export function asWireError(error: unknown): WireError {
  if (error instanceof WireError) return error
  return new WireError('internal', error instanceof Error ? error.message : String(error))
}

function codeOfStatus(status: number): string {
  const codes: Record<number, string> = {
    401: 'not_signed_in',
    403: 'not_allowed',
    404: 'not_found',
    409: 'conflict',
    413: 'too_large',
    422: 'invalid_input',
    429: 'too_many',
    503: 'unavailable',
  }
  return codes[status] ?? 'internal'
}

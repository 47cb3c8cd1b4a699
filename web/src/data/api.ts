/**
 * The one way to /api/v1: same-origin cookie, CSRF header on everything that acts, errors as ApiError with the server's
 * code (`offline` when no answer came, `internal` when the answer made no sense). A 401 tells whoever listens, so that the
 * sign-in scene takes over wherever the person is.
 */
import type { Account } from './contract.ts'

export class ApiError extends Error {
  readonly code: string
  readonly status: number
  readonly detail: string | undefined
  constructor(code: string, status: number, text: string, detail?: string) {
    super(text)
    this.name = 'ApiError'
    this.code = code
    this.status = status
    this.detail = detail
  }
}

export const toApiError = (thrown: unknown): ApiError =>
  thrown instanceof ApiError
    ? thrown
    : new ApiError('internal', 0, thrown instanceof Error ? thrown.message : String(thrown))

let csrf = ''
let signedOut: () => void = () => undefined
export const csrfHeader = (): Record<string, string> => ({ 'X-Holdfast-CSRF': csrf })
export function keepCsrf(account: Account): Account {
  csrf = account.csrf
  return account
}
export function onSignedOut(listener: () => void): void {
  signedOut = listener
}

/** Error bodies of both doors: ours `{error:{code,text}}` and JMAP's problem details (RFC 7807). */
export async function errorOf(answer: Response): Promise<ApiError> {
  const body: unknown = await answer.json().catch(() => null)
  const own = (body as { error?: { code?: unknown; text?: unknown; detail?: unknown } } | null)?.error
  const problem = body as { type?: unknown; detail?: unknown } | null
  const code =
    typeof own?.code === 'string'
      ? own.code
      : answer.status === 401
        ? 'signed-out'
        : answer.status === 429
          ? 'rate-limited'
          : answer.status === 502 || answer.status === 504
            ? 'offline'
            : 'internal'
  if (answer.status === 401 && code === 'signed-out') signedOut()
  const text =
    typeof own?.text === 'string' ? own.text : typeof problem?.detail === 'string' ? problem.detail : answer.statusText
  return new ApiError(code, answer.status, text, typeof own?.detail === 'string' ? own.detail : undefined)
}

/** fetch that never rejects with a bare TypeError. */
export async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { credentials: 'same-origin', ...init })
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === 'AbortError') throw thrown
    throw new ApiError('offline', 0, 'no answer')
  }
}

export async function api<T>(
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const answer = await reach(`/api/v1${path}`, {
    method,
    headers: {
      Accept: 'application/json',
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(method === 'GET' ? {} : csrfHeader()),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  })
  if (!answer.ok) throw await errorOf(answer)
  if (answer.status === 204) return undefined as T
  return (await answer.json().catch(() => {
    throw new ApiError('internal', answer.status, 'The answer was not JSON')
  })) as T
}

/** Query string without the empty values. */
export function query(values: Record<string, string | number | null | undefined>): string {
  const parts = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== '')
  return parts.length ? `?${new URLSearchParams(parts.map(([name, value]) => [name, String(value)])).toString()}` : ''
}

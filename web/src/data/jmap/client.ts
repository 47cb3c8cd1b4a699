/**
 * A small JMAP client (RFC 8620): the session, batches of method calls with back-references, download addresses.
 * A method-level error becomes JmapError with the type of RFC 8620 section 3.6.2; a request that the server did not take
 * becomes ApiError. A changed session state (section 3.4) drops the kept session. Nothing is retried here: the caller
 * knows what may be asked twice.
 */
import { ApiError, csrfHeader, errorOf, reach } from '../api.ts'
import type { JmapSession, Uploaded } from './types.ts'

export const core = 'urn:ietf:params:jmap:core'
export const mail = 'urn:ietf:params:jmap:mail'
export const submission = 'urn:ietf:params:jmap:submission'

export class JmapError extends Error {
  readonly type: string
  constructor(type: string, description?: string) {
    super(description ?? type)
    this.name = 'JmapError'
    this.type = type
  }
}

export type Call = [method: string, args: Record<string, unknown>]
/** RFC 8620 section 3.7: take an argument from the result of an earlier call (by its place in the batch). */
export const fromCall = (index: number, name: string, path: string) => ({ resultOf: `c${index}`, name, path })

export interface Jmap {
  session(): Promise<JmapSession>
  accountId(): Promise<string>
  /** Runs the calls in one request; the answers in the order of the calls. `accountId` is filled in. */
  run(calls: Call[], signal?: AbortSignal): Promise<unknown[]>
  one<T>(method: string, args: Record<string, unknown>, signal?: AbortSignal): Promise<T>
  downloadUrl(blobId: string, type: string, name: string): Promise<string>
  uploadUrl(): Promise<string>
  forget(): void
}

/** Which mailbox this window shows; another one than the own is chosen with a fresh page, so that nothing of two mixes. */
const CHOSEN = 'holdfast.mailbox'
/** Not where this runs outside a page. */
const hasStorage = typeof sessionStorage !== 'undefined'
export const chosenMailbox = {
  get: (): string | null => (hasStorage ? sessionStorage.getItem(CHOSEN) : null),
  set(id: string | null): void {
    if (!hasStorage) return
    if (id === null) sessionStorage.removeItem(CHOSEN)
    else sessionStorage.setItem(CHOSEN, id)
  },
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** RFC 6570 level 1, all that RFC 8620 section 2 needs; encoded so that a file name can't change the path. */
export const expand = (template: string, values: Record<string, string>): string =>
  template.replace(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(values[name] ?? ''))

/** The server may name itself absolutely; the cookie is for our own origin, so only path and query are used. */
export function sameOrigin(url: string): string {
  const match = /^[a-z]+:\/\/[^/]*(\/.*)?$/i.exec(url)
  return match ? (match[1] ?? '/') : url
}

export function createJmap(send: Fetch = reach): Jmap {
  let kept: Promise<JmapSession> | null = null

  async function load(): Promise<JmapSession> {
    const answer = await send('/.well-known/jmap', { headers: { Accept: 'application/json' } })
    if (!answer.ok) throw await errorOf(answer)
    return (await answer.json()) as JmapSession
  }
  function session(): Promise<JmapSession> {
    kept ??= load().catch((thrown: unknown) => {
      kept = null
      throw thrown
    })
    return kept
  }
  async function accountId(): Promise<string> {
    const { accounts, primaryAccounts } = await session()
    const chosen = chosenMailbox.get()
    const id = chosen !== null && chosen in accounts ? chosen : primaryAccounts[mail]
    if (!id) throw new ApiError('forbidden', 403, 'This sign-in has no mailbox')
    return id
  }
  async function run(calls: Call[], signal?: AbortSignal): Promise<unknown[]> {
    const [now, account] = await Promise.all([session(), accountId()])
    const using = [core, mail, submission].filter((name) => name in now.capabilities)
    const answer = await send(sameOrigin(now.apiUrl), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Accept': 'application/json', ...csrfHeader() },
      body: JSON.stringify({
        using,
        methodCalls: calls.map(([name, args], at) => [name, { accountId: account, ...args }, `c${at}`]),
      }),
      ...(signal ? { signal } : {}),
    })
    if (!answer.ok) throw await errorOf(answer)
    const body = (await answer.json()) as {
      methodResponses: [string, Record<string, unknown>, string][]
      sessionState: string
    }
    if (body.sessionState !== now.state) kept = null
    return calls.map(([method], at) => {
      // A call may be answered more than once (section 3.2: onSuccess… adds a second answer under the same id).
      const mine = body.methodResponses.filter(([, , id]) => id === `c${at}`)
      const failed = mine.find(([name]) => name === 'error')
      if (failed) throw new JmapError(String(failed[1]['type']), failed[1]['description'] as string | undefined)
      const found = mine.find(([name]) => name === method)
      if (!found) throw new JmapError('serverFail', `no answer to ${method}`)
      return found[1]
    })
  }
  return {
    session,
    accountId,
    run,
    one: async <T>(method: string, args: Record<string, unknown>, signal?: AbortSignal) =>
      (await run([[method, args]], signal))[0] as T,
    downloadUrl: async (blobId, type, name) =>
      expand(sameOrigin((await session()).downloadUrl), { accountId: await accountId(), blobId, type, name }),
    uploadUrl: async () => expand(sameOrigin((await session()).uploadUrl), { accountId: await accountId() }),
    forget: () => {
      kept = null
    },
  }
}

export const jmap = createJmap()

/** Upload with progress (RFC 8620 section 6.1): XMLHttpRequest, because fetch does not report what has been sent. */
export async function upload(file: Blob, progress: (share: number) => void, signal: AbortSignal): Promise<Uploaded> {
  const url = await jmap.uploadUrl()
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', url)
    request.responseType = 'json'
    request.setRequestHeader('Content-Type', file.type || 'application/octet-stream')
    for (const [name, value] of Object.entries(csrfHeader())) request.setRequestHeader(name, value)
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total)
    request.onerror = () => reject(new ApiError('offline', 0, 'no answer'))
    request.onabort = () => reject(new DOMException('aborted', 'AbortError'))
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) return resolve(request.response as Uploaded)
      void errorOf(new Response(JSON.stringify(request.response), { status: request.status })).then(reject)
    }
    signal.addEventListener('abort', () => request.abort(), { once: true })
    request.send(file)
  })
}

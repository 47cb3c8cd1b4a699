/** A signed-in person or operator over HTTP, as the web pages are: cookie, CSRF header, API and JMAP. */

export class HttpError extends Error {
  readonly status: number
  readonly body: any
  constructor(what: string, status: number, body: unknown) {
    super(`${what}: ${status} ${JSON.stringify(body)}`)
    this.status = status
    this.body = body
  }
}

export interface Web {
  account: any
  get(path: string): Promise<any>
  send(method: string, path: string, body?: unknown): Promise<any>
  /** JMAP method calls; returns the responses' arguments in order, throws on an error response */
  jmap(calls: [string, object][]): Promise<any[]>
  upload(bytes: Buffer, type: string): Promise<{ blobId: string; size: number }>
  download(blobId: string): Promise<Buffer>
}

const using = ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail', 'urn:ietf:params:jmap:submission']

const read = async (response: Response): Promise<unknown> => {
  const text = await response.text()
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

export async function signIn(httpPort: number, name: string, password: string): Promise<Web> {
  const base = `http://127.0.0.1:${httpPort}`
  const response = await fetch(`${base}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, password }),
  })
  const account: any = await read(response)
  if (!response.ok) throw new HttpError('sign in', response.status, account)
  const cookie = response.headers
    .getSetCookie()
    .map((one) => one.split(';')[0]!)
    .join('; ')
  const headers = { cookie, 'x-holdfast-csrf': account.csrf as string }

  const call = async (
    method: string,
    path: string,
    body?: string | Uint8Array<ArrayBuffer>,
    type?: string,
  ): Promise<any> => {
    const answer = await fetch(path.startsWith('/') ? base + path : path, {
      method,
      headers: { ...headers, ...(type ? { 'content-type': type } : {}) },
      ...(body === undefined ? {} : { body }),
    })
    const value = await read(answer)
    if (!answer.ok) throw new HttpError(`${method} ${path}`, answer.status, value)
    return value
  }
  let session: any = null
  const jmapSession = async (): Promise<any> =>
    (session ??= await call('GET', '/jmap/session').catch(() => call('GET', '/.well-known/jmap')))
  const local = (url: string): string => url.replace(/^https?:\/\/[^/]+/, '')

  return {
    account,
    get: (path) => call('GET', `/api/v1${path}`),
    send: (method, path, body) =>
      call(
        method,
        `/api/v1${path}`,
        body === undefined ? undefined : JSON.stringify(body),
        body === undefined ? undefined : 'application/json',
      ),
    async jmap(calls) {
      const { apiUrl, primaryAccounts } = await jmapSession()
      const accountId: string = primaryAccounts['urn:ietf:params:jmap:mail']
      const request = {
        using,
        methodCalls: calls.map(([name, args], index) => [name, { accountId, ...args }, `c${index}`]),
      }
      const { methodResponses } = await call('POST', local(apiUrl), JSON.stringify(request), 'application/json')
      for (const [name, args] of methodResponses) if (name === 'error') throw new Error(`JMAP: ${JSON.stringify(args)}`)
      return methodResponses.map(([, args]: [string, unknown]) => args)
    },
    async upload(bytes, type) {
      const { uploadUrl, primaryAccounts } = await jmapSession()
      return call(
        'POST',
        local(uploadUrl).replace('{accountId}', primaryAccounts['urn:ietf:params:jmap:mail']),
        new Uint8Array(bytes),
        type,
      )
    },
    async download(blobId) {
      const { downloadUrl, primaryAccounts } = await jmapSession()
      const path = local(downloadUrl)
        .replace('{accountId}', primaryAccounts['urn:ietf:params:jmap:mail'])
        .replace('{blobId}', blobId)
        .replace('{name}', 'x')
        .replace('{type}', 'application/octet-stream')
      const answer = await fetch(base + path, { headers })
      if (!answer.ok) throw new HttpError('download', answer.status, await read(answer))
      return Buffer.from(await answer.arrayBuffer())
    },
  }
}

/**
 * A stand-in for an organisation's identity provider, on loopback, whose every answer can be made wrong: for what a well-behaved one
 * (oidc-provider.ts) never does. It gives codes to whom a test says, and signs by its own keys.
 */
import { createHash, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export type Place = 'discovery' | 'token' | 'jwks' | 'userinfo'
export type Fault = 'closed' | 'slow' | '500' | 'huge' | 'redirect' | 'nonsense'

export interface Grant {
  claims: Record<string, unknown>
  header?: Record<string, unknown>
  /** by what it is signed; null: by nothing */
  key?: KeyObject | null
  /** instead of an ID token */
  none?: boolean
}

export interface IdentityProvider {
  issuer: string
  faults: Map<Place, Fault>
  /** laid over the discovery document */
  says: Record<string, unknown>
  userinfo: Record<string, unknown>
  asked: Place[]
  /** of the last request for a token */
  form: URLSearchParams
  authorization: string | undefined
  /** Makes another key; the one before is published no more. */
  rotate(): void
  /** What the browser brings back: the query behind the question mark. */
  authorize(url: string, grant?: Partial<Grant>): string
  stop(): Promise<void>
  start(): Promise<void>
}

const json = (response: ServerResponse, value: unknown, status = 200): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey

export async function startIdentityProvider(): Promise<IdentityProvider> {
  let key = newKey()
  let keyId = 1
  let port = 0
  const codes = new Map<string, { grant: Grant; challenge: string; redirect: string; nonce: string; client: string }>()
  const sockets = new Set<Socket>()

  function idToken({ claims, header, key: by }: Grant): string {
    const head = part({ alg: by === null ? 'none' : 'ES256', kid: `k${keyId}`, ...header })
    const signed = `${head}.${part(claims)}`
    const signature =
      by === null
        ? ''
        : sign('sha256', Buffer.from(signed), { key: by ?? key, dsaEncoding: 'ieee-p1363' }).toString('base64url')
    return `${signed}.${signature}`
  }

  function token(form: URLSearchParams, response: ServerResponse): void {
    const code = form.get('code') ?? ''
    const of = codes.get(code)
    codes.delete(code)
    const verifier = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    if (!of || of.challenge !== verifier || of.redirect !== form.get('redirect_uri'))
      return json(response, { error: 'invalid_grant' }, 400)
    const now = Math.floor(Date.now() / 1000)
    const { grant } = of
    const claims = { iss: self.issuer, aud: of.client, iat: now, exp: now + 300, nonce: of.nonce, ...grant.claims }
    json(response, {
      ...{ access_token: 'secret', token_type: 'Bearer', expires_in: 60 },
      ...(grant.none ? {} : { id_token: idToken({ ...grant, claims }) }),
    })
  }

  const places: Record<string, Place> = {
    '/.well-known/openid-configuration': 'discovery',
    '/token': 'token',
    '/jwks': 'jwks',
    '/userinfo': 'userinfo',
  }

  function wrong(fault: Fault, request: IncomingMessage, response: ServerResponse): void {
    if (fault === 'closed') request.socket.destroy()
    else if (fault === '500') response.writeHead(500).end('no')
    else if (fault === 'redirect') response.writeHead(302, { location: `${self.issuer}/jwks` }).end()
    else if (fault === 'nonsense') response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Hello</p>')
    else if (fault === 'huge') {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write(`{"x":"${'x'.repeat(600_000)}`)
    }
  }

  function answer(place: Place | undefined, body: string, request: IncomingMessage, response: ServerResponse): void {
    if (place === undefined) return void response.writeHead(404).end()
    self.asked.push(place)
    const fault = self.faults.get(place)
    if (fault) return wrong(fault, request, response)
    if (place === 'discovery')
      return json(response, {
        issuer: self.issuer,
        authorization_endpoint: `${self.issuer}/authorize`,
        token_endpoint: `${self.issuer}/token`,
        jwks_uri: `${self.issuer}/jwks`,
        userinfo_endpoint: `${self.issuer}/userinfo`,
        response_types_supported: ['code'],
        code_challenge_methods_supported: ['S256'],
        id_token_signing_alg_values_supported: ['ES256'],
        ...self.says,
      })
    if (place === 'jwks') {
      const jwk = createPublicKey(key).export({ format: 'jwk' })
      return json(response, { keys: [{ ...jwk, kid: `k${keyId}`, alg: 'ES256', use: 'sig' }] })
    }
    if (place === 'userinfo') return json(response, self.userinfo)
    self.form = new URLSearchParams(body)
    self.authorization = request.headers.authorization
    token(self.form, response)
  }

  const make = () => {
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (bytes: Buffer) => (body += bytes.toString()))
      request.on('end', () => answer(places[request.url!.split('?')[0]!], body, request, response))
    })
    server.on('connection', (socket: Socket) => sockets.add(socket))
    return server
  }
  let server = make()

  const self: IdentityProvider = {
    issuer: '',
    faults: new Map(),
    says: {},
    userinfo: {},
    asked: [],
    form: new URLSearchParams(),
    authorization: undefined,
    rotate() {
      key = newKey()
      keyId++
    },
    authorize(url, grant = {}) {
      const { searchParams: asked } = new URL(url)
      const code = `code-${codes.size}-${Math.random()}`
      codes.set(code, {
        grant: { ...grant, claims: { sub: 'alice-at-home', ...grant.claims } },
        challenge: asked.get('code_challenge')!,
        redirect: asked.get('redirect_uri')!,
        nonce: asked.get('nonce')!,
        client: asked.get('client_id')!,
      })
      return new URLSearchParams({ code, state: asked.get('state')! }).toString()
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
    start: () =>
      new Promise((resolve) => {
        server = make()
        server.listen(port, '127.0.0.1', resolve)
      }),
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
  self.issuer = `http://127.0.0.1:${port}`
  return self
}

/** Pages and identity providers that answer, and that fail in each way, over real HTTPS on loopback. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startDnsServer } from '../../../testkit/dns-server.ts'
import { selfSigned } from '../../platform/certificate.ts'
import { systemClock } from '../../platform/clock.ts'
import { askName } from './name.ts'
import { askPage, askProvider } from './web.ts'

const DAY = 86_400_000
const good = selfSigned(['127.0.0.1'], Date.now())
const expired = selfSigned(['127.0.0.1'], Date.now() - 20_000 * DAY)

let server: Server
let base = ''
let answer: (request: IncomingMessage, response: ServerResponse, body: string) => void
const sockets = new Set<Socket>()

async function listen({ cert, key }: { cert: string; key: string }): Promise<void> {
  server = createServer({ cert, key }, (request, response) => {
    let body = ''
    request.on('data', (part: Buffer) => (body += part.toString()))
    request.on('end', () => answer(request, response, body))
  })
  server.on('connection', (socket: Socket) => void sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
}
async function close(): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  for (const socket of sockets) socket.destroy()
  await closed
}
beforeEach(async () => {
  answer = (_, response) => response.end('<h1>Outlook</h1>')
  await listen(good)
})
afterEach(close)

const page = (more: Partial<Parameters<typeof askPage>[0]> = {}) =>
  askPage({ url: `${base}/`, status: [], certificateDays: 14, ca: good.cert, timeoutMs: 1000, ...more }, systemClock)

test('a page that is there', async () => {
  expect(await page()).toEqual({ outcome: 'good', text: 'it answers 200' })
  expect(await page({ text: 'Outlook' })).toMatchObject({ outcome: 'good' })
})
test.each<[number, string]>([
  [302, 'good'],
  [401, 'good'],
  [403, 'bad'],
  [404, 'bad'],
  [429, 'ours'],
  [500, 'bad'],
  [503, 'bad'],
])('an answer of %i: %s', async (status, outcome) => {
  answer = (_, response) => response.writeHead(status).end()
  expect(await page()).toMatchObject({ outcome })
})
test('answers that the admin calls good, words that must be there', async () => {
  answer = (_, response) => response.writeHead(403).end('sorry')
  expect(await page({ status: [403] })).toMatchObject({ outcome: 'good' })
  expect(await page({ status: [403], text: 'Outlook' })).toMatchObject({ outcome: 'bad' })
  answer = (_, response) => response.end(`${'x'.repeat(600_000)}Outlook`)
  expect(await page({ text: 'Outlook' })).toMatchObject({ outcome: 'bad' })
})
test('silence, a broken connection, an endless page', async () => {
  answer = () => undefined
  expect(await page({ timeoutMs: 200 })).toMatchObject({ outcome: 'bad', text: 'no answer for 0 s' })
  answer = (request) => request.socket.destroy()
  expect(await page()).toMatchObject({ outcome: 'bad' })
  answer = (_, response) => {
    const more = (): void => {
      if (response.destroyed) return
      response.write('x'.repeat(65_536))
      setImmediate(more)
    }
    more()
  }
  expect(await page()).toMatchObject({ outcome: 'good' })
})
test('certificates: nobody vouches for it, it has ended, it will end soon', async () => {
  expect(await page({ ca: undefined })).toMatchObject({ outcome: 'bad' })
  const soon = await page({ certificateDays: 365 * 30 })
  expect(soon.outcome).toBe('good')
  expect(soon.text).toMatch(/its certificate ends in \d+ days/)
  await close()
  await listen(expired)
  expect(await page({ ca: expired.cert })).toMatchObject({ outcome: 'bad', text: expect.stringMatching(/expired/) })
})

const provider = (issuer = base, timeoutMs = 1000) => askProvider({ issuer, ca: good.cert, timeoutMs }, systemClock)
const idp =
  (token: number, configuration: object = { issuer: base, token_endpoint: `${base}/token` }): typeof answer =>
  (request, response, body) => {
    if (request.url === '/.well-known/openid-configuration') {
      response.end(JSON.stringify(configuration))
      return
    }
    expect([request.method, request.url, body]).toEqual(['POST', '/token', 'grant_type=client_credentials'])
    response.writeHead(token).end('{"error":"invalid_client"}')
  }

test.each<[number, string]>([
  [401, 'good'],
  [400, 'good'],
  [429, 'ours'],
  [500, 'bad'],
  [200, 'bad'],
])('an identity provider whose token endpoint answers %i: %s', async (status, outcome) => {
  answer = idp(status)
  expect(await provider()).toMatchObject({ outcome })
})
test('an identity provider that is not one', async () => {
  answer = idp(401, { issuer: 'https://login.evil.example', token_endpoint: `${base}/token` })
  expect(await provider()).toMatchObject({ outcome: 'bad' })
  answer = idp(401, { issuer: base, token_endpoint: 'http://login.corp.test/token' })
  expect(await provider()).toMatchObject({ outcome: 'bad' })
  answer = idp(401, { issuer: base })
  expect(await provider()).toMatchObject({ outcome: 'bad' })
  answer = (_, response) => response.end('<html>')
  expect(await provider()).toMatchObject({ outcome: 'bad' })
  answer = (_, response) => response.end('null')
  expect(await provider()).toMatchObject({ outcome: 'bad' })
  answer = (_, response) => response.writeHead(503).end()
  expect(await provider()).toMatchObject({ outcome: 'bad', text: 'its configuration answers 503' })
  answer = () => undefined
  expect(await provider(base, 200)).toMatchObject({ outcome: 'bad' })
})

test('names: with an address, without, behind a resolver that is dead', async () => {
  const dns = await startDnsServer({ 'mail.corp.test': { a: ['192.0.2.7'] } })
  const ask = (host: string) => askName(host, { servers: [dns.address], timeoutMs: 900 })
  expect(await ask('mail.corp.test')).toEqual({ outcome: 'good', text: 'mail.corp.test is 192.0.2.7' })
  expect(await ask('gone.corp.test')).toMatchObject({ outcome: 'bad' })
  dns.silence.add('mail.corp.test')
  expect(await ask('mail.corp.test')).toMatchObject({ outcome: 'bad' })
  dns.silence.add('com')
  expect(await ask('mail.corp.test')).toMatchObject({ outcome: 'ours' })
  await dns.close()
}, 30_000)

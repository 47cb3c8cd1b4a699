/** One request to a provider over real HTTPS on loopback: whose certificate counts, what is followed, what is not asked at all. */
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { selfSigned } from '../../platform/certificate.ts'
import { ask, AwayError, checkPlace, type AskRules } from './ask.ts'

const { cert, key } = selfSigned(['localhost', '127.0.0.1'], Date.now())
const other = selfSigned(['id.corp.test'], Date.now())
let server: Server
let asked: string[] = []
let url: URL

beforeAll(async () => {
  server = createServer({ cert, key }, (request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers['content-length'] ?? '-'}`)
    response
      .writeHead(200, { 'content-type': 'application/json', 'date': 'Mon, 02 Nov 2026 08:00:00 GMT' })
      .end('{"a":1}')
  })
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  url = new URL(`https://localhost:${(server.address() as AddressInfo).port}/x`)
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
const rules = (more: Partial<AskRules> = {}): AskRules => ({
  ...{ ca: cert, insecureLoopback: true, signal: AbortSignal.timeout(2_000), ...more },
})

test('an answer, by a certificate of the own CA, with the time that is believed there', async () => {
  const dates: string[] = []
  const body = 'grant_type=authorization_code'
  const answer = await ask(
    url,
    { method: 'POST', headers: {}, body },
    rules({ onDate: (date) => void dates.push(date) }),
  )
  expect([answer.status, await answer.json(), dates]).toEqual([200, { a: 1 }, ['Mon, 02 Nov 2026 08:00:00 GMT']])
  expect(asked).toEqual([`POST /x ${body.length}`])
})

test.each<[string, Partial<AskRules>, RegExp]>([
  ['a certificate that nobody vouches for', { ca: undefined }, /certificate/i],
  ['that of somebody else', { ca: other.cert }, /certificate/i],
  ['this machine, by name', { insecureLoopback: false }, /no address that may be asked/],
  ['its time is over', { signal: AbortSignal.abort(new Error('late')) }, /late/],
])('%s: away, and nothing was asked', async (_, more, words) => {
  asked = []
  const error = await ask(url, { method: 'GET', headers: {} }, rules(more)).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(AwayError)
  expect((error as Error).message).toMatch(words)
  expect(asked).toEqual([])
})

test.each([
  ['http://id.corp.test/', true],
  ['http://10.0.0.1/', true],
  ['ftp://127.0.0.1/', true],
  ['https://127.0.0.1/', false],
  ['http://127.0.0.1/', false],
  ['https://[::1]/', false],
  ['https://[::ffff:127.0.0.1]/', false],
  ['https://169.254.169.254/latest/meta-data', true],
  ['https://[fe80::1]/', true],
  ['https://0.0.0.0/', true],
  ['https://2130706433/', false],
])('%s (own machine allowed: %s) is no place to ask', (place, insecureLoopback) => {
  expect(() => checkPlace(new URL(place), { insecureLoopback })).toThrow(AwayError)
})

test.each([
  ['https://id.corp.test/', false],
  ['https://10.0.0.1/', false],
  ['http://127.0.0.1:9000/', true],
  ['http://localhost:9000/', true],
])('%s (own machine allowed: %s) is one', (place, insecureLoopback) => {
  expect(() => checkPlace(new URL(place), { insecureLoopback })).not.toThrow()
})

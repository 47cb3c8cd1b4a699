/** The policy over real DNS and HTTPS on loopback: what is taken, and every way in which it is not (RFC 8461 section 3.3). */
import { createServer, type Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startDnsServer, type DnsServer } from '../../../testkit/dns-server.ts'
import { selfSigned } from '../../platform/certificate.ts'
import { createPolicyHost, type PolicyHostOptions } from './fetch.ts'

const text = 'version: STSv1\r\nmode: enforce\r\nmx: mx.corp.test\r\nmax_age: 86400\r\n'
const { cert, key } = selfSigned(['mta-sts.corp.test'], Date.now())

let dns: DnsServer
let server: Server
let answer: (request: IncomingMessage, response: ServerResponse) => void
const asked: string[] = []
const sockets = new Set<Socket>()
beforeEach(async () => {
  dns = await startDnsServer({
    '_mta-sts.corp.test': { txt: ['v=STSv1; id=one;'] },
    'mta-sts.corp.test': { a: ['127.0.0.1'] },
    'mta-sts.other.test': { a: ['127.0.0.1'] },
  })
  answer = (_, response) => response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(text)
  asked.length = 0
  server = createServer({ cert, key }, (request, response) => {
    asked.push(`${request.headers.host!.split(':')[0]!}${request.url!}`)
    answer(request, response)
  })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  await dns.close()
  const closed = new Promise((resolve) => server.close(resolve))
  for (const socket of sockets) socket.destroy()
  await closed
})

const host = (options: PolicyHostOptions = {}) =>
  createPolicyHost({
    servers: [dns.address],
    allowPrivate: true,
    port: (server.address() as AddressInfo).port,
    ca: cert,
    timeoutMs: 500,
    ...options,
  })

test('record and policy of a domain; one without', async () => {
  expect(await host().lookUpId('corp.test')).toBe('one')
  expect(await host().lookUpId('none.test')).toBeNull()
  expect(await host().fetch('corp.test')).toEqual({ mode: 'enforce', mx: ['mx.corp.test'], maxAge: 86_400 })
  expect(asked).toEqual(['mta-sts.corp.test/.well-known/mta-sts.txt'])
})

test('a name server that says nothing is no answer', async () => {
  dns.silence.add('_mta-sts.corp.test')
  await expect(host({ timeoutMs: 100 }).lookUpId('corp.test')).rejects.toThrow()
})

test.each<[string, (response: ServerResponse) => void, RegExp]>([
  ['a redirect', (response) => response.writeHead(301, { location: 'https://evil.test/' }).end(), /answered 301/],
  ['not found', (response) => response.writeHead(404).end(), /answered 404/],
  ['a page', (response) => response.writeHead(200, { 'content-type': 'text/html' }).end(text), /not text\/plain/],
  ['no type', (response) => response.writeHead(200).end(text), /not text\/plain/],
  [
    'something else',
    (response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('hello'),
    /not a policy/,
  ],
  [
    'without an end',
    (response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(70_000)),
    /too long/,
  ],
  ['no answer', () => undefined, /aborted|timeout/i],
  [
    'half an answer',
    (response) => response.writeHead(200, { 'content-type': 'text/plain' }).write('version'),
    /aborted|timeout/i,
  ],
])('%s: no policy', async (_, give, why) => {
  answer = (__, response) => give(response)
  await expect(host().fetch('corp.test')).rejects.toThrow(why)
})

test('a certificate nobody vouches for, or for another name; an address inside our own network', async () => {
  const other = selfSigned(['somebody.test'], Date.now())
  await expect(host({ ca: other.cert }).fetch('corp.test')).rejects.toThrow(/self.signed|certificate/i)
  await expect(host().fetch('other.test')).rejects.toThrow(/altnames|certificate/i)
  await expect(host({ allowPrivate: false }).fetch('corp.test')).rejects.toThrow('no address that may be asked')
  expect(asked).toEqual([])
})

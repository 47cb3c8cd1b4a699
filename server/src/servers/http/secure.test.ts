/** Pages and policies over TLS: by the name asked for, with a renewed certificate, under the same limits as without. */
import { get } from 'node:https'
import { connect as open, type Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import type { NamedCertificate } from '../../platform/certificate-watch.ts'
import { selfSigned } from '../../platform/certificate.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import type { Access } from '../../core/access/index.ts'
import { createHttp, type HttpServer } from './http.ts'

const own = (host: string, minVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.2') => ({
  ...selfSigned([host], Date.now()),
  minVersion,
})
const named = (host: string): NamedCertificate => ({ options: own(host), covers: (name) => name === host })

let main = own('mail.test')
let http: HttpServer
let ports: { plain: number; secure: number }
beforeEach(async () => {
  main = own('mail.test')
  const names = [named('mta-sts.corp.test')]
  http = await createHttp({
    listen: { host: '127.0.0.1', port: 0 },
    secure: { host: '127.0.0.1', port: 0, tls: () => main, named: () => names },
    publicUrl: 'https://mail.test',
    limits: { connections: 6, perAddress: 4 },
    clock: fakeClock(),
    log: silentLog,
    metrics: createMetrics(),
    access: { session: async () => null } as Partial<Access> as Access,
    ready: async () => ({ ready: true, checks: [] }),
    webRoot: null,
    ownPolicy: async (domain) =>
      domain === 'corp.test' ? { mode: 'enforce', mx: ['mx.corp.test'], maxAge: 86_400 } : null,
  })
  const { port, securePort } = await http.start()
  ports = { plain: port, secure: securePort! }
})
afterEach(() => http.stop())

interface Answer {
  subject: string
  status: number
  body: string
}
const ask = (host: string, path: string): Promise<Answer> =>
  new Promise((resolve, reject) => {
    get(
      {
        port: ports.secure,
        host: '127.0.0.1',
        servername: host,
        path,
        headers: { host },
        rejectUnauthorized: false,
        agent: false,
      },
      (response) => {
        const subject = String((response.socket as TLSSocket).getPeerCertificate().subject.CN)
        let body = ''
        response.on('data', (chunk: Buffer) => (body += chunk.toString()))
        response.on('end', () => resolve({ subject, status: response.statusCode!, body }))
      },
    ).on('error', reject)
  })

test('an MTA-STS policy under the name of its host, pages under the own one (RFC 8461 section 3.3)', async () => {
  const policy = await ask('mta-sts.corp.test', '/.well-known/mta-sts.txt')
  expect(policy).toMatchObject({ subject: 'mta-sts.corp.test', status: 200 })
  expect(policy.body).toContain('mx: mx.corp.test\r\n')
  expect(await ask('mail.test', '/healthz')).toMatchObject({ subject: 'mail.test', status: 200 })
  expect((await ask('mail.test', '/.well-known/mta-sts.txt')).status).toBe(404)
})

test('a renewed certificate is taken up, one that cannot be used is not', async () => {
  main = own('renewed.test')
  expect((await ask('mail.test', '/healthz')).subject).toBe('renewed.test')
  main = { ...main, cert: 'nonsense' }
  expect((await ask('mail.test', '/healthz')).subject).toBe('renewed.test')
})

test('one count of connections for both listeners; a hung handshake is one of them', async () => {
  const hung = [await raw(ports.secure), await raw(ports.plain), await raw(ports.plain), await raw(ports.plain)]
  await expect.poll(() => new Promise((resolve) => http.app.server.getConnections((_, n) => resolve(n)))).toBe(3)
  // Taken after the one that hangs there.
  expect(await isTurnedAway(ports.secure)).toBe(true)
  expect(await isTurnedAway(ports.plain)).toBe(true)
  hung[0]!.destroy()
  const asked = () => ask('mail.test', '/healthz').catch(() => ({ status: 0 }))
  await expect.poll(async () => (await asked()).status).toBe(200)
  for (const socket of hung) socket.destroy()
})

test('stopping ends connections that are kept', async () => {
  const kept = connect({ port: ports.secure, host: '127.0.0.1', servername: 'mail.test', rejectUnauthorized: false })
  await new Promise((resolve) => kept.once('secureConnect', resolve))
  const closed = new Promise((resolve) => kept.once('close', resolve))
  kept.on('error', () => undefined)
  await http.stop()
  await closed
})

async function raw(port: number): Promise<Socket> {
  const socket = open(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await new Promise((resolve) => socket.once('connect', resolve))
  return socket
}
async function isTurnedAway(port: number): Promise<boolean> {
  const socket = await raw(port)
  const ended = new Promise<boolean>((resolve) => {
    if (socket.closed) resolve(true)
    socket.resume().once('close', () => resolve(true))
  })
  const isAway = await Promise.race([ended, new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 300))])
  socket.destroy()
  return isAway
}

/** Connections that say nothing, or say it slowly, do not take the process's files away. */
import { connect, type AddressInfo, type Socket } from 'node:net'
import { fastify, type FastifyInstance } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { fakeClock, type FakeClock } from '../../../testkit/fake-clock.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import type { Access, Session } from '../../core/access/index.ts'
import { limitConnections } from './connections.ts'
import { createHttp } from './http.ts'

const sockets: Socket[] = []
let stop: () => Promise<unknown> = () => Promise.resolve()
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await stop()
})

interface Client {
  isOpen: () => boolean
  ended: Promise<unknown>
  said: () => string
  socket: Socket
}
async function open(port: number, text: string): Promise<Client> {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  let isOpen = true
  let said = ''
  socket.on('error', () => undefined)
  socket.on('data', (chunk) => (said += chunk.toString()))
  const ended = new Promise((resolve) => socket.once('close', resolve)).then(() => (isOpen = false))
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve)
    socket.once('close', resolve)
  })
  socket.write(text)
  return { isOpen: () => isOpen, ended, said: () => said, socket }
}
const UNFINISHED = 'GET /healthz HTTP/1.1\r\nHost: x\r\n'

async function listening(app: FastifyInstance): Promise<number> {
  app.get('/healthz', () => 'ok')
  await app.listen({ host: '127.0.0.1', port: 0 })
  stop = () => app.close()
  return (app.server.address() as AddressInfo).port
}
const held = (app: FastifyInstance): Promise<number> =>
  new Promise((resolve, reject) =>
    app.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  )

test('of a hundred connections from one address five are held, and one that ends makes room', async () => {
  const app = fastify({ forceCloseConnections: true })
  limitConnections([app.server], { connections: 50, perAddress: 5 })
  const port = await listening(app)
  const first = await Promise.all(Array.from({ length: 5 }, () => open(port, UNFINISHED)))
  const more = await Promise.all(Array.from({ length: 95 }, () => open(port, UNFINISHED)))
  await Promise.all(more.map(({ ended }) => ended))
  expect(await held(app)).toBe(5)
  expect(first.every(({ isOpen }) => isOpen())).toBe(true)
  first[0]!.socket.destroy()
  await expect.poll(() => held(app)).toBe(4)
  const again = await open(port, `${UNFINISHED}Connection: close\r\n\r\n`)
  await again.ended
  expect(again.said()).toMatch(/^HTTP\/1\.1 200 /)
})

test('a trusted proxy brings everybody, up to the limit of all', async () => {
  const app = fastify({ forceCloseConnections: true })
  limitConnections([app.server], { connections: 20, perAddress: 5 }, ['10.0.0.0/8', 'loopback'])
  const port = await listening(app)
  const all = await Promise.all(Array.from({ length: 20 }, () => open(port, UNFINISHED)))
  const more = await open(port, UNFINISHED)
  await more.ended
  expect(all.every(({ isOpen }) => isOpen())).toBe(true)
  expect(await held(app)).toBe(20)
})

async function server(clock: FakeClock, session: Session | null): Promise<number> {
  const access: Partial<Access> = { session: async () => session }
  const http = await createHttp({
    listen: { host: '127.0.0.1', port: 0 },
    publicUrl: '',
    clock,
    log: silentLog,
    metrics: createMetrics(),
    access: access as Access,
    ready: async () => ({ ready: true, checks: [] }),
    webRoot: null,
  })
  http.register(async (app) => {
    app.post('/open', { config: { ability: 'public' } }, () => 'got it')
    app.post('/own', { config: { ability: 'account' } }, () => 'got it')
  })
  stop = () => http.stop()
  const { port } = await http.start()
  // Node's own, in real time: a header must be there within fifteen seconds, looked at every five.
  expect(http.app.server.headersTimeout).toBe(15_000)
  expect(http.app.server.requestTimeout).toBe(300_000)
  return port
}
const dripping = (path: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nX-Holdfast-CSRF: csrf\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a`

test.each(['/open', '/own', '/nowhere'])('a body that does not come, to %s, by somebody unknown', async (path) => {
  const clock = fakeClock()
  const client = await open(await server(clock, null), dripping(path))
  // Its header has been read when its time runs.
  await expect.poll(() => clock.pending()).toBeGreaterThan(0)
  await clock.advance(14_000)
  expect(client.isOpen()).toBe(true)
  await clock.advance(1_000)
  await client.ended
})

test('who is signed in may take longer', async () => {
  const clock = fakeClock()
  const session = { abilities: ['account'], csrf: 'csrf', mustChangePassword: false } as unknown as Session
  const client = await open(await server(clock, session), dripping('/own'))
  await expect.poll(() => clock.pending()).toBeGreaterThan(0)
  await clock.advance(60_000)
  expect(client.isOpen()).toBe(true)
  client.socket.write(`${'x'.repeat(96)}"`)
  await expect.poll(() => client.said()).toMatch(/^HTTP\/1\.1 /)
})

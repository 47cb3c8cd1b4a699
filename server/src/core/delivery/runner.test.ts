/** A destination's worker: what goes wrong on our side costs one attempt, never the worker or the process; kept connections. */
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { afterEach, expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { systemClock, type Clock } from '../../platform/clock.ts'
import type { Job } from './job.ts'
import { createRunner } from './runner.ts'
import type { AttemptReport } from './runner-ports.ts'

const job: Job = {
  organisationId: '00000000-0000-7000-8000-000000000001',
  messageId: '00000000-0000-7000-8000-000000000002',
  routeId: '00000000-0000-7000-8000-000000000003',
  direction: 1,
  envelopeFrom: 'a@outside.test',
  mailFrom: 'a@outside.test',
  client: null,
  acceptedAt: 0,
  size: 1,
  prefix: Buffer.alloc(0),
  facts: {},
  body: { kind: 'memory', bytes: [Buffer.from('x')] },
  recipients: [
    {
      deliveryId: '00000000-0000-7000-8000-000000000004',
      personId: null,
      address: 'b@corp.test',
      notify: 0,
      orcpt: null,
      attempts: 0,
      held: false,
      wasUnsure: false,
      unsureBefore: 0,
      cleared: false,
    },
  ],
  returnEventId: null,
  byReturn: false,
  isTrial: false,
  hasWaited: false,
  subject: null,
  headerFrom: null,
}

test('a route whose password cannot be opened: each delivery is deferred and says why, the next one gets its turn', async () => {
  const reports: AttemptReport[] = []
  const runner = createRunner({
    clock: systemClock,
    helo: 'mx.test',
    connections: 1,
    slowMs: 1000,
    findTargets: () => Promise.reject(new Error('the secret cannot be opened')),
    mailOf: () => {
      throw new Error('not reached')
    },
    mayGo: () => true,
    handBack: () => undefined,
    report: (report) => void reports.push(report),
    onSlow: () => undefined,
  })
  runner.push(job)
  runner.push(job)
  await expect.poll(() => reports.length).toBe(2)
  for (const report of reports) {
    expect(report.tried).toBe(false)
    expect(report.results[0]).toMatchObject({ outcome: 'deferred', failure: 'local' })
    expect(report.results[0]!.text).toContain('cannot be opened')
  }
  expect(runner.load()).toBe(0)
})

/** A next hop that answers by the book; `before` may answer a line itself (true). Keeps what it said yes to. */
async function nextHop(before: (line: string, socket: Socket, connection: number) => boolean = () => false) {
  const seen = { connections: 0, accepted: 0, quits: 0 }
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const connection = ++seen.connections
    let inData = false
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.write('220 hop ESMTP\r\n')
    const lines = createInterface(socket)
    lines.on('error', () => undefined)
    lines.on('line', (line) => {
      if (inData ? line === '.' && before('.', socket, connection) : before(line, socket, connection)) return
      if (inData) {
        if (line !== '.') return
        inData = false
        seen.accepted++
        socket.write('250 2.0.0 Ok\r\n')
      } else if (line === 'DATA') {
        inData = true
        socket.write('354 go on\r\n')
      } else if (line === 'QUIT') {
        seen.quits++
        socket.end('221 bye\r\n')
      } else socket.write('250 2.0.0 Ok\r\n')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  )
  return { seen, port: (server.address() as AddressInfo).port }
}

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

function runnerTo(port: number, clock: Clock = systemClock, connections = 1, mayGo = () => true, more: object = {}) {
  const reports: AttemptReport[] = []
  const back: Job[] = []
  const runner = createRunner({
    clock,
    helo: 'mx.test',
    connections,
    slowMs: 60_000,
    findTargets: () =>
      Promise.resolve({ targets: [{ host: '127.0.0.1', port, priority: 0, protocol: 'smtp', tls: 'none' }] }),
    mailOf: () => ({
      from: 'a@outside.test',
      size: 3,
      smtputf8: false,
      eightbit: false,
      ret: null,
      envid: null,
      recipients: [{ address: 'b@corp.test', notify: null, orcpt: null }],
      body: () => [Buffer.from('x\r\n')],
    }),
    mayGo,
    handBack: (one) => void back.push(one),
    report: (report) => void reports.push(report),
    onSlow: () => undefined,
    ...more,
  })
  closers.push(async () => runner.stop())
  return { runner, reports, back, outcomes: () => reports.map((report) => report.results[0]!.outcome) }
}

test.each([
  ['closed', (socket: Socket) => void socket.destroy()],
  ['closed with 421', (socket: Socket) => void socket.end('421 4.4.2 idle for too long\r\n')],
])('a kept connection that the server has %s is replaced, and the message arrives once', async (_, close) => {
  const { seen, port } = await nextHop((line, socket, connection) => {
    if (!line.startsWith('MAIL') || connection > 1 || seen.accepted === 0) return false
    close(socket)
    return true
  })
  const { runner, reports, outcomes } = runnerTo(port)
  runner.push(job)
  await expect.poll(() => reports.length).toBe(1)
  runner.push(job)
  await expect.poll(() => reports.length).toBe(2)
  expect(outcomes()).toEqual(['delivered', 'delivered'])
  expect(seen).toMatchObject({ connections: 2, accepted: 2 })
})

test.each([1, 2])(
  'a server that takes two messages on a connection gets the others on new ones, %i at once',
  async (n) => {
    const count = new Map<number, number>()
    const { seen, port } = await nextHop((line, socket, connection) => {
      if (!line.startsWith('MAIL')) return false
      const mails = (count.get(connection) ?? 0) + 1
      count.set(connection, mails)
      if (mails > 2) socket.write('452 4.5.1 Too many messages sent\r\n')
      return mails > 2
    })
    const { runner, reports, outcomes } = runnerTo(port, systemClock, n)
    for (let i = 0; i < 7; i++) runner.push(job)
    await expect.poll(() => reports.length).toBe(7)
    expect(outcomes()).toEqual(Array(7).fill('delivered'))
    expect(seen.accepted).toBe(7)
    expect(Math.max(...count.values())).toBe(3)
    expect(reports.every(({ tried }) => tried)).toBe(true)
  },
)

test('a 452 to MAIL on a new connection is the answer', async () => {
  const { seen, port } = await nextHop((line, socket) => {
    if (line.startsWith('MAIL')) socket.write('452 4.3.1 no room\r\n')
    return line.startsWith('MAIL')
  })
  const { runner, reports, outcomes } = runnerTo(port)
  runner.push(job)
  await expect.poll(() => reports.length).toBe(1)
  expect(outcomes()).toEqual(['deferred'])
  expect(seen.connections).toBe(1)
})

test.each([
  ['the system fails', '451 4.3.0 down for maintenance', 2],
  ['one mailbox is full', '452 4.2.2 mailbox full', 1],
])('after an answer that %s the next message goes by a fitting connection', async (_, answer, connections) => {
  let asked = 0
  const { seen, port } = await nextHop((line, socket) => {
    if (!line.startsWith('RCPT') || ++asked > 1) return false
    socket.write(`${answer}\r\n`)
    return true
  })
  const { runner, reports, outcomes } = runnerTo(port)
  runner.push(job)
  await expect.poll(() => reports.length).toBe(1)
  runner.push(job)
  await expect.poll(() => outcomes()).toEqual(['deferred', 'delivered'])
  expect(seen).toMatchObject({ connections, accepted: 1 })
})

test('a kept connection lost after the final dot is not repeated: unsure', async () => {
  const { seen, port } = await nextHop((line, socket) => {
    if (line !== '.' || seen.accepted === 0) return false
    seen.accepted++
    socket.destroy()
    return true
  })
  const { runner, reports, outcomes } = runnerTo(port)
  runner.push(job)
  runner.push(job)
  await expect.poll(() => reports.length).toBe(2)
  expect(outcomes()).toEqual(['delivered', 'unsure'])
  expect(seen).toMatchObject({ connections: 1, accepted: 2 })
})

test('after a failed connect the host is left alone for a second, and what fails meanwhile is no evidence', async () => {
  const { port } = await nextHop()
  await closers.pop()!()
  const clock = fakeClock()
  const { runner, reports } = runnerTo(port, clock)
  runner.push(job)
  runner.push(job)
  await expect.poll(() => reports.length).toBe(2)
  expect(reports.map((report) => report.tried)).toEqual([true, false])
  expect(reports[1]!.results[0]).toMatchObject({ outcome: 'deferred', stage: 'connect' })
  expect(runner.isIdle()).toBe(false)
  await clock.advance(1001)
  expect(runner.isIdle()).toBe(true)
  runner.push(job)
  await expect.poll(() => reports.length).toBe(3)
  expect(reports[2]!.tried).toBe(true)
})

test('a domain that stays away is asked ever more seldom, and as often as ever once it has answered', async () => {
  const { port } = await nextHop()
  await closers.pop()!()
  const clock = fakeClock()
  let at = port
  const { runner, reports, outcomes } = runnerTo(port, clock, 1, () => true, {
    coolDownMs: 5_000,
    messagesPerConnection: 1,
    findTargets: () =>
      Promise.resolve({ targets: [{ host: '127.0.0.1', port: at, priority: 0, protocol: 'smtp', tls: 'none' }] }),
  })
  /** seconds after which it is asked again */
  async function rest(): Promise<number> {
    for (let seconds = 0; ; seconds++) {
      const before = reports.length
      runner.push(job)
      await expect.poll(() => reports.length).toBe(before + 1)
      if (reports.at(-1)!.tried) return seconds
      await clock.advance(1_000)
    }
  }
  expect([await rest(), await rest(), await rest(), await rest(), await rest()]).toEqual([0, 1, 2, 4, 5])
  at = (await nextHop()).port
  expect(await rest()).toBe(5)
  expect(outcomes().at(-1)).toBe('delivered')
  at = port
  expect([await rest(), await rest(), await rest()]).toEqual([0, 1, 2])
})

test('what has not begun is taken back; what is under way is cut before its final dot, and that is no evidence', async () => {
  let hangs = 0
  const { port } = await nextHop((line) => line.startsWith('MAIL') && ++hangs > 0)
  const { runner, reports, outcomes } = runnerTo(port)
  for (let i = 0; i < 3; i++) runner.push(job)
  await expect.poll(() => hangs).toBe(1)
  expect(runner.takeBack()).toHaveLength(2)
  expect(runner.load()).toBe(1)
  runner.cut()
  await expect.poll(() => reports.length).toBe(1)
  expect(outcomes()).toEqual(['deferred'])
  expect(reports[0]!.tried).toBe(false)
  await expect.poll(() => runner.isIdle()).toBe(true)
})

test('an idle connection is closed after a while; then the runner holds nothing', async () => {
  const { seen, port } = await nextHop()
  const clock = fakeClock()
  const { runner, reports } = runnerTo(port, clock)
  runner.push(job)
  await expect.poll(() => reports.length).toBe(1)
  expect(runner.isIdle()).toBe(false)
  await clock.advance(20_001)
  await expect.poll(() => seen.quits).toBe(1)
  expect(runner.isIdle()).toBe(true)
})

test('a route that closes while its connection is being made: nothing is sent, the work is handed back', async () => {
  const { seen, port } = await nextHop()
  let asked = 0
  const { runner, reports, back } = runnerTo(port, systemClock, 1, () => ++asked <= 2)
  runner.push(job)
  runner.push(job)
  await expect.poll(() => back.length).toBe(2)
  expect(reports).toHaveLength(0)
  expect(seen).toMatchObject({ connections: 1, accepted: 0 })
})

test('stopped with a server that never answers the final dot: unsure at once, not after ten minutes', async () => {
  let dots = 0
  const { port } = await nextHop((line) => line === '.' && ++dots > 0)
  const { runner, outcomes } = runnerTo(port)
  runner.push(job)
  await expect.poll(() => dots).toBe(1)
  runner.stop()
  await expect.poll(() => outcomes()).toEqual(['unsure'])
  expect(runner.load()).toBe(0)
})

test('a busy connection is not kept for ever: what its host must be may have changed', async () => {
  const { seen, port } = await nextHop()
  const clock = fakeClock()
  const { runner, reports } = runnerTo(port, clock)
  for (let i = 1; i <= 34; i++) {
    runner.push(job)
    await expect.poll(() => reports.length, { interval: 2 }).toBe(i)
    await clock.advance(10_000)
  }
  expect(seen).toMatchObject({ connections: 2, accepted: 34 })
})

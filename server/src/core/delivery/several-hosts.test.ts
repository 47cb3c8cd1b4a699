/** A route with several hosts against real sockets: who gets the mail, and what is said about the route. */
import { afterEach, expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { startNextHop, type NextHop, type NextHopOptions } from '../../../testkit/next-hop.ts'
import { systemClock, type Clock } from '../../platform/clock.ts'
import type { Job } from './job.ts'
import { createRunner } from './runner.ts'
import type { AttemptReport, Runner } from './runner-ports.ts'

const hops: NextHop[] = []
let runner: Runner
afterEach(async () => {
  runner.stop()
  for (const hop of hops.splice(0)) await hop.close()
})

const job = (name: string): Job => ({ messageId: name, recipients: [{ address: `${name}@corp.test` }] }) as never
const hopOf = async (answer?: NextHopOptions['answer']): Promise<NextHop> => {
  const hop = await startNextHop(answer ? { answer } : {})
  hops.push(hop)
  return hop
}
/** A port nobody listens at. */
async function closedPort(): Promise<number> {
  const hop = await startNextHop()
  await hop.close()
  return hop.port
}

interface Where {
  port: number
  priority?: number
}
function start(where: Where[], options: { clock?: Clock; connections?: number; slowMs?: number } = {}) {
  const reports: AttemptReport[] = []
  const slow: string[] = []
  runner = createRunner({
    clock: options.clock ?? systemClock,
    helo: 'mx.test',
    connections: options.connections ?? 4,
    slowMs: options.slowMs ?? 60_000,
    findTargets: () =>
      Promise.resolve({
        targets: where.map(({ port, priority = 0 }) => ({
          host: '127.0.0.1',
          port,
          priority,
          protocol: 'smtp' as const,
          tls: 'none' as const,
        })),
      }),
    mailOf: ({ messageId }) => ({
      from: 'a@outside.test',
      size: 3,
      smtputf8: false,
      eightbit: false,
      ret: null,
      envid: null,
      recipients: [{ address: `${messageId}@corp.test`, notify: null, orcpt: null }],
      body: () => [Buffer.from(`${messageId}\r\n`)],
    }),
    mayGo: () => true,
    handBack: () => undefined,
    report: (report) => void reports.push(report),
    onSlow: (_, stage) => void slow.push(stage),
    random: () => 0,
  })
  const sendOne = async (name: string): Promise<AttemptReport> => {
    const before = reports.length
    runner.push(job(name))
    await expect.poll(() => reports.length, { timeout: 5_000 }).toBe(before + 1)
    return reports.at(-1)!
  }
  return { reports, slow, sendOne }
}
const silent: NextHopOptions['answer'] = ({ line }) => (/^(MAIL|RCPT|DATA)/.test(line) ? '' : undefined)
const taken = (hop: NextHop): string[] => hop.heard.map(({ line }) => line).filter((line) => /^[a-z]\d*$/.test(line))
const outcomeOf = ({ results }: AttemptReport): string => results[0]!.outcome

test('equal hosts share the load also where one connection would do', async () => {
  const [one, other] = [await hopOf(), await hopOf()]
  const { sendOne } = start([one, other])
  for (const name of 'abcdef') await sendOne(name)
  expect([taken(one), taken(other)]).toEqual([
    ['a', 'c', 'e'],
    ['b', 'd', 'f'],
  ])
  expect([one.connections(), other.connections()]).toEqual([1, 1])
})

test('a host that refuses connections: the mail goes to the next at once, nothing is said against the route', async () => {
  const spare = await hopOf()
  const { sendOne, reports } = start([
    { port: await closedPort(), priority: 1 },
    { port: spare.port, priority: 2 },
  ])
  for (const name of 'abc') await sendOne(name)
  expect(reports.map(outcomeOf)).toEqual(['delivered', 'delivered', 'delivered'])
  expect(reports.map(({ host }) => host)).toEqual(Array(3).fill(`127.0.0.1:${spare.port}`))
})

test('only when all fail is it evidence, from the last one asked', async () => {
  const [first, second] = [await closedPort(), await closedPort()]
  const { sendOne } = start([
    { port: first, priority: 1 },
    { port: second, priority: 2 },
  ])
  const report = await sendOne('a')
  expect(report).toMatchObject({ tried: true, host: `127.0.0.1:${second}` })
  expect(report.results[0]).toMatchObject({ outcome: 'deferred', stage: 'connect', failure: 'refused' })
})

test.each([
  ['at RCPT', /^RCPT/, '451 4.3.0 down for maintenance'],
  ['at MAIL on a fresh connection', /^MAIL/, '421 4.3.2 going down'],
  ['after the final dot', /^\.$/, '451 4.3.0 queue file write error'],
])(
  'a host whose system fails %s: the same message goes to the next host, and the host rests',
  async (_, at, answer) => {
    let asked = 0
    const bad = await hopOf(({ line }) => (at.test(line) && ++asked > 0 ? answer : undefined))
    const spare = await hopOf()
    const { sendOne, reports } = start([
      { port: bad.port, priority: 1 },
      { port: spare.port, priority: 2 },
    ])
    for (const name of 'abc') await sendOne(name)
    expect(reports.map(outcomeOf)).toEqual(['delivered', 'delivered', 'delivered'])
    expect(taken(spare)).toEqual(['a', 'b', 'c'])
    expect(asked).toBe(1)
  },
)

test('one full mailbox, or a refusal, is not taken to another host; a lost last reply never', async () => {
  const first = await hopOf(({ line }) =>
    line.startsWith('RCPT TO:<full')
      ? '452 4.2.2 full'
      : line.startsWith('RCPT TO:<no')
        ? '550 5.1.1 nobody'
        : line === '.'
          ? null
          : undefined,
  )
  const second = await hopOf()
  const { sendOne, reports } = start([
    { port: first.port, priority: 1 },
    { port: second.port, priority: 2 },
  ])
  for (const name of ['full', 'no', 'lost']) await sendOne(name)
  expect(reports.map(outcomeOf)).toEqual(['deferred', 'refused', 'unsure'])
  expect(second.connections()).toBe(0)
})

test('all systems fail: one answer of a server is what is reported', async () => {
  const bad = (): Promise<NextHop> => hopOf(({ line }) => (line.startsWith('MAIL') ? '451 4.3.0 no' : undefined))
  const { sendOne } = start([await bad(), await bad(), { port: await closedPort(), priority: 9 }])
  expect((await sendOne('a')).results[0]).toMatchObject({ outcome: 'deferred', stage: 'mail', code: 451 })
  expect(hops.map((hop) => hop.connections())).toEqual([1, 1])
})

test('the better host is back: after its rest it is tried, and the kept connection to the worse one carries nothing more', async () => {
  const clock = fakeClock()
  let isDown = true
  const better = await hopOf(({ line }) => (isDown && line.startsWith('EHLO') ? '421 4.3.2 starting' : undefined))
  const worse = await hopOf()
  const { sendOne } = start(
    [
      { port: better.port, priority: 1 },
      { port: worse.port, priority: 2 },
    ],
    { clock },
  )
  await sendOne('a')
  await clock.advance(9_000)
  await sendOne('b')
  expect(better.connections()).toBe(1)
  isDown = false
  await clock.advance(1_001)
  await sendOne('c')
  await sendOne('d')
  expect([taken(better), taken(worse)]).toEqual([
    ['c', 'd'],
    ['a', 'b'],
  ])
  expect([better.connections(), worse.connections()]).toEqual([2, 1])
})

test('under load that never ends the better host is taken again as well', async () => {
  const clock = fakeClock()
  let isDown = true
  const better = await hopOf(({ line }) => (isDown && line.startsWith('EHLO') ? '421 4.3.2 starting' : undefined))
  const worse = await hopOf(({ line }) => {
    if (line.startsWith('RCPT TO:<b1')) void clock.advance(20)
    return undefined
  })
  const { reports } = start(
    [
      { port: better.port, priority: 1 },
      { port: worse.port, priority: 2 },
    ],
    { clock, connections: 1 },
  )
  runner.push(job('a'))
  await expect.poll(() => reports.length).toBe(1)
  isDown = false
  await clock.advance(9_990)
  for (let i = 0; i < 5; i++) runner.push(job(`b${i}`))
  await expect.poll(() => reports.length).toBe(6)
  expect(taken(worse)).toEqual(['a', 'b0', 'b1'])
  expect(taken(better)).toEqual(['b2', 'b3', 'b4'])
})

test('a host that does not answer: others take the next messages, and the route is not called slow', async () => {
  const stuck = await hopOf(silent)
  const well = await hopOf()
  const { reports, slow } = start(
    [
      { port: stuck.port, priority: 1 },
      { port: well.port, priority: 2 },
    ],
    { connections: 2, slowMs: 100 },
  )
  runner.push(job('a'))
  await expect.poll(() => stuck.story()).toContain('clear MAIL')
  await systemClock.sleep(200)
  for (const name of 'bcd') runner.push(job(name))
  await expect.poll(() => reports.length).toBe(3)
  expect(taken(well)).toEqual(['b', 'c', 'd'])
  expect(slow).toEqual([])
})

test('no host answers: the route is called slow', async () => {
  const stuck = (): Promise<NextHop> => hopOf(silent)
  const { slow } = start([await stuck(), await stuck()], { connections: 2, slowMs: 100 })
  for (const name of 'ab') runner.push(job(name))
  await expect.poll(() => slow).toEqual(['mail'])
})

test('connections stay within the limit, whichever hosts they go to', async () => {
  const [one, other] = [await hopOf(), await hopOf()]
  const { sendOne } = start([one, other], { connections: 1 })
  for (const name of 'abc') await sendOne(name)
  expect(one.connections() + other.connections()).toBe(1)
})

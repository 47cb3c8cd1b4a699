/** What a host may be sent: so many messages over one connection, so many a second. */
import { afterEach, expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { startNextHop, type NextHop, type NextHopOptions } from '../../../testkit/next-hop.ts'
import { systemClock, type Clock } from '../../platform/clock.ts'
import type { Job } from './job.ts'
import { createPace, type Pace } from './pace.ts'
import { createRunner } from './runner.ts'
import type { AttemptReport, Runner } from './runner-ports.ts'

const hops: NextHop[] = []
const runners: Runner[] = []
afterEach(async () => {
  for (const runner of runners.splice(0)) runner.stop()
  for (const hop of hops.splice(0)) await hop.close()
})

async function hopOf(answer?: NextHopOptions['answer']): Promise<NextHop> {
  const hop = await startNextHop(answer ? { answer } : {})
  hops.push(hop)
  return hop
}
function start(
  to: NextHop[],
  options: { clock?: Clock; connections?: number; messagesPerConnection?: number; pace?: Pace; priorities?: number[] },
) {
  const { clock = systemClock, connections = 1, priorities = [], ...rest } = options
  const reports: AttemptReport[] = []
  const runner = createRunner({
    clock,
    helo: 'mx.test',
    connections,
    slowMs: 60_000,
    findTargets: () =>
      Promise.resolve({
        targets: to.map(({ port }, i) => ({
          host: '127.0.0.1',
          port,
          priority: priorities[i] ?? 0,
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
    onSlow: () => undefined,
    random: () => 0,
    ...rest,
  })
  runners.push(runner)
  const push = (count: number): void => {
    for (let i = 0; i < count; i++)
      runner.push({ messageId: `m${i}`, client: null, recipients: [{ address: `m${i}@corp.test` }] } as unknown as Job)
  }
  const done = (count: number): Promise<void> => expect.poll(() => reports.length, { timeout: 5_000 }).toBe(count)
  return { runner, reports, push, done }
}
const taken = (hop: NextHop): number => hop.heard.filter(({ line }) => line === '.').length

test.each([
  [1, 5],
  [2, 3],
  [5, 1],
  [0, 1],
])('%i messages over one connection: five need %i', async (messagesPerConnection, connections) => {
  const hop = await hopOf()
  const { reports, push, done } = start([hop], { messagesPerConnection })
  push(5)
  await done(5)
  expect(reports.every(({ results }) => results[0]!.outcome === 'delivered')).toBe(true)
  expect(hop.connections()).toBe(connections)
  await expect
    .poll(() => hop.story().filter((word) => word === 'clear QUIT').length)
    .toBe(messagesPerConnection === 0 ? 0 : Math.floor(5 / messagesPerConnection))
})

test('two a second: evenly spaced, however many connections there are; what is too early can be taken back', async () => {
  const clock = fakeClock()
  const hop = await hopOf()
  const { runner, push, done } = start([hop], { clock, connections: 5, pace: createPace(clock, 2) })
  push(10)
  await done(1)
  expect(taken(hop)).toBe(1)
  for (let second = 1; second <= 3; second++) {
    await clock.advance(500)
    await done(2 * second)
    await clock.advance(499)
    await systemClock.sleep(20)
    expect(taken(hop)).toBe(2 * second)
    await clock.advance(1)
    await done(2 * second + 1)
  }
  expect(runner.load()).toBe(3)
  expect(runner.takeBack()).toHaveLength(3)
  await clock.advance(10_000)
  expect(taken(hop)).toBe(7)
  expect(runner.load()).toBe(0)
  // Nothing was saved up meanwhile.
  push(3)
  await done(8)
  await systemClock.sleep(20)
  expect(taken(hop)).toBe(8)
})

test('a message that takes long does not hold up the pace', async () => {
  const clock = fakeClock()
  const hop = await hopOf(({ line, connection }) => (connection === 1 && line === '.' ? '' : undefined))
  const { push, done } = start([hop], { clock, connections: 3, pace: createPace(clock, 1) })
  push(3)
  await expect.poll(() => taken(hop)).toBe(1)
  await clock.advance(1_000)
  await done(1)
  await clock.advance(1_000)
  await done(2)
  expect(taken(hop)).toBe(3)
})

test('the pace is of each host: two equal ones take twice as much, a spare one nothing', async () => {
  const clock = fakeClock()
  const [one, other, spare] = [await hopOf(), await hopOf(), await hopOf()]
  const { push, done } = start([one, other, spare], {
    clock,
    connections: 4,
    priorities: [1, 1, 2],
    pace: createPace(clock, 1),
  })
  push(8)
  for (let second = 0; second < 4; second++) {
    await done(2 * second + 2)
    await clock.advance(1_000)
  }
  expect([taken(one), taken(other), taken(spare)]).toEqual([4, 4, 0])
})

test('another route is not held up, other destinations of the same route are', async () => {
  const clock = fakeClock()
  const hop = await hopOf()
  const pace = createPace(clock, 1)
  const first = start([hop], { clock, pace })
  const second = start([hop], { clock, pace })
  const free = start([hop], { clock })
  first.push(2)
  await first.done(1)
  free.push(5)
  await free.done(5)
  second.push(2)
  await second.done(1)
  expect(first.reports).toHaveLength(1)
  for (let i = 0; i < 3; i++) {
    await clock.advance(1_000)
    await systemClock.sleep(20)
  }
  await first.done(2)
  await second.done(2)
})

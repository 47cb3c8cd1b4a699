/** Connections to one host, shared by whatever goes there: the count, the line, and who gives up a place. */
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { startNextHop, type NextHop, type NextHopOptions } from '../../../testkit/next-hop.ts'
import type { SmtpTarget } from '../../clients/smtp/result.ts'
import { systemClock } from '../../platform/clock.ts'
import { createHostRoom, type HostRoom, type Place } from './host-room.ts'
import type { Job } from './job.ts'
import { createRunner } from './runner.ts'
import type { AttemptReport, Runner } from './runner-ports.ts'

const at = (host: string, change: Partial<SmtpTarget> = {}): SmtpTarget => ({
  host,
  port: 25,
  protocol: 'smtp',
  tls: 'none',
  ...change,
})
const yes = (): boolean => true
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('whoever comes after the last place waits in line; the widest who wants the host decides how many there are', async () => {
  const room = createHostRoom(fakeClock())
  const one = at('mx.test')
  const [first] = [await room.enter(one, 2, yes), await room.enter(one, 2, yes)]
  expect([room.isFull(one, 2), room.isFull(one, 3), room.isAwaited(one)]).toEqual([true, false, false])
  const order: string[] = []
  void room.enter(at('MX.test'), 2, yes).then(() => order.push('third'))
  void room.enter(one, 2, yes).then(() => order.push('fourth'))
  await settle()
  expect([order, room.isAwaited(one)]).toEqual([[], true])
  first!.leave()
  first!.leave()
  await settle()
  expect(order).toEqual(['third'])
  // Who may open more makes room for those before it as well.
  void room.enter(one, 4, yes).then(() => order.push('fifth'))
  await settle()
  expect(order).toEqual(['third', 'fourth', 'fifth'])
})

test('another address, another port, another address of ours: another host', async () => {
  const room = createHostRoom(fakeClock())
  const same = at('a.test', { address: '192.0.2.1' })
  await room.enter(same, 1, yes)
  expect(room.isFull(at('b.test', { address: '192.0.2.1' }), 1)).toBe(true)
  expect(room.isFull(at('a.test', { address: '192.0.2.2' }), 1)).toBe(false)
  expect(room.isFull(at('a.test', { address: '192.0.2.1', port: 26 }), 1)).toBe(false)
  expect(room.isFull({ ...same, localAddresses: ['198.51.100.7'] }, 1)).toBe(false)
})

test('who does not want to wait any more goes, and the next moves up', async () => {
  const clock = fakeClock()
  const room = createHostRoom(clock)
  const first = await room.enter(at('mx.test'), 1, yes)
  let isWanted = true
  const second = room.enter(at('mx.test'), 1, () => isWanted)
  const third = room.enter(at('mx.test'), 1, yes)
  await clock.advance(1_000)
  isWanted = false
  await clock.advance(250)
  expect(await second).toBeNull()
  first!.leave()
  expect(await third).not.toBeNull()
  await clock.advance(1_000)
  expect(clock.pending()).toBe(0)
})

test('a place that is spare is asked for, the one spare for longest first, and each once', async () => {
  const room = createHostRoom(fakeClock())
  const places = [await room.enter(at('mx.test'), 2, yes), await room.enter(at('mx.test'), 2, yes)]
  const asked: number[] = []
  const give = (i: number) => () => {
    asked.push(i)
    places[i]!.leave()
  }
  places[0]!.spare(give(0))
  places[0]!.spare(null)
  const third = room.enter(at('mx.test'), 2, yes)
  await settle()
  expect(asked).toEqual([])
  places[1]!.spare(give(1))
  expect(await third).not.toBeNull()
  expect(asked).toEqual([1])
})

test('whatever happens, never more than the widest may open, and everybody has their turn', async () => {
  const act = fc.oneof(
    fc.record({ act: fc.constant('enter' as const), host: fc.nat(2), most: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ act: fc.constantFrom('leave' as const, 'spare' as const), which: fc.nat(20) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 60 }), async (acts) => {
      const room = createHostRoom(fakeClock())
      const inside: { host: number; place: Place }[] = []
      let [asked, served] = [0, 0]
      const leave = (one: (typeof inside)[number]): void => {
        if (!inside.includes(one)) return
        inside.splice(inside.indexOf(one), 1)
        one.place.leave()
      }
      for (const one of acts) {
        if (one.act === 'enter') {
          asked++
          void room.enter(at(`h${one.host}`), one.most, yes).then((place) => {
            served++
            inside.push({ host: one.host, place: place! })
          })
        } else if (inside.length > 0) {
          const chosen = inside[one.which % inside.length]!
          if (one.act === 'leave') leave(chosen)
          else chosen.place.spare(() => leave(chosen))
        }
        await settle()
        for (const host of [0, 1, 2]) expect(inside.filter((each) => each.host === host).length).toBeLessThanOrEqual(4)
      }
      while (inside.length > 0) {
        leave(inside[0]!)
        await settle()
      }
      expect(served).toBe(asked)
    }),
    { numRuns: 200 },
  )
})

const hops: NextHop[] = []
const runners: Runner[] = []
afterEach(async () => {
  for (const runner of runners.splice(0)) runner.stop()
  for (const hop of hops.splice(0)) await hop.close()
})

async function hopOf(answer?: NextHopOptions['answer'], options: NextHopOptions = {}): Promise<NextHop> {
  const hop = await startNextHop({ ...options, ...(answer ? { answer } : {}) })
  hops.push(hop)
  return hop
}
/** A destination of its own at this host; what it reports, in order. */
function destination(name: string, hop: NextHop, room: HostRoom, connections: number) {
  const reports: AttemptReport[] = []
  const back: Job[] = []
  const isOpen = { value: true }
  const runner = createRunner({
    clock: systemClock,
    helo: 'mx.test',
    connections,
    room,
    slowMs: 60_000,
    findTargets: () => Promise.resolve({ targets: [{ ...at('127.0.0.1'), port: hop.port, priority: 0 }] }),
    mailOf: ({ messageId }) => ({
      from: 'a@outside.test',
      size: 3,
      smtputf8: false,
      eightbit: false,
      ret: null,
      envid: null,
      recipients: [{ address: `${messageId}@${name}`, notify: null, orcpt: null }],
      body: () => [Buffer.from(`${messageId}\r\n`)],
    }),
    mayGo: () => isOpen.value,
    handBack: (job) => void back.push(job),
    report: (report) => void reports.push(report),
    onSlow: () => undefined,
  })
  runners.push(runner)
  const push = (count: number): void => {
    for (let i = 0; i < count; i++)
      runner.push({ messageId: `m${i}`, client: null, recipients: [{ address: `m${i}@${name}` }] } as unknown as Job)
  }
  return { runner, push, reports, back, isOpen }
}

test('several domains behind one host: no more connections to it than one may have, and each gets on', async () => {
  const hop = await hopOf()
  const room = createHostRoom(systemClock)
  const all = ['a.test', 'b.test', 'c.test', 'd.test'].map((name) => destination(name, hop, room, 3))
  // The first has much to send, the others little: theirs does not wait for the end of it.
  all[0]!.push(400)
  await expect.poll(() => all[0]!.reports.length).toBeGreaterThan(10)
  for (const one of all.slice(1)) one.push(5)
  await expect.poll(() => all.slice(1).map(({ reports }) => reports.length), { timeout: 5_000 }).toEqual([5, 5, 5])
  expect(all[0]!.reports.length).toBeLessThan(400)
  await expect.poll(() => all[0]!.reports.length, { timeout: 10_000 }).toBe(400)
  for (const { results } of all.flatMap(({ reports }) => reports)) expect(results[0]!.outcome).toBe('delivered')
  // Three, and one for whoever comes beside.
  expect(hop.mostAtOnce()).toBeLessThanOrEqual(4)
})

test('a kept connection that waits for its next message makes way at once', async () => {
  const hop = await hopOf()
  const room = createHostRoom(systemClock)
  const [first, second, third] = ['a.test', 'b.test', 'c.test'].map((name) => destination(name, hop, room, 1))
  for (const one of [first!, second!, third!, first!]) {
    const before = one.reports.length
    one.push(1)
    await expect.poll(() => one.reports.length, { timeout: 2_000 }).toBe(before + 1)
  }
  expect([hop.connections(), hop.mostAtOnce()]).toEqual([4, 2])
})

test('while the host answers one destination nothing, the other waits; closed meanwhile, its mail is given back', async () => {
  const hop = await hopOf(({ line }) => (/^MAIL/.test(line) ? '' : undefined))
  const room = createHostRoom(systemClock)
  const [stuck, other] = [destination('a.test', hop, room, 4), destination('b.test', hop, room, 1)]
  stuck.push(4)
  await expect.poll(() => hop.heard.filter(({ line }) => line.startsWith('MAIL')).length).toBe(4)
  // One place is left beside a destination that has all of its own.
  other.push(1)
  await expect.poll(() => hop.heard.filter(({ line }) => line.startsWith('MAIL')).length).toBe(5)
  const third = destination('c.test', hop, room, 1)
  third.push(1)
  await expect.poll(() => room.isAwaited({ ...at('127.0.0.1'), port: hop.port })).toBe(true)
  third.isOpen.value = false
  await expect.poll(() => third.back.length, { timeout: 2_000 }).toBe(1)
  expect([hop.connections(), third.reports.length]).toEqual([5, 0])
})

test('a host that takes two connections and turns others away has its mail by two, and none is put off', async () => {
  const hop = await hopOf(undefined, {
    greeting: ({ open }) => (open > 2 ? '421 4.7.0 Too many connections from you' : undefined),
  })
  const one = destination('big.test', hop, createHostRoom(systemClock), 10)
  one.push(200)
  await expect.poll(() => one.reports.length + one.back.length, { timeout: 10_000 }).toBe(200)
  expect(one.reports.every(({ results }) => results[0]!.outcome === 'delivered')).toBe(true)
  // Given back untried by those who were turned away, once each.
  expect(one.back.length).toBeLessThan(10)
  one.push(one.back.length)
  await expect.poll(() => one.reports.length, { timeout: 5_000 }).toBe(200)
  expect(hop.connections()).toBeLessThanOrEqual(2 + 10)
})

test('a host that turns everybody away is down like any, and asked less and less', async () => {
  const hop = await hopOf(undefined, { greeting: () => '421 4.7.0 Not now' })
  const one = destination('shut.test', hop, createHostRoom(systemClock), 10)
  one.push(20)
  await expect.poll(() => one.reports.length + one.back.length, { timeout: 5_000 }).toBe(20)
  // Who is turned away while others are still asking knows nothing; the last one does.
  expect(one.back.length).toBeLessThan(10)
  expect(one.reports.every(({ results }) => results[0]!.outcome === 'deferred')).toBe(true)
})

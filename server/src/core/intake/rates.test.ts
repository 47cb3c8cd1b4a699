/** What is counted, for how long, and who hears what; hours pass on the fake clock. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { configSchema } from '../../platform/config/config.ts'
import { WireError } from '../../platform/errors.ts'
import { createRates } from './rates.ts'

const MINUTE = 60_000
const none = {
  messagesPerNetwork: 0,
  recipientsPerNetwork: 0,
  recipientsPerSender: 0,
  messagesPerMailbox: 0,
  unknownInRow: 0,
  exempt: [],
}
function stage(limits: object) {
  const clock = fakeClock()
  const config = configSchema.parse({ smtp: { rates: { ...none, ...limits } } }).smtp.rates
  const rates = createRates({ clock, config })
  const mailbox = (address: string) => ({ personId: null, folded: address, standing: 'known' as const })
  const sender = (clientIp: string, from = 'a@outside.test') => ({ clientIp, from })
  const coded = (work: () => void): string => {
    try {
      work()
      return 'ok'
    } catch (error) {
      return (error as WireError).code
    }
  }
  const check = (ip: string, to = 'b@corp.test', from?: string): string =>
    coded(() => rates.check(sender(ip, from), mailbox(to)))
  return {
    clock,
    rates,
    check,
    accept: (ip: string, to: string[] = ['b@corp.test'], from?: string) =>
      rates.accepted(
        sender(ip, from),
        to.map((address) => ({ recipient: mailbox(address) })),
      ),
    unknown: (ip: string): string => coded(() => rates.unknown(sender(ip))),
    known: (ip: string) => rates.known(sender(ip)),
    /** A message from RCPT to 250. */
    send(ip: string, to = 'b@corp.test', from?: string): string {
      const said = check(ip, to, from)
      if (said === 'ok') this.accept(ip, [to], from)
      return said
    },
  }
}

test('messages of a network: its hour runs off evenly, other networks are other', async () => {
  const it = stage({ messagesPerNetwork: 60 })
  for (let i = 0; i < 60; i++) expect(it.send(`192.0.2.${i}`)).toBe('ok')
  expect(it.send('192.0.2.200')).toBe('network-rate')
  expect(it.send('192.0.3.1')).toBe('ok')
  await it.clock.advance(MINUTE)
  expect(it.send('192.0.2.200')).toBe('ok')
  expect(it.send('192.0.2.200')).toBe('network-rate')
  await it.clock.advance(60 * MINUTE)
  for (let i = 0; i < 60; i++) expect(it.send('192.0.2.1')).toBe('ok')
})

test('an IPv6 site is one network', () => {
  const it = stage({ messagesPerNetwork: 1 })
  expect(it.send('2001:db8:0:aa00::1')).toBe('ok')
  expect(it.send('2001:db8:0:aaff:1::')).toBe('network-rate')
  expect(it.send('2001:db8:0:ab00::1')).toBe('ok')
})

test('recipients count one by one, for the network and for the sender, whatever the case', () => {
  const it = stage({ recipientsPerNetwork: 3, recipientsPerSender: 2 })
  it.accept('192.0.2.1', ['a@corp.test', 'b@corp.test'], 'News@Outside.test')
  expect(it.check('198.51.100.1', 'c@corp.test', 'news@outside.test')).toBe('sender-rate')
  expect(it.check('198.51.100.1', 'c@corp.test', 'other@outside.test')).toBe('ok')
  it.accept('192.0.2.2', ['c@corp.test'], '')
  expect(it.check('192.0.2.3')).toBe('network-rate')
})

test('the null sender has no limit of its own', () => {
  const it = stage({ recipientsPerSender: 1 })
  for (let i = 0; i < 5; i++) expect(it.send('192.0.2.1', 'b@corp.test', '')).toBe('ok')
})

test('a mailbox that is bombed from everywhere: what was only named does not count', async () => {
  const it = stage({ messagesPerMailbox: 30 })
  for (let i = 0; i < 500; i++) expect(it.check(`203.0.113.${i % 250}`)).toBe('ok')
  for (let i = 0; i < 30; i++) expect(it.send(`203.0.${i}.1`, 'b@corp.test', `x${i}@y.test`)).toBe('ok')
  expect(it.send('198.51.100.1')).toBe('mailbox-rate')
  expect(it.send('198.51.100.1', 'c@corp.test')).toBe('ok')
  await it.clock.advance(2 * MINUTE)
  expect(it.send('198.51.100.1')).toBe('ok')
  expect(it.send('198.51.100.1')).toBe('mailbox-rate')
})

test('who guesses does not begin anew with every address that is known', () => {
  const it = stage({ unknownInRow: 100 })
  let guesses = 0
  for (let i = 0; i < 500 && it.unknown('192.0.2.1') === 'ok'; i++) if (++guesses % 50 === 0) it.known('192.0.2.1')
  expect(guesses).toBeLessThan(130)
  // Forty of three hundred have left: a list is no guess.
  for (let i = 0; i < 300; i++) {
    it.known('192.0.2.2')
    if (i % 3 === 0) expect(it.unknown('192.0.2.2')).toBe('ok')
  }
})

test('unknown recipients in a row, over all connections; a known one or ten quiet minutes end it', async () => {
  const it = stage({ unknownInRow: 3 })
  const row = (n: number) => Array.from({ length: n }, () => it.unknown('192.0.2.1'))
  expect(row(5)).toEqual(['ok', 'ok', 'ok', 'unknown-in-row', 'unknown-in-row'])
  expect(it.unknown('192.0.2.2')).toBe('ok')
  it.known('192.0.2.1')
  expect(row(4)).toEqual(['ok', 'ok', 'ok', 'unknown-in-row'])
  await it.clock.advance(9 * MINUTE)
  expect(row(1)).toEqual(['unknown-in-row'])
  await it.clock.advance(10 * MINUTE)
  expect(row(1)).toEqual(['ok'])
  const site = Array.from({ length: 4 }, (_, i) => it.unknown(`2001:db8::${i}`))
  expect(site).toEqual(['ok', 'ok', 'ok', 'unknown-in-row'])
})

test('who is exempt is never counted; a limit of 0 is none; recipients outside are nobody’s mailbox', () => {
  const it = stage({
    messagesPerNetwork: 1,
    messagesPerMailbox: 1,
    unknownInRow: 1,
    exempt: ['loopback', '10.0.0.0/8'],
  })
  for (const ip of ['127.0.0.1', '::1', '10.9.9.9'])
    for (let i = 0; i < 3; i++) {
      expect(it.send(ip)).toBe('ok')
      expect(it.unknown(ip)).toBe('ok')
    }
  expect(it.send('192.0.2.1')).toBe('ok')
  const free = stage({})
  for (let i = 0; i < 1000; i++) expect(free.send('192.0.2.1')).toBe('ok')
  const outside = { personId: null, folded: 'x@world.test', standing: 'outside' as const }
  it.rates.accepted({ clientIp: '198.51.100.1', from: 'a@b.test' }, [{ recipient: outside }, { recipient: outside }])
  expect(it.check('198.51.100.1', 'fresh@corp.test')).toBe('ok')
})

test('tables have an end: who was heard of longest ago is forgotten first', () => {
  const it = stage({ messagesPerNetwork: 1 })
  const ip = (n: number): string => `10.${n >> 8}.${n & 255}.1`
  for (let n = 0; n <= 20_000; n++) it.accept(ip(n))
  expect(it.check(ip(0))).toBe('ok')
  expect(it.check(ip(1))).toBe('network-rate')
  expect(it.check(ip(20_000))).toBe('network-rate')
})

test('never more than the hour and what has run off, however the time passes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(20 * MINUTE), fc.nat(9)), { maxLength: 30 }), async (steps) => {
      const it = stage({ messagesPerMailbox: 12 })
      let passed = 0
      let taken = 0
      for (const [ms, n] of steps) {
        await it.clock.advance(ms)
        passed += ms
        for (let i = 0; i < n; i++) if (it.send('192.0.2.1') === 'ok') taken++
      }
      expect(taken).toBeLessThanOrEqual(12 + Math.floor(passed / (5 * MINUTE)) + 1)
    }),
    { numRuns: 200 },
  )
})

test('an organisation of five thousand, its mail through one filter, with a backlog of half a day, meets no limit', () => {
  const it = stage(configSchema.parse({}).smtp.rates)
  for (let i = 0; i < 100_000; i++)
    expect(it.send('192.0.2.1', `p${i % 5000}@corp.test`, `s${i % 7000}@outside.test`)).toBe('ok')
})

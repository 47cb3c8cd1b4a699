/** The prober of canaries on a fake clock: what is sent and when, what is reported, and that nothing piles up. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import type { BoxLook } from '../../clients/reach/canary-box.ts'
import { reached, type ReachResult } from '../../clients/reach/result.ts'
import { EvidenceKind, Mode, RouteKind } from '../../platform/codes.ts'
import { silentLog } from '../../platform/log.ts'
import { automatic, routeSettingsSchema, type Route } from '../directory/index.ts'
import { createCanaryProber } from './canary-prober.ts'
import type { Sent } from './canary-send.ts'

const settings = (more: object) => routeSettingsSchema.parse({ hosts: [{ host: 'a.test' }], ...more })
const trip = { name: 'trip', kind: 'roundTrip', address: 'c@corp.test', host: 'imap.test', username: 'c' }
const nameOf = Object.fromEntries(Object.entries(EvidenceKind).map(([name, kind]) => [kind, name]))

function scene(more: object) {
  const clock = fakeClock()
  let route: Route = {
    organisationId: 'o',
    routeId: 'r',
    name: 'primary',
    kind: RouteKind.primary,
    settings: settings(more),
    secretSealed: null,
    clientTlsSealed: null,
    reachSealed: null,
    switching: automatic,
    offers: {},
    offer: null,
    wayBack: 1,
    domain: null,
  }
  const sent: { at: number; token: string; from: string }[] = []
  const said: string[] = []
  const is = {
    send: { outcome: 'good', text: '250 ok' } as Sent,
    box: null as ReachResult | null,
    delay: 3000,
    underWay: 0,
    most: 0,
  }
  const box = new Map<string, number>()
  const prober = createCanaryProber({
    clock,
    log: silentLog,
    routes: { get: () => route },
    board: {
      standing: () => ({
        organisationId: 'o',
        routeId: 'r',
        mode: Mode.normal,
        since: 0,
        pin: null,
        version: 0,
        returnEventId: null,
      }),
    },
    evidence: { report: ({ kind, probe, text }) => void said.push(`${probe || '-'} ${nameOf[kind]} ${text}`) },
    judged: () => ['r'],
    marks: { hostname: 'mx.test', sender: (_, slot) => `${slot}@mx.test`, mark: () => 'm', trace: () => '' },
    async send(_, { token, from }) {
      is.most = Math.max(is.most, ++is.underWay)
      sent.push({ at: clock.now(), token, from })
      await clock.sleep(1000)
      if (is.send.outcome === 'good') box.set(token, clock.now() + is.delay)
      is.underWay -= 1
      return is.send
    },
    look(): Promise<BoxLook | ReachResult> {
      if (is.box) return Promise.resolve(is.box)
      const tokens = [...box].flatMap(([token, at]) => (at <= clock.now() ? [token] : []))
      for (const token of tokens) box.delete(token)
      return Promise.resolve({ tokens, next: { uid: 1, validity: '1' } })
    },
    openSecret: () => '{}',
    random: () => 0.5,
  })
  prober.start()
  return { clock, sent, said, is, setRoute: (next: object) => (route = { ...route, settings: settings(next) }) }
}

test('handed over every five minutes, one after the other', async () => {
  const { clock, sent, said, is } = scene({ probe: { canary: { address: 'c@corp.test' } } })
  await clock.advance(1_000_000)
  expect(sent.map(({ from }) => from)).toEqual(Array(4).fill('d@mx.test'))
  expect(new Set(sent.map(({ token }) => token)).size).toBe(4)
  expect(said).toEqual(Array(4).fill('- canaryGood canary: 250 ok'))
  expect(is.most).toBe(1)
})
test('one that fails is followed by another at once; what never came to DATA says nothing', async () => {
  const { clock, sent, said, is } = scene({ probe: { canary: { address: 'c@corp.test' } } })
  is.send = { outcome: 'bad', text: '452 full' }
  await clock.advance(40_000)
  expect(sent.length).toBeGreaterThan(5)
  expect(new Set(said)).toEqual(new Set(['- canaryBad canary: 452 full']))
  is.send = { outcome: 'silent', text: 'refused' }
  await clock.advance(10_000)
  const before = sent.length
  await clock.advance(250_000)
  expect(sent.length).toBe(before)
})
test('a mailbox that is not taken: said as that, and asked more and more seldom until it is corrected', async () => {
  const { clock, sent, said, is, setRoute } = scene({ probe: { canary: { address: 'gone@corp.test', every: 10 } } })
  is.send = { outcome: 'refused', text: '550 5.1.1 no such user' }
  await clock.advance(1_000_000)
  expect(sent).toHaveLength(3)
  expect(new Set(said)).toEqual(new Set(['- probeRefused canary: 550 5.1.1 no such user']))
  setRoute({ probe: { canary: { address: 'there@corp.test', every: 10 } } })
  await clock.advance(3000)
  expect(sent).toHaveLength(4)
})
test('there and back: taken, and in the Inbox after some seconds', async () => {
  const { clock, said } = scene({ reach: [trip] })
  await clock.advance(60_000)
  expect(said).toEqual([
    '- canaryGood canary: 250 ok',
    expect.stringMatching(/^trip canaryGood in the Inbox after 3\.\d s$/),
  ])
})
test('not there in time, then late: a queue is no loss', async () => {
  const { clock, said, is } = scene({ reach: [{ ...trip, within: 60 }] })
  is.delay = 100_000
  await clock.advance(200_000)
  expect(said.filter((line) => line.startsWith('trip'))).toEqual([
    'trip canaryBad taken, and not in the Inbox within 60 s',
    expect.stringMatching(/^trip canaryGood an earlier one came to the Inbox, late/),
  ])
})
test('never there: one bad answer after the other, one under way at a time', async () => {
  const { clock, said, is } = scene({ reach: [{ ...trip, within: 60 }] })
  is.delay = 1e9
  await clock.advance(400_000)
  expect(said.filter((line) => line.startsWith('trip')).slice(0, 3)).toEqual(
    Array(3).fill('trip canaryBad taken, and not in the Inbox within 60 s'),
  )
  expect(is.most).toBe(1)
})
test('a refused password: nothing is sent; a mailbox that cannot be read says nothing', async () => {
  const refused = scene({ reach: [trip] })
  refused.is.box = reached('refused', 'signing in was answered: no')
  await refused.clock.advance(200_000)
  expect(refused.sent).toEqual([])
  expect(refused.said).toEqual(['trip probeRefused signing in was answered: no'])
  const unread = scene({ reach: [trip] })
  unread.is.box = reached('bad', 'no answer for 20 s')
  await unread.clock.advance(200_000)
  expect(unread.said).toEqual(['trip neutral the mailbox cannot be read: no answer for 20 s'])
})

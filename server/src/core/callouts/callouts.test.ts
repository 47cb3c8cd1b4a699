/** Who is asked, how often and how many at once; what counts when nobody answers. On the fake clock, with servers made up. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import type { Questions, RcptAnswer } from '../../clients/smtp/questions.ts'
import { Mode, RouteKind } from '../../platform/codes.ts'
import { configSchema } from '../../platform/config/config.ts'
import type { Database } from '../../platform/db/database.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { routeSettingsSchema, type Recipient, type Unlisted } from '../directory/index.ts'
import { createCallouts } from './callouts.ts'

const good: RcptAnswer = { code: 250, enhanced: '2.1.5', text: 'Ok' }
const bad: RcptAnswer = { code: 550, enhanced: '5.1.1', text: 'User unknown' }

const unlisted = (local: string, stale: boolean | null = null): Unlisted => ({
  recipient: { organisationId: 'o', routeId: 'r', address: `${local}@corp.test`, standing: 'known' } as Recipient,
  asked: `${local}@corp.test`,
  stale,
})

function stage(config: object = {}, mode: Mode = Mode.normal) {
  const clock = fakeClock()
  const waiting: { rcpt: string; answer: (answer: RcptAnswer | Error) => void }[] = []
  const noted: object[] = []
  let opened = 0
  let failing = false
  const line = (): Questions => {
    let usable = true
    return {
      async ask(rcpt) {
        const answer = await new Promise<RcptAnswer | Error>((resolve) => waiting.push({ rcpt, answer: resolve }))
        if (answer instanceof Error) {
          usable = false
          throw answer
        }
        return { answer, stranger: null }
      },
      usable: () => usable,
      close: () => (usable = false),
    }
  }
  const callouts = createCallouts({
    db: {} as Database,
    clock,
    log: silentLog,
    metrics: createMetrics(),
    config: configSchema.parse({ callouts: config }).callouts,
    helo: 'mx.test',
    board: { standing: () => ({ mode }) as never },
    routes: {
      get: () =>
        ({
          organisationId: 'o',
          routeId: 'r',
          name: 'primary',
          kind: RouteKind.primary,
          settings,
          clientTlsSealed: null,
        }) as never,
    },
    directory: { noteAnswer: async (said) => void noted.push(said) },
    openSecret: () => '',
    hostTlsa: () => Promise.resolve({ kind: 'none' }),
    async open() {
      opened++
      if (failing) throw new Error('connect ECONNREFUSED')
      return line()
    },
  })
  return {
    clock,
    callouts,
    waiting,
    noted,
    opened: () => opened,
    fail: (is: boolean) => (failing = is),
    whois: (local: string, stale: boolean | null = null, mayAsk = () => true) =>
      callouts.whois(unlisted(local, stale), mayAsk),
  }
}
const settings = routeSettingsSchema.parse({ hosts: [{ host: 'one.test' }], tls: 'none' })
const settled = async (): Promise<void> => {
  for (let i = 0; i < 30; i++) await Promise.resolve()
}

test('one address is asked about once at the same moment; the answer is noted; a conversation is used again', async () => {
  const { whois, waiting, noted, opened } = stage()
  const all = Promise.all([whois('bob'), whois('bob'), whois('bob')])
  await settled()
  expect(waiting.map(({ rcpt }) => rcpt)).toEqual(['bob@corp.test'])
  waiting[0]!.answer(good)
  expect(await all).toEqual(['known', 'known', 'known'])
  const ghost = whois('ghost')
  await settled()
  waiting[1]!.answer(bad)
  expect(await ghost).toBe('unknown')
  expect(opened()).toBe(1)
  expect(noted).toEqual([
    { organisationId: 'o', address: 'bob@corp.test', routeId: 'r', known: true },
    { organisationId: 'o', address: 'ghost@corp.test', routeId: 'r', known: false },
  ])
})

test('after ten seconds of rest a conversation is not used again; one that broke is replaced and the question put again', async () => {
  const { clock, whois, waiting, opened } = stage()
  const first = whois('a')
  await settled()
  waiting[0]!.answer(good)
  await first
  await clock.advance(11_000)
  const second = whois('b')
  await settled()
  waiting[1]!.answer(good)
  await second
  expect(opened()).toBe(2)
  const third = whois('c')
  await settled()
  waiting[2]!.answer(new Error('the server has ended it'))
  await settled()
  waiting[3]!.answer(bad)
  expect(await third).toBe('unknown')
  expect(opened()).toBe(3)
})

test('so many at once and no more; who finds no turn in time gets no answer', async () => {
  const { clock, whois, waiting } = stage({ atOnce: 2, answerWithin: 8 })
  const all = [0, 1, 2, 3].map((n) => whois(`p${n}`))
  await settled()
  expect(waiting).toHaveLength(2)
  waiting[0]!.answer(bad)
  await settled()
  expect(waiting).toHaveLength(3)
  await clock.advance(8_100)
  expect(await Promise.all(all)).toEqual(['unknown', 'unsaid', 'unsaid', 'unsaid'])
})

test('so many in a minute; above it nobody is asked, and the count runs off', async () => {
  const { clock, whois, fail, opened } = stage({ perMinute: 3 })
  fail(true)
  for (let n = 0; n < 3; n++) expect(await whois(`p${n}`)).toBe('unsaid')
  expect(await whois('p3')).toBe('limited')
  expect(opened()).toBe(3)
  await clock.advance(20_500)
  expect(await whois('p4')).toBe('unsaid')
  expect(await whois('p5')).toBe('limited')
})

test('a client that asked enough is not asked for; an answer that is under way is shared all the same', async () => {
  const { whois, waiting } = stage()
  expect(await whois('x', null, () => false)).toBe('limited')
  const first = whois('y')
  const second = whois('y', null, () => false)
  await settled()
  waiting[0]!.answer(good)
  expect([await first, await second]).toEqual(['known', 'known'])
})

test('nobody answers: who was known once is known, who was refused once is not refused; it is not asked again at once', async () => {
  const { clock, whois, fail, opened } = stage()
  fail(true)
  expect([await whois('old', true), await whois('gone', false), await whois('new')]).toEqual([
    'known',
    'unsaid',
    'unsaid',
  ])
  expect(await whois('new')).toBe('unsaid')
  expect(opened()).toBe(3)
  await clock.advance(21_000)
  await whois('new')
  expect(opened()).toBe(4)
})

test.each(Object.entries(Mode))('in mode %s', async (name, mode) => {
  const { whois, fail, opened } = stage({}, mode)
  fail(true)
  expect([await whois('old', true), await whois('new', false)]).toEqual(['known', 'unsaid'])
  expect(opened()).toBe(['normal', 'emergencyReach'].includes(name) ? 2 : 0)
})

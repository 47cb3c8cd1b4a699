/** Who waits for the primary, for how long, and what is said: on a fake clock. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import type { RecipientResult } from '../../clients/smtp/result.ts'
import { Mode, RouteKind } from '../../platform/codes.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { formatError } from '../../protocols/smtp/reply.ts'
import type { OutcomeRow } from '../../store/outcomes.ts'
import { routeSettingsSchema } from '../directory/index.ts'
import type { Incoming } from '../queue/index.ts'
import type { Job } from './job.ts'
import { createPassThrough } from './pass-through.ts'
import { isRefusal, replyOf } from './refusal.ts'
import type { Telling } from './tell.ts'

const refused: RecipientResult = {
  outcome: 'refused',
  stage: 'final',
  code: 554,
  enhanced: '5.7.1',
  text: 'no',
  failure: null,
}
const rows = (n: number) => Array.from({ length: n }, () => ({})) as OutcomeRow[]
const job = { messageId: 'm' } as Job

interface Wish {
  mode?: number
  telling?: Telling
  enabled?: boolean
  kind?: number
}

function room({ mode = Mode.normal, telling = 'told', enabled = true, kind = RouteKind.primary }: Wish = {}) {
  const clock = fakeClock()
  const written: OutcomeRow[] = []
  const settings = routeSettingsSchema.parse({ passThrough: { enabled, wait: 3 } })
  const room = createPassThrough({
    clock,
    metrics: createMetrics(),
    routes: { get: (routeId) => (routeId === 'r' ? { settings, kind: kind as 1 } : undefined) as never },
    board: { standing: () => ({ mode }) as never },
    tell: () => Promise.resolve(telling),
    onWithdrawn: () => undefined,
  })
  const incoming = (n = 1, change: object = {}): Incoming =>
    ({
      messageId: 'm',
      copies: [],
      deliveries: Array.from({ length: n }, () => ({ hot: true, routeId: 'r', ...change })),
    }) as unknown as Incoming
  return {
    clock,
    room,
    incoming,
    written,
    write: (row: OutcomeRow) => Promise.resolve(void written.push(row)),
  }
}

test('only what goes hot by one primary’s route, in normal mode, and in one transaction', () => {
  const { room: one, incoming } = room()
  expect(one.watch(incoming())).not.toBeNull()
  expect(one.watch(incoming(100))).not.toBeNull()
  expect(one.watch(incoming(101))).toBeNull()
  expect(one.watch(incoming(0))).toBeNull()
  expect(one.watch(incoming(1, { hot: false }))).toBeNull()
  expect(one.watch(incoming(1, { routeId: 'not in the book yet' }))).toBeNull()
  for (const change of [{ mode: Mode.suspect }, { enabled: false }, { kind: RouteKind.mx }])
    expect(room(change).room.watch(incoming())).toBeNull()
})

test('time over: ours; the refusal that comes later is an ordinary one, and no timer stays', async () => {
  const { clock, room: one, incoming, write, written } = room()
  const answer = one.watch(incoming())!.answer()
  let said: unknown = 'nothing yet'
  void answer.then((value) => (said = value))
  await clock.advance(2_999)
  expect(said).toBe('nothing yet')
  await clock.advance(1)
  expect(said).toBeNull()
  expect(clock.pending()).toBe(0)
  await one.settle({ job, results: [refused] }, rows(1), write)
  expect(written).toHaveLength(1)
})

test('an outcome that is quicker than the answer to the commit is not missed', async () => {
  const { clock, room: one, incoming, write, written } = room()
  const watch = one.watch(incoming())!
  await one.settle({ job, results: [refused] }, rows(1), write)
  expect(await watch.answer()).toMatchObject({ code: 'refused-by-primary', spec: { smtp: 554, enhanced: '5.7.1' } })
  expect(written).toEqual([])
  expect(clock.pending()).toBe(0)
})

test.each([
  ['untold', null],
  ['unknown', { code: 'commit-unknown', spec: { smtp: 451 } }],
] as const)('a refusal whose note is %s: never 5xx, and the outcome is written as any other', async (telling, said) => {
  const { room: one, incoming, write, written } = room({ telling })
  const answer = one.watch(incoming())!.answer()
  await one.settle({ job, results: [refused] }, rows(1), write)
  if (said === null) expect(await answer).toBeNull()
  else expect(await answer).toMatchObject(said)
  expect(written).toHaveLength(1)
})

test('a part of the recipients says nothing for the rest; given back, dropped, stopped: ours', async () => {
  const { room: one, incoming, write, written } = room()
  let answer = one.watch(incoming(2))!.answer()
  await one.settle({ job, results: [refused] }, rows(1), write)
  expect(await answer).toBeNull()
  expect(written).toHaveLength(1)
  answer = one.watch(incoming())!.answer()
  one.untried('m')
  expect(await answer).toBeNull()
  one.watch(incoming())!.drop()
  await one.settle({ job, results: [refused] }, rows(1), write)
  expect(written).toHaveLength(2)
  answer = one.watch(incoming())!.answer()
  one.stop()
  expect(await answer).toBeNull()
  expect(one.watch(incoming())).toBeNull()
})

test('only the server’s own 5xx for everybody is a refusal', () => {
  expect(isRefusal([refused, { ...refused, code: 550 }])).toBe(true)
  expect(isRefusal([refused, { ...refused, outcome: 'delivered', code: 250 }])).toBe(false)
  expect(isRefusal([{ ...refused, outcome: 'unsure', code: 0, failure: 'timeout' }])).toBe(false)
  expect(isRefusal([{ ...refused, outcome: 'deferred', code: 451 }])).toBe(false)
})

test.each([
  [{ text: 'a\r\n250 ok\0 ü\u0085 x' }, '554 5.7.1 # it said "a 250 ok? ?? x"\r\n'],
  [{ text: '' }, '554 5.7.1 # it said 554\r\n'],
  [{ code: 550, enhanced: null, text: 'gone' }, '550 5.0.0 # it said "gone"\r\n'],
  [{ code: 530, enhanced: '5.7.0', text: 'sign in' }, '554 5.7.0 # it said "sign in"\r\n'],
])('%j is said in one line, as the primary’s words', (change, line) => {
  const text = formatError(replyOf([{ ...refused, ...change }]))
  expect(text).toBe(line.replace('#', "The recipient's mail system refused this message:"))
})

test('a long answer is cut to one line', () => {
  const text = formatError(replyOf([{ ...refused, text: 'word '.repeat(300) }]))
  expect(text.split('\r\n')).toHaveLength(2)
  expect(text.length).toBeLessThanOrEqual(512)
})

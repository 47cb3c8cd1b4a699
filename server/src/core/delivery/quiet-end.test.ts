/** What was held goes out in order for each person, one at a time at first, faster while it goes well, slowly after a failure. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { AttemptOutcome, EvidenceKind } from '../../platform/codes.ts'
import type { AttemptResult } from './delivery.ts'
import type { Job } from './job.ts'
import { createQuietEnd } from './quiet-end.ts'

const good: AttemptResult = { deliveryId: 'd', outcome: AttemptOutcome.delivered, evidence: EvidenceKind.good }
const down: AttemptResult = { deliveryId: 'd', outcome: AttemptOutcome.deferred, evidence: EvidenceKind.timeout }
const job = (messageId: string, ...people: string[]): Job =>
  ({
    messageId,
    routeId: 'route',
    recipients: people.map((personId) => ({ personId, address: '', deliveryId: `${messageId} ${personId}` })),
  }) as unknown as Job

function stage(mostAtOnce = 8) {
  const clock = fakeClock()
  const underWay = new Map<string, (results: AttemptResult[]) => void>()
  const sent: string[] = []
  const end = createQuietEnd({
    clock,
    mostAtOnce: () => mostAtOnce,
    go: ({ messageId }) =>
      new Promise((resolve) => {
        sent.push(messageId)
        underWay.set(messageId, resolve)
      }),
  })
  return {
    clock,
    end,
    sent,
    underWay: () => [...underWay.keys()],
    finish: async (messageId: string, result = good) => {
      underWay.get(messageId)!([result])
      underWay.delete(messageId)
      await Promise.resolve()
      await Promise.resolve()
    },
  }
}

test('one, two, four, eight; no more than the route has connections; one again after a failure of the route', async () => {
  const { end, sent, underWay, finish } = stage()
  for (let i = 0; i < 60; i++) end.push(job(`m${i}`, `p${i}`))
  const seen: number[] = []
  for (let i = 0; i < 20; i++) {
    seen.push(underWay().length)
    await finish(underWay()[0]!)
  }
  expect(seen.slice(0, 4)).toEqual([1, 2, 2, 4])
  expect(Math.max(...seen)).toBe(8)
  expect(sent).toEqual(Array.from({ length: sent.length }, (_, i) => `m${i}`))
  await finish(underWay()[0]!, down)
  while (underWay().length > 1) await finish(underWay()[0]!, down)
  expect(underWay()).toHaveLength(1)
})

test('of one person one after the other, others do not wait; what is new for them stands behind', async () => {
  const { end, underWay, finish } = stage()
  end.push(job('warm', 'x'))
  await finish('warm')
  end.push(job('a1', 'alice'))
  end.push(job('a2', 'alice', 'bob'))
  end.push(job('b1', 'bob'))
  end.push(job('c1', 'carol'))
  // b1 came after a2, which bob has to get first.
  expect(underWay()).toEqual(['a1', 'c1'])
  expect(end.isBehind(job('new', 'bob'))).toBe(true)
  expect(end.isBehind(job('new', 'dora'))).toBe(false)
  await finish('a1')
  expect(underWay()).toEqual(['c1', 'a2'])
  await finish('a2')
  expect(underWay()).toEqual(['c1', 'b1'])
})

test('taken back is what has not begun; after a while without, it begins slowly again', async () => {
  const { clock, end, underWay, finish } = stage()
  for (let i = 0; i < 8; i++) end.push(job(`m${i}`, `p${i}`))
  expect(end.load('route')).toBe(7)
  expect(end.takeBack('other')).toEqual([])
  expect(end.takeBack('route')).toHaveLength(7)
  await finish('m0')
  expect(underWay()).toEqual([])
  await clock.advance(61_000)
  end.push(job('n1', 'p1'))
  end.push(job('n2', 'p2'))
  expect(underWay()).toEqual(['n1'])
})

const failed = (messageId: string, person: string): AttemptResult => ({ ...down, deliveryId: `${messageId} ${person}` })

test('what failed with the route is tried again before the rest of its people; others go on; after minutes so does the rest', async () => {
  const { clock, end, sent, finish } = stage()
  for (const [id, person] of [
    ['a1', 'alice'],
    ['a2', 'alice'],
    ['b1', 'bob'],
    ['a3', 'alice'],
  ] as const)
    end.push(job(id, person))
  await finish('a1', failed('a1', 'alice'))
  expect(sent).toEqual(['a1', 'b1'])
  await finish('b1')
  expect(sent).toEqual(['a1', 'b1'])
  // New mail goes behind it too, and so does the retry itself, to the head of the line.
  expect(end.isBehind(job('new', 'alice'))).toBe(true)
  expect(end.isBehind(job('new', 'bob'))).toBe(false)
  expect(end.isBehind(job('a1', 'alice'))).toBe(true)
  end.push(job('a1', 'alice'))
  await finish('a1')
  await finish('a2')
  expect(sent).toEqual(['a1', 'b1', 'a1', 'a2', 'a3'])
  await finish('a3', failed('a3', 'alice'))
  end.push(job('a4', 'alice'))
  await clock.advance(299_000)
  expect(sent.at(-1)).toBe('a3')
  await clock.advance(2_000)
  expect(sent.at(-1)).toBe('a4')
})

test('what failed and was taken back with its line holds nobody up any more', async () => {
  const { end, sent, finish } = stage()
  end.push(job('a1', 'alice'))
  end.push(job('a2', 'alice'))
  await finish('a1', failed('a1', 'alice'))
  expect(end.takeBack('route').map(({ messageId }) => messageId)).toEqual(['a2'])
  end.push(job('a2', 'alice'))
  expect(sent).toEqual(['a1', 'a2'])
})

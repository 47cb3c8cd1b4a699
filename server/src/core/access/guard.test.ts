/** Guessing is slow wherever it comes from, and the owner of a name comes in while it goes on. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeClock, type FakeClock } from '../../../testkit/fake-clock.ts'
import { WireError } from '../../platform/errors.ts'
import { createFairQueue } from './fair-queue.ts'
import { createGuard, placeOf, type Guard } from './guard.ts'

let clock: FakeClock
let guard: Guard
let known: Set<string>
/** passwords that were looked at */
let checked: string[]

beforeEach(() => {
  clock = fakeClock()
  known = new Set()
  checked = []
  guard = createGuard({ clock, isKnown: async (place) => known.has(place.toString('hex')), braked: () => undefined })
})
afterEach(() => guard.stop(new WireError('shutting-down')))

interface Outcome {
  what: 'good' | 'wrong' | 'refused'
  ms: number
}
/** Each try is done with the clock's help: nothing here really waits. */
async function attempt(name: string, network: string, isRight: boolean): Promise<Outcome> {
  const began = clock.monotonic()
  const what = await guard
    .attempt({ name, network }, async () => {
      checked.push(network)
      return isRight || null
    })
    .then(
      (found) => (found ? ('good' as const) : ('wrong' as const)),
      (error: unknown) => {
        if (!(error instanceof WireError && error.code === 'sign-in-slow-down')) throw error
        return 'refused' as const
      },
    )
  return { what, ms: clock.monotonic() - began }
}
const many = (count: number, run: (i: number) => Promise<Outcome>): Promise<Outcome[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => run(i)))

test('somebody who tries a name four times a second does not keep its owner out, at any moment', async () => {
  const guesses: Promise<Outcome>[] = []
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 24; i++) {
      guesses.push(attempt('carol', '192.0.2.66', false))
      await clock.advance(250)
    }
    let done: Outcome | undefined
    void attempt('carol', `198.51.100.${round}`, true).then((outcome) => (done = outcome))
    for (let i = 0; i < 40 && !done; i++) {
      guesses.push(attempt('carol', '192.0.2.66', false))
      await clock.advance(250)
    }
    expect(done).toMatchObject({ what: 'good' })
    expect(done!.ms).toBeLessThan(5000)
  }
  await clock.advance(30_000)
  const outcomes = (await Promise.all(guesses)).map(({ what }) => what)
  expect(outcomes.filter((what) => what === 'wrong').length).toBeLessThan(25)
})

test('guesses at once are counted while they are under way', async () => {
  const guesses = many(120, () => attempt('carol', '192.0.2.66', false))
  await clock.advance(0)
  expect(checked.length).toBeLessThanOrEqual(4)
  await clock.advance(60_000)
  const outcomes = (await guesses).map(({ what }) => what)
  expect(outcomes.filter((what) => what === 'wrong').length).toBeLessThan(10)
  expect(outcomes).toContain('refused')
})

test('guesses from two hundred networks wait in one lane; the owner waits ten seconds at most', async () => {
  const guesses = many(600, (i) => attempt('carol', `network ${i % 200}`, false))
  await clock.advance(0)
  expect(checked.length).toBeLessThan(30)
  const owner = attempt('carol', 'at home', true)
  await clock.advance(10_000)
  expect(await owner).toMatchObject({ what: 'good' })
  await clock.advance(60_000)
  // Nobody is refused for what others do.
  expect((await guesses).every(({ what }) => what === 'wrong')).toBe(true)
})

test('the networks take turns in the lane', async () => {
  for (let i = 0; i < 30; i++) void attempt('carol', `old ${i}`, false)
  await clock.advance(60_000)
  checked = []
  const crowd = many(3, () => attempt('carol', 'crowd', false))
  await clock.advance(1)
  void attempt('carol', 'one', false)
  await clock.advance(10_000)
  expect(checked).toEqual(['crowd', 'crowd', 'one', 'crowd'])
  await crowd
})

test('who tries many names from one network is slowed down, and being told so counts', async () => {
  const first = many(120, (i) => attempt(`stranger ${i}`, '192.0.2.66', false))
  await clock.advance(60_000)
  expect((await first).filter(({ what }) => what === 'refused').length).toBeGreaterThan(50)
  const again = many(60, (i) => attempt(`other ${i}`, '192.0.2.66', false))
  await clock.advance(60_000)
  expect((await again).filter(({ what }) => what === 'wrong').length).toBeLessThan(10)
  expect(await attempt('bob', '192.0.2.67', true)).toEqual({ what: 'good', ms: 0 })
})

test('refusals of one name slow the network down that they were for', async () => {
  for (let i = 0; i < 50; i++) {
    void attempt('carol', '192.0.2.66', false)
    await clock.advance(50)
  }
  let bob: Outcome | undefined
  void attempt('bob', '192.0.2.66', false).then((outcome) => (bob = outcome))
  await clock.advance(0)
  expect(bob).toBeUndefined()
  await clock.advance(10_000)
  expect(bob).toMatchObject({ what: 'wrong' })
})

test('where a name has signed in before, what others do there and elsewhere does not touch it', async () => {
  known.add(placeOf({ name: 'carol', network: 'office' }).toString('hex'))
  void many(200, (i) => attempt('carol', `network ${i}`, false))
  void many(200, (i) => attempt(`stranger ${i}`, 'office', false))
  await clock.advance(0)
  expect(await attempt('carol', 'office', true)).toEqual({ what: 'good', ms: 0 })
  // But who guesses there is braked there.
  const guesses = many(50, () => attempt('carol', 'office', false))
  await clock.advance(60_000)
  expect((await guesses).filter(({ what }) => what === 'wrong').length).toBeLessThan(10)
})

test('a database that fails is no guess', async () => {
  for (let i = 0; i < 20; i++)
    await expect(
      guard.attempt({ name: 'carol', network: 'home' }, () => Promise.reject(new WireError('database-unavailable'))),
    ).rejects.toMatchObject({ code: 'database-unavailable' })
  expect(await attempt('carol', 'home', true)).toEqual({ what: 'good', ms: 0 })
})

test('stopping tells those who wait; no timer is left', async () => {
  const guesses = many(60, (i) => attempt('carol', `network ${i}`, false)).catch((error: unknown) => error)
  await clock.advance(0)
  guard.stop(new WireError('shutting-down'))
  expect(await guesses).toMatchObject({ code: 'shutting-down' })
  expect(clock.pending()).toBe(0)
})

test('a queue in turns', () => {
  const queue = createFairQueue<number>()
  for (const [key, item] of [['a', 1], ['a', 2], ['a', 3], ['b', 4], ['c', 5], ['b', 6]] as const) queue.add(key, item) // prettier-ignore
  queue.remove('c', 5)
  queue.remove('c', 5)
  queue.remove('a', 99)
  expect(queue.drop()).toBe(3)
  expect(queue.size).toBe(4)
  expect([queue.take(), queue.take(), queue.take(), queue.take(), queue.take()]).toEqual([1, 4, 2, 6, undefined])
  expect([queue.size, queue.drop()]).toEqual([0, undefined])
})

/** Who is full: a domain that takes its mail too slowly, on a way to the world; nobody else, however much is waiting. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { RouteKind } from '../../platform/codes.ts'
import { newId } from '../../platform/ids.ts'
import type { Route } from '../directory/index.ts'
import type { Job } from './job.ts'
import { createPlaces, MOST_CLAIMED, MOST_FRESH } from './places.ts'

const routeId = newId(1)
const CONNECTIONS = 5

function start(options: { kind?: number; left?: () => number; isCrowded?: () => boolean } = {}) {
  const clock = fakeClock()
  const places = createPlaces({
    clock,
    maxAgeMs: 3_600_000,
    routes: {
      get: () => ({ kind: options.kind ?? RouteKind.mx, settings: { connections: CONNECTIONS } }) as unknown as Route,
    },
    keyOf: (_, address) => address,
    left: options.left ?? (() => Infinity),
    isCrowded: options.isCrowded ?? (() => false),
  })
  const inHand: Job[] = []
  const jobOf = (address: string, change: Partial<Job> = {}): Job =>
    ({
      routeId,
      recipients: [{ address }],
      body: { kind: 'memory', bytes: [] },
      size: 1000,
      prefix: Buffer.alloc(0),
      isTrial: false,
      hasWaited: false,
      ...change,
    }) as unknown as Job
  const one = jobOf('slow.test')
  return {
    clock,
    places,
    jobOf,
    /** Those that are not full come in. */
    push: (count: number, from: 'accept' | 'queue'): number => {
      let full = 0
      for (let i = 0; i < count; i++) {
        const job = jobOf('slow.test')
        if (places.isFull(job, from)) full++
        else {
          places.take(job)
          inHand.push(job)
        }
      }
      return full
    },
    end: (count: number): void => {
      for (const job of inHand.splice(0, count)) places.leave(job, 'ended')
    },
    isFull: (from: 'accept' | 'queue', change: Partial<Job> = {}) => places.isFull({ ...one, ...change }, from),
  }
}

test('nothing ends: fresh mail up to the stated number, claimed mail up to less; other domains are free', async () => {
  const { clock, push, isFull, places, jobOf } = start()
  expect(push(MOST_CLAIMED, 'accept')).toBe(0)
  expect(isFull('queue')).toBe(false)
  await clock.advance(3_000)
  expect(isFull('accept')).toBe(false)
  expect(push(MOST_FRESH, 'accept')).toBe(MOST_CLAIMED)
  expect([isFull('queue'), isFull('accept')]).toEqual([true, true])
  expect(places.isFull(jobOf('fine.test'), 'queue')).toBe(false)
  // The one that tries a closed route, and what was held, go their own ways.
  expect([isFull('queue', { isTrial: true }), isFull('queue', { hasWaited: true })]).toEqual([false, false])
})

test('ten thousand for one that takes 200 a second: never full, from the first second on', async () => {
  const { clock, push, end } = start()
  let full = 0
  for (let i = 0; i < 100; i++) {
    full += push(30, 'accept') + push(20, 'queue')
    await clock.advance(200)
    end(40)
  }
  expect(full).toBe(0)
})

test('one that becomes slow is full, and is not when it has recovered', async () => {
  const { clock, push, end, isFull } = start()
  push(900, 'accept')
  for (let second = 0; second < 10; second++) {
    await clock.advance(1_000)
    end(20)
  }
  expect(isFull('queue')).toBe(true)
  for (let second = 0; second < 3; second++) {
    await clock.advance(1_000)
    end(150)
  }
  expect(isFull('queue')).toBe(false)
})

test('where many want what there is, a slow one has no more than its connections', async () => {
  const { clock, push, isFull } = start({ isCrowded: () => true })
  push(CONNECTIONS - 1, 'queue')
  await clock.advance(60_000)
  expect(isFull('queue')).toBe(false)
  push(1, 'queue')
  expect(isFull('queue')).toBe(true)
})

test('octets: as much as is left for all others, but for one that is quick, and never what a connection is free for', async () => {
  let left = 1_000_000
  const { clock, push, end, isFull } = start({ left: () => left })
  expect(push(100, 'accept')).toBe(0)
  left = 150_000
  expect([isFull('accept'), isFull('queue')]).toEqual([true, false])
  await clock.advance(1_000)
  end(15)
  expect(isFull('accept')).toBe(true)
  end(15)
  expect(isFull('accept')).toBe(false)
  const few = start({ left: () => 0 })
  expect(few.push(CONNECTIONS, 'accept')).toBe(0)
})

test.each([RouteKind.primary, RouteKind.smarthost])(
  'a route of kind %i is one destination and never full',
  async (kind) => {
    const { clock, push } = start({ kind, left: () => 0, isCrowded: () => true })
    expect(push(5_000, 'accept')).toBe(0)
    await clock.advance(60_000)
    expect(push(5_000, 'queue')).toBe(0)
  },
)

test('while what waits is put off, what is new stands behind it; what is too old is tried whatever waits', async () => {
  const it = start()
  it.push(MOST_CLAIMED, 'accept')
  await it.clock.advance(60_000)
  expect(it.isFull('accept')).toBe(false)
  expect(it.isFull('queue')).toBe(true)
  expect(it.isFull('accept')).toBe(true)
  expect(it.isFull('queue', { acceptedAt: it.clock.now() - 3_600_001 })).toBe(false)
  expect(it.isFull('queue', { acceptedAt: it.clock.now() - 3_599_000 })).toBe(true)
  await it.clock.advance(330_000)
  expect(it.isFull('accept')).toBe(false)
})

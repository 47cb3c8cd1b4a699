/** Ids: RFC 9562 section 5.7 bit by bit, strictly increasing, time kept, bounds of days. */
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'

// A module of its own: the last time that another file asked for would be the last one here.
vi.resetModules()
const { firstIdAt, idTime, isId, newId } = await import('./ids.ts')

const NOW = Date.UTC(2026, 10, 2, 8)

test('version 7, the variant of RFC 9562 section 4.1, the time in front', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (ms) => {
      const past = newId(Math.min(ms, NOW - 10_000))
      expect(past).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(isId(past)).toBe(true)
    }),
  )
  const id = newId(NOW)
  expect(id.slice(0, 13).replace('-', '')).toBe(NOW.toString(16).padStart(12, '0'))
  expect(idTime(id)).toBe(NOW)
})

test('strictly increasing, also a million in one millisecond, and never far from the time asked for', () => {
  let last = newId(NOW)
  for (let i = 0; i < 1_000_000; i++) {
    const id = newId(NOW)
    if (id <= last) expect.fail(`${id} came after ${last}`)
    last = id
  }
  // 4,096 a millisecond: the counter runs over into the next ones.
  expect(idTime(last) - NOW).toBeLessThan(400)
})

test('a clock that steps back a little does not turn the order round', () => {
  const before = newId(NOW + 2000)
  expect(newId(NOW + 1000) > before).toBe(true)
})

test('a time long past keeps its own time, and ids of one such millisecond differ', () => {
  const then = Date.UTC(2001, 0, 1)
  const ids = new Set(Array.from({ length: 10_000 }, () => newId(then)))
  expect(ids.size).toBe(10_000)
  for (const id of ids) expect(idTime(id)).toBe(then)
})

test('a date in the far future keeps its own time; what is made after it is in order all the same', () => {
  const far = Date.UTC(9999, 0, 1)
  expect(idTime(newId(far))).toBe(far)
  expect(new Set(Array.from({ length: 1000 }, () => newId(far))).size).toBe(1000)
  const now = Date.now()
  const later = Array.from({ length: 1000 }, () => newId(now))
  expect(later).toEqual([...later].sort())
  expect(idTime(later.at(-1)!)).toBeLessThan(now + 1000)
})

test('the first id of a moment is a bound: nothing made then or later is smaller, nothing earlier is larger', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: NOW - 10_000 }), (ms) => {
      const bound = firstIdAt(ms)
      expect(idTime(bound)).toBe(ms)
      expect(newId(ms) >= bound).toBe(true)
      expect(newId(ms - 1) < bound).toBe(true)
    }),
  )
})

test.each(['', 'x', NOW.toString(), '019D0000-0000-7000-8000-000000000000', ' 019d0000-0000-7000-8000-000000000000'])(
  '%j is no id',
  (text) => expect(isId(text)).toBe(false),
)

import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { createBrake, ownBrake, networkOf } from './delays.ts'

test('the first tries cost nothing, then the delay doubles up to its most', async () => {
  const clock = fakeClock()
  const brake = createBrake(clock, ownBrake)
  const waits: number[] = []
  for (let i = 0; i < 12; i++) {
    const wait = brake.take('alice', Infinity)!
    waits.push(wait)
    await clock.advance(wait)
  }
  expect(waits.slice(0, 3)).toEqual([0, 0, 0])
  expect(waits[3]).toBeGreaterThan(0)
  expect(waits.at(-1)).toBeGreaterThan(10_000)
  expect(Math.max(...waits)).toBeLessThanOrEqual(ownBrake.mostMs)
})

test('tries at once queue up behind each other, and no longer than they may', () => {
  const brake = createBrake(fakeClock(), ownBrake)
  const waits = Array.from({ length: 120 }, () => brake.take('alice', 10_000))
  const served = waits.filter((wait) => wait !== null)
  expect(served.length).toBeLessThan(10)
  expect(served).toEqual([...served].sort((a, b) => a - b))
  expect(waits.slice(served.length).every((wait) => wait === null)).toBe(true)
  expect(brake.take('bob', 10_000)).toBe(0)
})

test('failures fade, however many there were', async () => {
  const clock = fakeClock()
  const brake = createBrake(clock, ownBrake)
  for (let i = 0; i < 100_000; i++) brake.failed('alice')
  expect(brake.peek('alice')).toBeLessThanOrEqual(ownBrake.mostMs)
  await clock.advance(ownBrake.halfLifeMs * 2)
  expect(brake.peek('alice')).toBe(0)
  expect(brake.spacing('alice')).toBe(0)
})

test('what turned out well is given back', () => {
  const brake = createBrake(fakeClock(), ownBrake)
  for (let i = 0; i < 50; i++) {
    expect(brake.take('alice', 0)).toBe(0)
    brake.forgive('alice', 1)
  }
  expect(brake.size()).toBe(0)
})

test('memory is bounded, the newest failures stay', () => {
  const brake = createBrake(fakeClock(), ownBrake, 100)
  for (let i = 0; i < 1000; i++) for (let j = 0; j < 5; j++) brake.failed(`n${i}`)
  expect(brake.size()).toBe(100)
  expect(brake.peek('n999')).toBeGreaterThan(0)
  expect(brake.peek('n0')).toBe(0)
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:0DB8:1::6', '2001:db8:1:0'],
  ['::1', '0:0:0:0'],
])('%s is in %s', (ip, network) => expect(networkOf(ip)).toBe(network))

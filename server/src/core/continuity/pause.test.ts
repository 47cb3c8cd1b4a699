import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { createPauseWatch } from './pause.ts'

test('beats on time: never away', async () => {
  const clock = fakeClock()
  const watch = createPauseWatch(clock)
  watch.start()
  await clock.advance(60_000)
  expect(watch.isAway()).toBe(false)
  expect(watch.times()).toBe(0)
})

test('a jump of the wall clock: away for a moment, then trusted again', async () => {
  const clock = fakeClock()
  const watch = createPauseWatch(clock)
  watch.start()
  await clock.advance(5000)
  clock.jump(60_000)
  expect(watch.isAway()).toBe(true)
  await clock.advance(2500)
  expect(watch.isAway()).toBe(false)
  expect(watch.times()).toBe(1)
})

test('a process that was stopped notices at the first question, before any timer ran', () => {
  let monotonic = 0
  const clock = { ...fakeClock(), now: () => 1000 + monotonic, monotonic: () => monotonic }
  const watch = createPauseWatch(clock)
  watch.start()
  monotonic += 30_000
  expect(watch.isAway()).toBe(true)
  expect(watch.times()).toBe(1)
})

import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { createPace } from './pace.ts'

test('so many bytes a second, whatever the pieces; idle time is not made up for', async () => {
  const clock = fakeClock()
  const pace = createPace(clock, 1000, new AbortController().signal)
  let moved = 0
  const over = new AbortController()
  const running = (async () => {
    for (let i = 0; !over.signal.aborted; i++) {
      const piece = [1, 500, 3, 7][i % 4]!
      await pace.spend(piece)
      moved += piece
    }
  })()
  await clock.advance(10_000)
  expect(moved).toBeGreaterThan(9_000)
  expect(moved).toBeLessThanOrEqual(10_000)
  over.abort()
  await clock.advance(1_000)
  await running
  await clock.advance(60_000)
  let isDone = false
  const late = pace.spend(2_000).then(() => (isDone = true))
  await clock.advance(1_900)
  expect(isDone).toBe(false)
  await clock.advance(200)
  await late
})

test('a stop ends the wait', async () => {
  const clock = fakeClock()
  const stop = new AbortController()
  const waiting = createPace(clock, 1000, stop.signal).spend(1_000_000)
  stop.abort(new Error('stopped'))
  await expect(waiting).rejects.toThrow('stopped')
  expect(clock.pending()).toBe(0)
})

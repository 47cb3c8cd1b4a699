import fc from 'fast-check'
import { expect, test } from 'vitest'
import { failed, room, started, startPace, STOP_AFTER, succeeded, type Pace } from './pace.ts'

const settings = { startAtOnce: 1, mostAtOnce: 10 }

test('slow start: one, two, four, eight, then the most', () => {
  let pace = startPace(settings)
  const seen = [pace.atOnce]
  for (let i = 0; i < 40; i++) {
    pace = succeeded(pace, settings)
    if (pace.atOnce !== seen.at(-1)) seen.push(pace.atOnce)
  }
  expect(seen).toEqual([1, 2, 4, 8, 10])
})

test('one failure: back to one at a time; several in a row: stop; a success between them forgets', () => {
  let pace: Pace = { ...startPace(settings), atOnce: 8 }
  let last = failed(pace)
  expect(last).toMatchObject({ stop: false, pace: { atOnce: 1 } })
  pace = succeeded(last.pace, settings)
  for (let i = 1; i < STOP_AFTER; i++) {
    last = failed(pace)
    pace = last.pace
    expect(last.stop).toBe(false)
  }
  expect(failed(pace).stop).toBe(true)
})

test('never more at once than allowed, never faster than the cap', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.nat(400), { maxLength: 300 }),
      (perSecond, most, waits) => {
        const limits = { startAtOnce: 1, mostAtOnce: most, perSecond }
        let pace: Pace = { ...startPace(limits), atOnce: most }
        let now = 1000
        let total = 0
        for (const wait of waits) {
          const count = room(pace, limits, 0, now)
          expect(count).toBeLessThanOrEqual(most)
          pace = started(pace, limits, count, now)
          total += count
          now += wait
        }
        expect(total).toBeLessThanOrEqual(((now - 1000 + 250) / 1000) * perSecond + 2)
      },
    ),
  )
})

test('half a message a second is possible', () => {
  const limits = { startAtOnce: 1, mostAtOnce: 5, perSecond: 0.5 }
  let pace = startPace(limits)
  let sent = 0
  for (let now = 0; now < 20_000; now += 250) {
    const count = room(pace, limits, 0, now)
    pace = started(pace, limits, count, now)
    sent += count
  }
  expect(sent).toBeGreaterThanOrEqual(9)
  expect(sent).toBeLessThanOrEqual(11)
})

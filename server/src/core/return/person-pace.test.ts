import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createPersonPace } from './person-pace.ts'

test('a person rests after each message, others do not, and nobody else is kept in mind', () => {
  const pace = createPersonPace(30)
  expect(pace.resting(0)).toEqual([])
  pace.started([{ personId: 'alice' }, { personId: null }], 0)
  expect(pace.resting(1_999)).toEqual(['alice'])
  pace.started([{ personId: 'bob' }], 1_999)
  expect(pace.resting(2_000)).toEqual(['bob'])
  expect(pace.resting(4_000)).toEqual([])
})

test('without a setting nobody rests', () => {
  const pace = createPersonPace(undefined)
  pace.started([{ personId: 'alice' }], 0)
  expect(pace.resting(0)).toEqual([])
})

test('in no minute are more begun than the setting says, and a person with mail is not kept waiting longer than needed', () => {
  const waits = fc.array(fc.integer({ min: 50, max: 20_000 }), { minLength: 20, maxLength: 200 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 120 }), waits, (perMinute, steps) => {
      const pace = createPersonPace(perMinute)
      const begun: number[] = []
      let now = 0
      for (const step of steps) {
        now += step
        if (pace.resting(now).includes('alice')) {
          expect(now - begun.at(-1)!).toBeLessThan(60_000 / perMinute)
          continue
        }
        pace.started([{ personId: 'alice' }], now)
        begun.push(now)
      }
      for (const from of begun)
        expect(begun.filter((at) => at >= from && at < from + 60_000).length).toBeLessThanOrEqual(perMinute)
    }),
    { numRuns: 300 },
  )
})

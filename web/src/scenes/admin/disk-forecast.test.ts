/** The disk's forecast as a sentence: when there is one, how strong, and in which unit. */
import { expect, test } from 'vitest'
import { diskForecast } from './disk-forecast.ts'

const HOUR = 3600
const DAY = 24 * HOUR
const of = (fullInSeconds: number | null, full = false) => diskForecast({ full, fullInSeconds })

test.each([null, 8 * DAY, 7 * DAY + 1])('%j seconds: nothing is said', (seconds) => expect(of(seconds)).toBeNull())

test.each([
  [7 * DAY, 'soon', 7, 'days'],
  [2 * DAY, 'soon', 2, 'days'],
  [47 * HOUR, 'soon', 47, 'hours'],
  [DAY, 'soon', 24, 'hours'],
  [DAY - 1, 'now', 24, 'hours'],
  [6.2 * HOUR, 'now', 6, 'hours'],
  [1.5 * HOUR - 1, 'now', 90, 'minutes'],
  [20, 'now', 1, 'minutes'],
  [0, 'now', 1, 'minutes'],
] as const)('%d seconds: %s, %d %s', (seconds, level, count, unit) =>
  expect(of(seconds)).toEqual({ level, count, unit }),
)

test('that it is full is said whatever the forecast', () => {
  for (const seconds of [null, 0, 90 * DAY]) expect(of(seconds, true)?.level).toBe('full')
})

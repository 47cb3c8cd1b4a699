import { expect, test } from 'vitest'
import { createDiskTrend, forecastWords, warningOf, type WarningHours } from './disk-forecast.ts'

const MINUTE = 60_000
const HOUR = 3_600_000
const GB = 1e9

/** Looks once in two seconds; `free` says what is free after so many milliseconds. */
function watched(ms: number, free: (at: number) => number, total = 100 * GB, trend = createDiskTrend(), from = 0) {
  for (let at = from; at <= from + ms; at += 2_000) trend.note({ at, free: free(at), total })
  return trend
}
const hoursOf = (trend: ReturnType<typeof createDiskTrend>, reserve = 0): number | null => {
  const ms = trend.fullInMs(reserve)
  return ms === null ? null : Math.round((ms / HOUR) * 10) / 10
}

test('nothing to say before ten minutes; then the rate tells, above the reserve', () => {
  const free = (at: number) => 10 * GB - (at / HOUR) * GB
  expect(hoursOf(watched(9 * MINUTE, free))).toBeNull()
  expect(hoursOf(watched(HOUR, free))).toBe(9)
  expect(hoursOf(watched(HOUR, free), 5 * GB)).toBe(4)
  expect(hoursOf(watched(HOUR, free), 9.5 * GB)).toBe(0)
})

test('a slow leak over the day is seen, a fast hour counts more', () => {
  const slow = (at: number) => 50 * GB - (at / HOUR) * 0.5 * GB
  expect(hoursOf(watched(20 * HOUR, slow))).toBe(80)
  const fast = (at: number) => slow(at) - Math.max(0, at - 19 * HOUR) * ((10 * GB) / HOUR)
  expect(hoursOf(watched(20 * HOUR, fast))).toBeCloseTo(2.9, 0)
})

test('room that comes back, and a disk at rest, are no danger', () => {
  expect(hoursOf(watched(HOUR, (at) => 10 * GB + at))).toBeNull()
  expect(hoursOf(watched(HOUR, () => 10 * GB))).toBeNull()
  const emptied = watched(HOUR, (at) => 10 * GB - at * 1000)
  emptied.note({ at: HOUR + 2_000, free: 50 * GB, total: 100 * GB })
  expect(hoursOf(emptied)).toBeNull()
})

test('another disk, a longer gap, and a clock that goes back begin anew', () => {
  const free = (at: number) => 10 * GB - (at / HOUR) * GB
  for (const [at, total] of [
    [HOUR + 2_000, 200 * GB],
    [2 * HOUR, 100 * GB],
    [-5 * MINUTE, 100 * GB],
  ] as const) {
    const trend = watched(HOUR, free)
    trend.note({ at, free: 5 * GB, total })
    expect(hoursOf(trend)).toBeNull()
    watched(HOUR, (t) => 5 * GB - ((t - at) / HOUR) * GB, total, trend, at + 2_000)
    expect(hoursOf(trend)).toBe(4)
  }
})

test('said at 24, 6 and 1 hours, each once; taken back only when it is clearly better', () => {
  let told: WarningHours | null = null
  const said = [30, 23, 25, 22, 7, 5.9, 6.5, 8, 5, 0.9, 1.2, 0, 1.6, 10, 30, 37, 23].map((hours) => {
    const before = told
    told = warningOf(hours * HOUR, told)
    return told === before ? '' : told
  })
  expect(said).toEqual(['', 24, '', '', '', 6, '', '', '', 1, '', '', 6, 24, '', null, 24])
  expect(warningOf(null, 1)).toBeNull()
  expect(warningOf(0, null)).toBe(1)
})

test('in words', () => {
  expect([20 * MINUTE, 9.2 * HOUR, 70 * HOUR, 0].map(forecastWords)).toEqual([
    'about 20 min',
    'about 9 h',
    'about 3 days',
    'about 1 min',
  ])
})

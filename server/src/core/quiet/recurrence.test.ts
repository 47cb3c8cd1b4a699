/** Windows of Quiet Time: the rules where clocks are put, in words, and any window against a walk by Intl, minute by minute. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { dayOf, dayText, minuteOf, picks, weekdayOf, weekdays, type Pattern } from './calendar.ts'
import { openingAt, occurrenceOn, type When } from './recurrence.ts'
import { DAY, firstAt, HOUR, isZone, lastBefore, MINUTE, wallAt } from './wall-time.ts'

const at = (text: string): number => Date.parse(text)
const wall = (text: string): number => Date.parse(`${text}Z`)
const nightly = (from: string, to: string, change: Partial<When & { kind: 'pattern' }> = {}): When => ({
  kind: 'pattern',
  pattern: { every: 'week', days: weekdays },
  from: minuteOf(from)!,
  to: minuteOf(to)!,
  except: new Set(),
  also: new Set(),
  ...change,
})
const iso = (one: { from: number; until: number } | null): string[] | null =>
  one && [one.from, one.until].map((time) => new Date(time).toISOString().replace('.000', ''))
const on = (when: When, zone: string, day: string): string[] | null => iso(occurrenceOn(when, zone, dayOf(day)!))

/** Clocks: an hour, an hour, half an hour at midnight's other side, an hour at midnight, two hours. */
test.each([
  // zone, day the clocks go forward, a beginning that does not exist, the jump
  ['Europe/Berlin', '2026-03-29', '02:30', '2026-03-29T01:00:00Z'],
  ['America/New_York', '2026-03-08', '02:10', '2026-03-08T07:00:00Z'],
  ['Australia/Lord_Howe', '2026-10-04', '02:10', '2026-10-03T15:30:00Z'],
  ['Africa/Cairo', '2026-04-24', '00:30', '2026-04-23T22:00:00Z'],
  ['Antarctica/Troll', '2026-03-29', '02:00', '2026-03-29T01:00:00Z'],
])('a window in %s that begins in the hour that does not exist opens at the jump', (zone, day, from, jump) => {
  expect(on(nightly(from, '06:00'), zone, day)![0]).toBe(jump)
  // All of it in the missing hour: not that night.
  expect(on(nightly(from, from.replace(/.$/, '5')), zone, day)).toBeNull()
  // One that ends there ends with the jump.
  expect(occurrenceOn(nightly('20:00', from), zone, dayOf(day)! - 1)!.until).toBe(at(jump))
})

test.each([
  // zone, day the clocks go back, a time that comes twice, its first and its second coming
  ['Europe/Berlin', '2026-10-25', '02:30', '2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z'],
  ['America/New_York', '2026-11-01', '01:15', '2026-11-01T05:15:00Z', '2026-11-01T06:15:00Z'],
  ['Australia/Lord_Howe', '2026-04-05', '01:45', '2026-04-04T14:45:00Z', '2026-04-04T15:15:00Z'],
  ['Africa/Cairo', '2026-10-29', '23:30', '2026-10-29T20:30:00Z', '2026-10-29T21:30:00Z'],
  ['Antarctica/Troll', '2026-10-25', '01:30', '2026-10-24T23:30:00Z', '2026-10-25T01:30:00Z'],
])('a window in %s that meets the hour that comes twice is open through both', (zone, day, time, first, second) => {
  const late = minuteOf(time)! < 12 * 60 ? '05:00' : '04:00'
  expect(on(nightly(time, late), zone, day)![0]).toBe(first)
  const endsOn = minuteOf(time)! < 12 * 60 ? dayOf(day)! - 1 : dayOf(day)!
  expect(occurrenceOn(nightly('20:00', time), zone, endsOn)!.until).toBe(at(second))
})

test('a day that was left out altogether (Apia, 30 December 2011) holds nothing up', () => {
  expect(on(nightly('08:00', '12:00'), 'Pacific/Apia', '2011-12-30')).toBeNull()
  expect(on(nightly('22:00', '04:00'), 'Pacific/Apia', '2011-12-29')).toEqual([
    '2011-12-30T08:00:00Z',
    '2011-12-30T10:00:00Z',
  ])
})

test('patch night: the second Tuesday, 22:00 to 02:00', () => {
  const when = nightly('22:00', '02:00', { pattern: { every: 'month', nth: 2, day: 'tue' } })
  const next = openingAt(when, 'Europe/Berlin', at('2026-11-20T00:00:00Z')).next
  expect(iso(next)).toEqual(['2026-12-08T21:00:00Z', '2026-12-09T01:00:00Z'])
  const open = openingAt(when, 'Europe/Berlin', at('2026-12-09T00:59:59Z'))
  expect(iso(open.open)).toEqual(['2026-12-08T21:00:00Z', '2026-12-09T01:00:00Z'])
  expect(openingAt(when, 'Europe/Berlin', at('2026-12-09T01:00:00Z')).open).toBeNull()
})

test('holidays: days on which a pattern does not begin, and days on which it does', () => {
  const days = (...all: string[]): Set<number> => new Set(all.map((day) => dayOf(day)!))
  const when = nightly('20:00', '06:00', {
    pattern: { every: 'week', days: ['mon', 'tue', 'wed', 'thu', 'fri'] },
    except: days('2026-12-24'),
    also: days('2026-12-26', '2026-12-27'),
  })
  expect(on(when, 'Europe/Berlin', '2026-12-24')).toBeNull()
  expect(on(when, 'Europe/Berlin', '2026-12-26')).not.toBeNull()
  // The night that began the day before goes on into the holiday.
  expect(openingAt(when, 'Europe/Berlin', at('2026-12-24T03:00:00Z')).open).not.toBeNull()
  expect(openingAt(when, 'Europe/Berlin', at('2026-12-24T22:00:00Z')).open).toBeNull()
})

test('days without a gap between them are one window, as far as anybody looks ahead', () => {
  const when = nightly('06:00', '06:00', { pattern: { every: 'week', days: ['sat', 'sun'] } })
  expect(iso(openingAt(when, 'Europe/Berlin', at('2026-11-28T12:00:00Z')).open)).toEqual([
    '2026-11-28T05:00:00Z',
    '2026-11-30T05:00:00Z',
  ])
  const always = openingAt(nightly('00:00', '24:00'), 'Europe/Berlin', at('2026-11-28T12:00:00Z'))
  expect(always.open!.until - always.open!.from).toBeGreaterThan(20 * DAY)
})

test('once, by the clocks of its zone; afterwards never again', () => {
  const when: When = { kind: 'once', from: wall('2026-12-24T18:00'), to: wall('2026-12-27T06:00') }
  expect(iso(openingAt(when, 'America/New_York', at('2026-12-01T00:00:00Z')).next)).toEqual([
    '2026-12-24T23:00:00Z',
    '2026-12-27T11:00:00Z',
  ])
  expect(openingAt(when, 'America/New_York', at('2026-12-28T00:00:00Z'))).toEqual({
    open: null,
    checkAt: Infinity,
    next: null,
  })
})

test('the calendar: fifth Fridays, last days, leap days', () => {
  const of = (pattern: Pattern, from: string, n: number): string[] =>
    Array.from({ length: n }, (_, i) => dayOf(from)! + i)
      .filter((day) => picks(pattern, day))
      .map(dayText)
  expect(of({ every: 'month', nth: 5, day: 'fri' }, '2026-01-01', 365)).toEqual([
    '2026-01-30',
    '2026-05-29',
    '2026-07-31',
    '2026-10-30',
  ])
  expect(of({ every: 'month', nth: -1, day: 'fri' }, '2026-01-01', 90)).toEqual([
    '2026-01-30',
    '2026-02-27',
    '2026-03-27',
  ])
  expect(of({ every: 'month', date: -1 }, '2028-01-01', 95)).toEqual(['2028-01-31', '2028-02-29', '2028-03-31'])
  expect(of({ every: 'month', date: 31 }, '2026-02-01', 60)).toEqual(['2026-03-31'])
  expect(weekdayOf(dayOf('2026-11-27')!)).toBe('fri')
  for (const text of ['2026-02-29', '2026-13-01', '2026-1-1', '', '1969-12-31', 'x']) expect(dayOf(text)).toBeNull()
  for (const text of ['24:01', '25:00', '7:00', '07:60', '']) expect(minuteOf(text)).toBeNull()
  for (const zone of ['+02:00', 'Berlin', '', 'Europe/Berlin;', '../etc']) expect(isZone(zone)).toBe(false)
  for (const zone of ['UTC', 'Europe/Berlin', 'Etc/GMT+5', 'America/Argentina/Buenos_Aires'])
    expect(isZone(zone)).toBe(true)
})

// ---------------------------------------------------------------- against a walk by Intl, minute by minute

const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Cairo', 'Asia/Kathmandu'] as const
/** Around the nights in which these zones put their clocks in 2026, and one in which none does. */
const nights = ['2026-03-08', '2026-03-29', '2026-04-05', '2026-04-24', '2026-10-04', '2026-10-25', '2026-10-30', '2026-11-01', '2026-07-14'] // prettier-ignore

/**
 * A walk along the minutes: it is open from the first at which the wall has come as far as the beginning, to the last at
 * which it shows less than the end. Knows nothing of offsets.
 */
function walk(when: When & { kind: 'pattern' }, zone: string, from: number, until: number): Set<number> {
  const shown = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' })
  const minutes: { at: number; wall: number }[] = []
  for (let time = from; time < until; time += MINUTE)
    minutes.push({ at: time, wall: wall(shown.format(time).replace(' ', 'T')) })
  const inside = new Set<number>()
  const days = new Set(minutes.map((minute) => Math.floor(minute.wall / DAY)))
  for (const day of days) {
    if (!when.also.has(day) && (when.except.has(day) || !picks(when.pattern, day))) continue
    const begin = day * DAY + when.from * MINUTE
    const end = (when.to <= when.from ? day + 1 : day) * DAY + when.to * MINUTE
    const first = minutes.findIndex((minute) => minute.wall >= begin)
    const last = minutes.findLastIndex((minute) => minute.wall < end)
    if (first >= 0) for (let i = first; i <= last; i++) inside.add(minutes[i]!.at)
  }
  return inside
}

const minuteOfDay = fc.integer({ min: 0, max: 24 * 60 - 1 })
const pattern: fc.Arbitrary<Pattern> = fc.oneof(
  fc.record({
    every: fc.constant('week' as const),
    days: fc.uniqueArray(fc.constantFrom(...weekdays), { minLength: 1 }),
  }),
  fc.record({
    every: fc.constant('month' as const),
    nth: fc.constantFrom(1, 4, -1),
    day: fc.constantFrom(...weekdays),
  }),
)

test('any window agrees with a walk by Intl, minute by minute, in five zones', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.constantFrom(...nights),
      pattern,
      fc.tuple(minuteOfDay, minuteOfDay),
      fc.array(fc.integer({ min: -2, max: 2 }), { maxLength: 2 }),
      (zone, night, of, [from, to], also) => {
        const day = dayOf(night)!
        const when: When & { kind: 'pattern' } = {
          kind: 'pattern',
          pattern: of,
          from,
          to,
          except: new Set([day + 3]),
          also: new Set(also.map((step) => day + step)),
        }
        const start = day * DAY - 12 * HOUR
        // The walk sees whole windows only when it begins and ends well outside.
        const seen = walk(when, zone, start - 2 * DAY, start + 4 * DAY)
        let known = openingAt(when, zone, start)
        for (let time = start; time < start + 2 * DAY; time += MINUTE) {
          // As it is used: asked again when what was said before is over.
          if (time >= known.checkAt) known = openingAt(when, zone, time)
          if ((known.open !== null) !== seen.has(time))
            throw new Error(
              `${zone} ${new Date(time).toISOString()}: ${JSON.stringify(known.open)} ${JSON.stringify(when)}`,
            )
        }
      },
    ),
    { numRuns: 150 },
  )
})

test('a wall time becomes an instant that shows it, or the jump over it', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.integer({ min: at('2020-01-01'), max: at('2035-01-01') }),
      (zone, time) => {
        const shown = wallAt(zone, time)
        const [first, last] = [firstAt(zone, shown), lastBefore(zone, shown)]
        expect(first).toBeLessThanOrEqual(time)
        expect(last).toBeGreaterThanOrEqual(time)
        expect(wallAt(zone, first)).toBe(shown)
      },
    ),
  )
})

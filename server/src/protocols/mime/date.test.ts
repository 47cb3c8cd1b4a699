/** RFC 5322 section 3.3: dates as we write them and as the world does. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { dateText, mailDate, parseDate } from './date.ts'

test('what is written reads the same, to the second', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Date.UTC(2200, 0) / 1000 }), (seconds) => {
      expect(parseDate(mailDate(seconds * 1000))).toEqual({ at: seconds * 1000, zone: 0 })
    }),
  )
})

test('always two digits of time, one or two of the day', () => {
  expect(mailDate(Date.UTC(2026, 2, 1, 8, 5, 9))).toBe('Sun, 1 Mar 2026 08:05:09 +0000')
})

test.each([
  ['Mon, 2 Nov 2026 09:30:00 +0100 (CET)', '2026-11-02T09:30:00+01:00'],
  ['2 nov 26 09:30 EST', '2026-11-02T09:30:00-05:00'],
  // Without a zone it is no time of this machine's zone, but UTC.
  ['2 Nov 2026 09:30:00', '2026-11-02T09:30:00Z'],
])('%s', (text, iso) => expect(dateText(parseDate(text)!)).toBe(iso))

test.each(['', 'yesterday', '2 Foo 2026 09:30', '32 Nov 2026 09:30', '2 Nov 2026 25:30', '2026-11-02T09:30:00Z'])(
  '%j is no date',
  (text) => expect(parseDate(text)).toBeNull(),
)

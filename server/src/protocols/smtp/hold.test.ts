import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WireError } from '../../platform/errors.ts'
import { parseDateTime, readHold } from './hold.ts'

test.each([
  ['2026-12-24T18:00:00Z', '2026-12-24T18:00:00.000Z'],
  ['2026-12-24t18:00:00.25z', '2026-12-24T18:00:00.250Z'],
  ['2026-12-24T18:00:00+01:30', '2026-12-24T16:30:00.000Z'],
  ['2028-02-29T00:00:00-00:00', '2028-02-29T00:00:00.000Z'],
  ['2026-12-31T23:59:60Z', '2026-12-31T23:59:59.000Z'],
])('RFC 3339: %s', (text, iso) => {
  expect(new Date(parseDateTime(text)!).toISOString()).toBe(iso)
})

test.each([
  '',
  'tomorrow',
  '2026-12-24',
  '2026-12-24T18:00Z',
  '2026-12-24T18:00:00',
  '2026-02-30T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-12-24T24:00:00Z',
  '2026-12-24T18:60:00Z',
  '2026-12-24T18:00:00+25:00',
  '+002026-12-24T18:00:00Z',
])('no date and time: %j', (text) => {
  expect(parseDateTime(text)).toBeNull()
})

test('RFC 4865 section 4: the two parameters', () => {
  expect(readHold('HOLDFOR', '86400')).toEqual({ seconds: 86_400 })
  expect(readHold('HOLDUNTIL', '2026-12-24T18:00:00Z')).toEqual({ until: Date.UTC(2026, 11, 24, 18) })
  expect(readHold('SIZE', '1')).toBeNull()
  for (const value of [null, '', '-1', '1.5', '1234567890', 'x'])
    expect(() => readHold('HOLDFOR', value)).toThrow(WireError)
  for (const value of [null, '', '86400']) expect(() => readHold('HOLDUNTIL', value)).toThrow(WireError)
})

test('fuzz: a time or null', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string({ unit: fc.constantFrom('0', '1', '2', '6', '9', '-', ':', 'T', 'Z', '.', '+') }),
        fc.date().map(String),
      ),
      (text) => {
        const at = parseDateTime(text)
        expect(at === null || Number.isFinite(at)).toBe(true)
      },
    ),
  )
})

/** Times to send at, in the viewer's zone. */
import { expect, test } from 'vitest'
import { faultOf, fromField, offers, toField } from './later.ts'

test.each([
  // a Wednesday morning, a Wednesday evening, a Sunday, a Monday
  [new Date(2026, 10, 4, 9), ['2026-11-04T18:00', '2026-11-05T08:00', '2026-11-09T08:00']],
  [new Date(2026, 10, 4, 20), ['2026-11-05T08:00', '2026-11-09T08:00']],
  [new Date(2026, 10, 8, 9), ['2026-11-08T18:00', '2026-11-09T08:00']],
  [new Date(2026, 10, 9, 17), ['2026-11-10T08:00', '2026-11-16T08:00']],
])('what is offered on %s', (now, times) => {
  expect(offers(now).map(toField)).toEqual(times)
})

test('a field and the wire say the same moment', () => {
  const at = new Date(2026, 11, 24, 18, 5)
  expect(Date.parse(fromField(toField(at))!)).toBe(at.getTime())
  expect(fromField(toField(at))).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:00Z$/)
  for (const text of ['', 'soon', '2026-99-99T00:00']) expect(fromField(text)).toBeNull()
})

test('what cannot be', () => {
  const now = new Date('2026-11-04T09:00:00Z')
  expect(faultOf(null, now, 60)).toBe('none')
  expect(faultOf('2026-11-04T09:00:00Z', now, 60)).toBe('past')
  expect(faultOf('2026-11-04T09:01:01Z', now, 60)).toBe('tooFar')
  expect(faultOf('2026-11-04T09:01:00Z', now, 60)).toBeNull()
})

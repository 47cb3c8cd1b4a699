/** How app passwords look and how they may be typed. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lettersOf, newAppPassword, placeText } from './app-passwords.ts'
import { networkOf } from './delays.ts'

test('24 letters in groups of four, none that looks like another, never twice', () => {
  const made = Array.from({ length: 500 }, newAppPassword)
  for (const one of made) expect(one).toMatch(/^([abcdefghjkmnpqrstuvwxyz]{4}-){5}[abcdefghjkmnpqrstuvwxyz]{4}$/)
  expect(new Set(made).size).toBe(made.length)
  // Every letter at every place.
  for (let at = 0; at < 29; at++) if (at % 5 !== 4) expect(new Set(made.map((one) => one[at])).size).toBe(23)
})

test('typed with a capital, without hyphens, with spaces, it is the same; less, more or other is none', () => {
  const letters = 'abcdefghjkmnpqrstuvwxyza'
  for (const typed of [
    'abcd-efgh-jkmn-pqrs-tuvw-xyza',
    'Abcd-efgh-jkmn-pqrs-tuvw-xyza',
    ' abcd efgh jkmn pqrs tuvw xyza\n',
    letters.toUpperCase(),
  ])
    expect(lettersOf(typed)).toBe(letters)
  for (const typed of ['', letters.slice(1), `${letters}a`, letters.replace('a', 'i'), letters.replace('a', '1')])
    expect(lettersOf(typed)).toBeNull()
  expect(lettersOf(' '.repeat(1_000_000))).toBeNull()
})

test('whatever is typed, it is told without failing', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string()), (typed) => {
      const letters = lettersOf(typed)
      return letters === null || letters.length === 24
    }),
  )
})

test('a place is a network: an address, or a /64', () => {
  expect(placeText(networkOf('192.0.2.7'))).toBe('192.0.2.7')
  expect(placeText(networkOf('2001:db8::1'))).toBe('2001:db8:0:0::/64')
})

/** What is left of an address when it is shown. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maskedAddress } from './masked.ts'

test('the first letters and the last label', () => {
  expect(maskedAddress('jo.private@gmail.com')).toBe('j…@g….com')
  expect(maskedAddress('ö@mail.example.co.uk')).toBe('ö…@m….uk')
  expect(maskedAddress('a@localhost')).toBe('a…@l…')
  expect(maskedAddress('"a@b"@c.example')).toBe('"…@c….example')
})

test('of names and hosts never more than the first character, and it takes anything', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('home', 'gmail', 'xy'), (local, host) => {
      const masked = maskedAddress(`${local}@${host}.example`)
      expect(Array.from(masked.slice(0, masked.lastIndexOf('@'))).length).toBeLessThanOrEqual(2)
      expect(masked.endsWith(`@${host[0]!}….example`)).toBe(true)
      maskedAddress(local)
    }),
  )
})

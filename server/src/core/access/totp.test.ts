/** Codes of an authenticator app against the vectors of the standards, and what may be typed. */
import { expect, test } from 'vitest'
import { base32, digitsOf, hotp, otpauthUri, STEP_MS, stepAt, stepOf } from './totp.ts'

const SECRET = Buffer.from('12345678901234567890')

test('the vectors of RFC 4226, appendix D', () => {
  const codes = '755224 287082 359152 969429 338314 254676 287922 162583 399871 520489'.split(' ')
  expect(codes.map((_, counter) => hotp(SECRET, counter))).toEqual(codes)
})

test('the vectors of RFC 6238, appendix B, their last six digits', () => {
  const vectors = [
    [59, '287082'],
    [1111111109, '081804'],
    [1111111111, '050471'],
    [1234567890, '005924'],
    [2000000000, '279037'],
    [20000000000, '353130'],
  ] as const
  for (const [seconds, code] of vectors) expect(hotp(SECRET, stepAt(seconds * 1000))).toBe(code)
})

test('a code counts in its step and the one before and after, and no further', () => {
  const at = 40_000_000
  const code = hotp(SECRET, at)
  const steps = [-2, -1, 0, 1, 2].map((skew) => stepOf(SECRET, code, (at + skew) * STEP_MS))
  expect(steps).toEqual([null, at, at, at, null])
})

test('digits with spaces and hyphens are a code, and nothing else is', () => {
  expect(digitsOf(' 123 456 ')).toBe('123456')
  expect(digitsOf('123-456')).toBe('123456')
  for (const typed of ['', '12345', '1234567', '12345a', '١٢٣٤٥٦', '1'.repeat(6).padEnd(50)])
    expect(digitsOf(typed)).toBeNull()
})

test('the picture holds what apps read', () => {
  expect(base32(Buffer.from('foobar'))).toBe('MZXW6YTBOI')
  const uri = new URL(otpauthUri(SECRET, { issuer: 'Hold:fast', account: 'a+b@corp.test' }))
  expect(uri.searchParams.get('secret')).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
  expect(uri.searchParams.get('issuer')).toBe('Hold fast')
  expect(decodeURIComponent(uri.pathname)).toContain('Hold fast:a+b@corp.test')
})

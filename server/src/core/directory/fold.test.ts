import fc from 'fast-check'
import { expect, test } from 'vitest'
import { foldAddress, foldDomain, localCandidates, splitAddress } from './fold.ts'

test.each([
  ['Alice@Example.TEST', 'alice@example.test'],
  ['"alice"@example.test', 'alice@example.test'],
  ['"a b"@example.test', '"a b"@example.test'],
  ['müller@bücher.example', 'müller@xn--bcher-kva.example'],
  ['MÜLLER@BÜCHER.example', 'müller@xn--bcher-kva.example'],
  ['a@b@example.test.', 'a@b@example.test'],
  ['İ@example.test', 'i̇@example.test'],
])('%s is compared as %s', (written, folded) => expect(foldAddress(written)).toBe(folded))

test.each([
  '',
  '@',
  '@example.test',
  'alice',
  'alice@',
  'alice@ex ample',
  'a\0@example.test',
  'a@[127.0.0.1]',
  `${'x'.repeat(330)}@a.test`,
])('%j is no address', (text) => expect(foldAddress(text)).toBeNull())

test('bare postmaster is an address without domain (RFC 5321 section 4.5.1)', () => {
  expect(splitAddress('PostMaster')).toEqual({ local: 'postmaster', domain: null })
})

test('a domain in either form is the same key', () => {
  expect(foldDomain('xn--bcher-kva.example')).toBe(foldDomain('Bücher.example'))
})

test('the subaddress is cut at the first separator, never to nothing', () => {
  expect(localCandidates('alice+a+b', '+')).toEqual(['alice+a+b', 'alice'])
  expect(localCandidates('+alice', '+')).toEqual(['+alice'])
  expect(localCandidates('alice-a', '')).toEqual(['alice-a'])
})

test('folding never throws, is bounded and idempotent', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.emailAddress(),
    fc.tuple(fc.string(), fc.domain()).map(([a, b]) => `${a}@${b}`),
  )
  fc.assert(
    fc.property(hostile, (text) => {
      const folded = foldAddress(text)
      if (folded === null) return
      expect(folded).not.toMatch(/\0/)
      expect(foldAddress(folded)).toBe(folded)
    }),
    { numRuns: 2000 },
  )
})

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { codeOf, hashOfCode, newCode } from './emergency-codes.ts'

test('codes differ, and are known again however they are typed', () => {
  const codes = new Set(Array.from({ length: 1000 }, newCode))
  expect(codes.size).toBe(1000)
  for (const code of codes) {
    expect(code).toMatch(/^([a-hjkmnp-z2-9]{4}-){3}[a-hjkmnp-z2-9]{4}$/)
    const plain = code.replaceAll('-', '')
    for (const typed of [
      code,
      plain,
      plain.toUpperCase(),
      ` ${code}\n`,
      plain.split('').join(' '),
      code.replaceAll('-', '–'),
    ])
      expect(codeOf(typed)).toBe(plain)
  }
})

test('nothing else is one; equal codes of two people are not equal', () => {
  expect(codeOf('three grey owls at dawn')).toBeNull()
  expect(codeOf('aaaa-aaaa-aaaa-aaa1')).toBeNull()
  expect(codeOf('a'.repeat(200))).toBeNull()
  fc.assert(fc.property(fc.string(), (typed) => void codeOf(typed)))
  expect(hashOfCode('a', 'x').equals(hashOfCode('b', 'x'))).toBe(false)
})

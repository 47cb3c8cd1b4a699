import { expect, test } from 'vitest'
import { lastPiece, withLast } from './last-address.ts'

test.each([
  ['', ''],
  ['al', 'al'],
  ['a@x.test, bo', 'bo'],
  ['"Lee, Ann" <ann@x.test>; jö m', 'jö m'],
  ['"Lee, An', '"Lee, An'],
  ['Ann <a,b', 'Ann <a,b'],
  ['a@x.test, ', ''],
])('the piece being typed: %s', (text, piece) => expect(lastPiece(text).piece).toBe(piece))

test('it is replaced, and the next one can follow', () => {
  expect(withLast('al', ['Alice <a@x.test>'])).toBe('Alice <a@x.test>, ')
  expect(withLast('b@x.test,al', ['a@x.test', 'c@x.test'])).toBe('b@x.test, a@x.test, c@x.test, ')
  expect(withLast('"Lee, Ann" <ann@x.test>, al', ['a@x.test'])).toBe('"Lee, Ann" <ann@x.test>, a@x.test, ')
})

/** Records and policies as they are found, good and bad (RFC 8461 sections 3.1, 3.2, 4.1). */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { namesHost, parsePolicy, parseRecord } from './policy.ts'

test.each<[string[][], string | null]>([
  [[['v=STSv1; id=20160831085700Z;']], '20160831085700Z'],
  [[['v=STSv1;id=abc']], 'abc'],
  [[['v=STSv1; ', 'id=joined;']], 'joined'],
  [[['v=spf1 -all'], ['v=STSv1; id=1;']], '1'],
  [[['v=STSv1; other=x; id=1']], '1'],
  [[['v=STSv1; id=1'], ['v=STSv1; id=2']], null],
  [[['v=STSv1;']], null],
  [[['v=STSv1; id=not-this']], null],
  [[[`v=STSv1; id=${'a'.repeat(33)}`]], null],
  [[['v=STSv10; id=1']], null],
  [[['id=1; v=STSv1']], null],
  [[], null],
])('record %j: %s', (records, id) => {
  expect(parseRecord(records)).toBe(id)
})

const lines = (...all: string[]): string => all.join('\r\n')
const good = ['version: STSv1', 'mode: enforce', 'mx: mail.example.com', 'mx: *.example.net', 'max_age: 604800']

test('a policy, with either end of line', () => {
  const policy = { mode: 'enforce', mx: ['mail.example.com', '*.example.net'], maxAge: 604_800 }
  expect(parsePolicy(lines(...good))).toEqual(policy)
  expect(parsePolicy(`${good.join('\n')}\n\n`)).toEqual(policy)
  expect(parsePolicy(lines(...good, 'new_thing: x', 'mode: none', 'max_age: 1'))).toEqual(policy)
  expect(parsePolicy(lines('version: STSv1', 'mode: none', 'max_age: 60'))).toEqual({
    mode: 'none',
    mx: [],
    maxAge: 60,
  })
  expect(parsePolicy(lines(...good.slice(0, 4), 'max_age: 9999999999'))!.maxAge).toBe(31_557_600)
})

test.each([
  ['no version', good.slice(1)],
  ['another version', ['version: STSv2', ...good.slice(1)]],
  ['no mode', good.filter((line) => !line.startsWith('mode'))],
  ['an unknown mode', good.map((line) => line.replace('enforce', 'strict'))],
  ['no mx', good.filter((line) => !line.startsWith('mx'))],
  ['a mx that is no name', [...good, 'mx: https://example.com']],
  ['a star that is not the first label', [...good, 'mx: mail.*.example.com']],
  ['no age', good.slice(0, 4)],
  ['an age that is no number', [...good.slice(0, 4), 'max_age: soon']],
  ['a line without a colon', [...good, 'hello']],
  ['a page of the web', ['<!doctype html>', '<p>version: STSv1']],
  ['too many mx', [...good, ...Array.from({ length: 600 }, (_, i) => `mx: m${i}.example.com`)]],
])('%s: as if there were none', (_, all) => {
  expect(parsePolicy(lines(...all))).toBeNull()
})

test.each([
  ['mail.example.com', true],
  ['MAIL.example.COM.', true],
  ['other.example.com', false],
  ['a.example.net', true],
  ['a.b.example.net', false],
  ['example.net', false],
  ['mail.example.com.evil.test', false],
])('%s is named: %s', (host, is) => {
  expect(namesHost({ mx: ['mail.example.com', '*.example.net'] }, host)).toBe(is)
})

test('any text is a policy or none', () => {
  const line = fc.constantFrom(...good, 'mx: ', ':', 'mode:enforce', 'max_age: -1', '\0', 'mx: *.', 'mx: *')
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(line).map((all) => all.join('\n')),
      ),
      (text) => {
        const policy = parsePolicy(text)
        if (policy?.mode === 'enforce') expect(policy.mx.length).toBeGreaterThan(0)
      },
    ),
  )
})

/** Whose name is signed for, and what is left as it came. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { domainToSign } from './signer.ts'

const domain = (...fields: string[]): string | null => domainToSign(Buffer.from(`${fields.join('\r\n')}\r\n\r\n`))

test.each<[string, string[], string | null]>([
  ['one author', ['From: Alice <alice@corp.test>'], 'corp.test'],
  ['in another form', ['FROM:Alice <alice@Corp.TEST>'], 'corp.test'],
  ['a domain beyond ASCII', ['From: alice@bücher.test'], 'xn--bcher-kva.test'],
  ['authors of one domain', ['From: alice@corp.test, bob@corp.test'], 'corp.test'],
  ['authors of several', ['From: alice@corp.test, x@world.test'], null],
  ['no author', ['Subject: x'], null],
  ['no address', ['From: the printer'], null],
  ['two fields', ['From: alice@corp.test', 'From: bob@corp.test'], null],
  ['signed for it', ['From: alice@corp.test', 'DKIM-Signature: v=1; a=x; d=corp.test; s=s1; b=xx'], null],
  ['signed for it, folded', ['From: alice@corp.test', 'DKIM-Signature: v=1;\r\n d =\r\n Corp.Test;s=s1'], null],
  ['signed for another', ['From: alice@corp.test', 'DKIM-Signature: v=1; d=provider.test; i=@corp.test'], 'corp.test'],
  ['signed for a part of it', ['From: alice@corp.test', 'DKIM-Signature: v=1; d=mail.corp.test'], 'corp.test'],
  ['it was here before', ['From: alice@corp.test', 'Holdfast-Trace: some thing'], null],
])('%s', (_, fields, expected) => {
  expect(domain(...fields)).toBe(expected)
})

test('any header gives a domain or none', () => {
  const piece = fc.constantFrom(
    'From:',
    'DKIM-Signature:',
    'd=',
    ';',
    '<a@b.test>',
    '@',
    ',',
    '\r\n ',
    '\r\n',
    'é',
    '"',
    '(',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const found = domainToSign(Buffer.from(pieces.join('')))
      expect(found === null || /^[^\s@]+$/.test(found)).toBe(true)
    }),
    { numRuns: 1000 },
  )
})

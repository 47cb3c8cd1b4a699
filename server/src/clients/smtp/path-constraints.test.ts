/** What an authority allows below it (RFC 5280 section 4.2.1), against real certificates. */
import { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as pem from '../../../testkit/constrained-certificates.ts'
import { daneFault } from './dane.ts'
import { keepsConstraints } from './path-constraints.ts'

type Name = keyof typeof pem
const certificates = (...names: Name[]): X509Certificate[] => names.map((name) => new X509Certificate(pem[name]))

test.each<[string, Name[], boolean]>([
  ['as many authorities as it may have', ['underShort', 'short', 'root'], true],
  ['one more', ['tooDeep', 'below', 'short', 'root'], false],
  ['only the lower part of that way', ['tooDeep', 'below'], true],
  ['itself under another key does not count', ['underSelfIssued', 'shortAgain', 'short', 'root'], true],
  ['a name it may have', ['inCorp', 'onlyCorp', 'root'], true],
  ['one name among others that it may not have', ['outsideCorp', 'onlyCorp', 'root'], false],
  ['a name that is forbidden', ['excluded', 'notCorp', 'root'], false],
  ['another name', ['notExcluded', 'notCorp', 'root'], true],
  ['a wildcard over what is forbidden', ['wildOverExcluded', 'notCorp', 'root'], false],
  ['a critical extension that nobody knows', ['underOdd', 'odd', 'root'], false],
])('%s: %3$s', (_, path, result) => {
  expect(keepsConstraints(certificates(...path))).toBe(result)
})

test('it counts where a trust anchor is named by DANE', () => {
  const fault = (...names: Name[]): string | null => {
    const chain = certificates(...names)
    const data = chain.at(-1)!.publicKey.export({ type: 'spki', format: 'der' })
    return daneFault([{ usage: 2, selector: 1, matching: 0, data }], ['mx.corp.test'], chain, Date.now())
  }
  expect(fault('underShort', 'short', 'root')).toBeNull()
  expect(fault('tooDeep', 'below', 'short', 'root')).toBe('not-trusted')
  expect(fault('excluded', 'notCorp', 'root')).toBe('not-trusted')
})

test('broken bytes where a certificate should be are a no, and nothing worse', () => {
  const { raw } = certificates('outsideCorp')[0]!
  const issuer = certificates('onlyCorp', 'root')
  fc.assert(
    fc.property(fc.nat(raw.length - 1), fc.nat(255), fc.nat(raw.length), (at, octet, length) => {
      const broken = Buffer.from(raw.subarray(0, length))
      if (at < length) broken[at] = octet
      expect(typeof keepsConstraints([{ raw: broken } as X509Certificate, ...issuer])).toBe('boolean')
    }),
    { numRuns: 500 },
  )
})

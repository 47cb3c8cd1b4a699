/** Who may hand us mail for the world: every combination of address, sender and header. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Source } from '../directory/index.ts'
import { claimOf, sourceByHeader } from './claim.ts'

const source = (organisationId: string, tenant?: string): Source => ({
  organisationId,
  outboundRouteId: 'way',
  tenant: tenant === undefined ? null : { name: 'X-Tenant', value: tenant },
  domains: new Set([`${organisationId}.test`]),
})
const [a, b, cloudA, cloudB] = [source('a'), source('b'), source('a', 'tenant-a'), source('b', 'tenant-b')]

test.each<[string, Source[], string | null, boolean, object]>([
  ['own server, own sender', [a], 'a', false, { kind: 'trusted', source: a, isOwnSender: true }],
  ['own server, what it forwards', [a], null, false, { kind: 'trusted', source: a, isOwnSender: false }],
  ['own server, a notice', [a], null, true, { kind: 'trusted', source: a, isOwnSender: false }],
  ['own server, sender of another organisation here', [a], 'b', false, { kind: 'refused' }],
  ['two organisations behind one address', [a, b], 'b', false, { kind: 'trusted', source: b, isOwnSender: true }],
  ['two behind one address, nobody’s sender', [a, b], null, false, { kind: 'refused' }],
  ['two behind one address, a notice', [a, b], null, true, { kind: 'header', sources: [a, b], isOwnSender: false }],
  ['a cloud, own sender', [cloudA, cloudB], 'a', false, { kind: 'header', sources: [cloudA], isOwnSender: true }],
  ['a cloud, nobody’s sender', [cloudA, cloudB], null, false, { kind: 'refused' }],
  ['a cloud, a notice', [cloudA, cloudB], null, true, { kind: 'header', sources: [cloudA, cloudB] }],
  ['a cloud, sender of an organisation that is not there', [cloudA], 'b', false, { kind: 'refused' }],
  ['own server beside a cloud', [cloudA, a], 'a', false, { kind: 'trusted', source: a }],
])('%s', (_, sources, sender, isNull, expected) => {
  expect(claimOf(sources, sender, isNull)).toMatchObject(expected)
})

const header = (...values: string[]) => values.map((value) => ({ name: 'x-tenant', value: ` ${value}` }))
test.each<[string, { name: string; value: string }[], Source | null]>([
  ['names the tenant', header('tenant-b'), cloudB],
  ['is missing', [{ name: 'Subject', value: 'tenant-a' }], null],
  ['names another', header('tenant-c'), null],
  ['is a beginning of it', header('tenant-'), null],
  ['is there twice and agrees', header('tenant-a', 'tenant-a'), cloudA],
  ['is there twice, once slipped in', header('tenant-a', 'tenant-c'), null],
])('the header %s', (_, fields, expected) => {
  expect(sourceByHeader([cloudA, cloudB], fields)).toBe(expected)
})

test.each<[string, string[], Source | null]>([
  ['one of them', ['Mail System <MAILER-DAEMON@mx.b.test>'], b],
  ['one of them, with the domain itself', ['postmaster@A.test'], a],
  ['two people of one', ['x@a.test, y@a.test'], a],
  ['people of both', ['x@a.test, y@b.test'], null],
  ['somebody else', ['x@c.test'], null],
  ['a domain that only ends like it', ['x@nota.test'], null],
  ['nobody', [''], null],
  ['one, and is there twice', ['x@a.test', 'x@a.test'], null],
  ['one behind a name that looks like another', ['"x@a.test" <y@b.test>'], b],
])('a notice from where two organisations send, From is %s', (_, froms, expected) => {
  const fields = froms.map((value) => ({ name: 'From', value }))
  expect(sourceByHeader([a, b], fields)).toBe(expected)
  // At a provider's address everybody could write it.
  expect(sourceByHeader([cloudA, cloudB], fields)).toBeNull()
})

test('no address of a cloud alone ever lets anybody send; what is trusted is in the list', () => {
  const any = fc.array(fc.constantFrom(a, b, cloudA, cloudB), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(any, fc.constantFrom('a', 'b', 'c', null), fc.boolean(), (sources, sender, isNull) => {
      const claim = claimOf(sources, isNull ? null : sender, isNull)
      if (claim.kind === 'trusted') {
        expect(sources).toContain(claim.source)
        expect(claim.source.tenant).toBeNull()
        expect(claim.isOwnSender).toBe(!isNull && claim.source.organisationId === sender)
        // What another organisation here could be taken for never goes out.
        if (!claim.isOwnSender && !isNull) expect(sender).toBeNull()
      }
      if (claim.kind === 'header') for (const one of claim.sources) expect(one.tenant !== null || isNull).toBe(true)
    }),
  )
})

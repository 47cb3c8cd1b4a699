import fc from 'fast-check'
import { expect, test } from 'vitest'
import { groupsByMember } from './groups.ts'
import { ATTRIBUTES, readEntries, type RawEntry, type Schema } from './read.ts'

const raw = (dn: string, values: Record<string, (string | Buffer)[]>): RawEntry => ({
  dn,
  values: new Map(Object.entries(values).map(([name, all]) => [name, all.map((one) => Buffer.from(one as string))])),
})
const reading = (schema: Schema, groups: { dn: string; group: string }[] = []) => ({
  schema,
  names: ATTRIBUTES[schema],
  groups,
})
const guid = Buffer.from('33221100554477668899aabbccddeeff', 'hex')
const alice = {
  objectguid: [guid],
  displayname: ['Alice Martin'],
  mail: ['alice@x.test'],
  proxyaddresses: ['smtp:am@x.test', 'SMTP:alice.martin@x.test', 'X500:/o=x', 'sip:alice@x.test', 'smtp:Alice@x.test'],
  userprincipalname: ['alice@corp.test'],
  useraccountcontrol: ['512'],
  preferredlanguage: ['de-AT'],
}

test('a person of Active Directory: the GUID as its tools show it, the primary address first', () => {
  expect(readEntries([raw('CN=Alice,DC=x', alice)], [], reading('activeDirectory'))).toEqual({
    entries: [
      {
        row: null,
        externalId: '00112233-4455-6677-8899-aabbccddeeff',
        name: 'Alice Martin',
        addresses: ['alice.martin@x.test', 'alice@x.test', 'am@x.test'],
        upn: 'alice@corp.test',
        locale: 'de',
        enabled: true,
      },
    ],
    unusable: [],
    problems: [],
  })
})

test('a disabled account may not sign in, a service account is nobody, what cannot be read is named', () => {
  const list = readEntries(
    [
      raw('CN=A,DC=x', { ...alice, useraccountcontrol: ['514'] }),
      raw('CN=Service,DC=x', { objectguid: [guid], cn: ['Service'] }),
      raw('CN=B,DC=x', { ...alice, objectguid: ['short'] }),
      raw('CN=C,DC=x', { ...alice, useraccountcontrol: [] }),
    ],
    [],
    reading('activeDirectory'),
  )
  expect(list.entries).toMatchObject([{ enabled: false }])
  expect(list.problems).toMatchObject([{ code: 'no-id' }, { code: 'bad-enabled' }])
  expect(list.unusable).toMatchObject([{ externalId: null }, { externalId: '00112233-4455-6677-8899-aabbccddeeff' }])
})

test('a person of OpenLDAP, in the group that a nested one makes theirs', () => {
  const person = { entryuuid: ['u-1'], cn: ['Bob'], mail: ['bob@x.test'], uid: ['bob'] }
  const groups = [
    raw('cn=all,dc=x', { member: ['cn=staff,dc=x'] }),
    raw('cn=staff,dc=x', { member: ['UID=bob,dc=x', 'cn=all,dc=x'] }),
  ]
  const wanted = [{ dn: 'CN=All,DC=x', group: 'Everybody' }]
  const { entries } = readEntries(
    [raw('uid=bob,dc=x', person), raw('uid=eve,dc=x', { ...person, entryuuid: ['u-2'] })],
    groups,
    reading('openldap', wanted),
  )
  expect(entries).toMatchObject([
    { externalId: 'u-1', upn: 'bob', group: 'Everybody', enabled: true },
    { externalId: 'u-2', group: null },
  ])
})

test('any graph of groups comes to an end, and nobody is in a group by no way', () => {
  const node = fc.nat(12).map(String)
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.record({ dn: node, members: fc.array(node) }), { selector: ({ dn }) => dn }),
      (all) => {
        const named = new Set(all.flatMap(({ members }) => members))
        for (const member of groupsByMember(all, [{ dn: '0', group: 'g' }]).keys())
          expect(named.has(member) || member === '0').toBe(true)
      },
    ),
  )
})

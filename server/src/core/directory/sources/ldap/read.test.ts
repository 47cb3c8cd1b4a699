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
        card: { title: null, department: null, office: null, phones: [], manager: null, hidden: false },
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

test('what the address book shows: phones, title, whom they report to, a photo within the limits', () => {
  const boss = Buffer.from('aabbccddeeff00112233445566778899', 'hex')
  const photo = Buffer.alloc(1000, 7)
  const people = [
    raw('CN=Alice,OU=People,DC=x', {
      ...alice,
      title: ['Head of sales'],
      department: ['Sales'],
      physicaldeliveryofficename: ['Room 7'],
      telephonenumber: ['+44 20 7946 0000'],
      mobile: ['+44 7700 900123', ' '],
      manager: ['cn=The Boss, ou=People, dc=x'],
      msexchhidefromaddresslists: ['TRUE'],
      thumbnailphoto: [photo],
    }),
    raw('CN=The Boss,OU=People,DC=x', {
      ...{ ...alice, objectguid: [boss], manager: ['CN=Elsewhere,DC=y'], thumbnailphoto: [Buffer.alloc(200_000)] },
    }),
  ]
  const read = (photos: boolean) => readEntries(people, [], { ...reading('activeDirectory'), photos }).entries
  const [one, two] = read(true)
  expect(one!.card).toEqual({
    title: 'Head of sales',
    department: 'Sales',
    office: 'Room 7',
    phones: [
      { kind: 'work', number: '+44 20 7946 0000' },
      { kind: 'mobile', number: '+44 7700 900123' },
    ],
    manager: two!.externalId,
    hidden: true,
    photo,
  })
  // Who is not in the list is not said, and neither is what is too large.
  expect(two!.card).toEqual({ title: null, department: null, office: null, phones: [], hidden: false })
  expect(read(false).map(({ card }) => 'photo' in card!)).toEqual([false, false])
})

test.each([
  ['4', { kind: 'shared', enabled: false, upn: null }],
  ['34359738368', { kind: 'shared', enabled: false, upn: null }],
  ['16', { kind: 'room', enabled: false }],
  ['32', { kind: 'room', enabled: false }],
  ['1', { enabled: true, upn: 'alice@corp.test' }],
  ['99', { enabled: true }],
  ['__proto__', { enabled: true }],
  ['536870912', null],
])('a mailbox of type %s', (type, expected) => {
  const { entries } = readEntries(
    [raw('CN=A,DC=x', { ...alice, msexchrecipienttypedetails: [type] })],
    [],
    reading('activeDirectory'),
  )
  expect(entries).toMatchObject(expected === null ? [] : [expected])
  expect(entries.map(({ kind }) => kind)).toEqual(expected === null ? [] : [(expected as { kind?: string }).kind])
})

test('groups of OpenLDAP by DN, by DN with a number, and by sign-in name; spaces in a DN are none', () => {
  const person = (uid: string, id: string) =>
    raw(`uid=${uid},ou=people,dc=x`, { entryuuid: [id], cn: [uid], mail: [`${uid}@x.test`], uid: [uid] })
  const groups = [
    raw('cn=names,dc=x', { member: ['uid=a, ou=people, dc=x'] }),
    raw('cn=unique,dc=x', { uniquemember: ["uid=b,ou=people,dc=x#'0101'B"] }),
    raw('cn=posix,dc=x', { memberuid: ['c', 'nobody'] }),
  ]
  const wanted = ['names', 'unique', 'posix'].map((name) => ({ dn: `CN=${name}, DC=x`, group: name }))
  const people = [person('a', '1'), person('b', '2'), person('c', '3'), person('d', '4')]
  const { entries } = readEntries(people, groups, reading('openldap', wanted))
  expect(entries.map(({ group }) => group)).toEqual(['names', 'unique', 'posix', null])
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

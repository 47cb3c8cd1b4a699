/** A whole list from a real OpenLDAP: paged, by ids that a rename does not change. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LIST_LIMITS, listEntries } from '../server/src/clients/ldap/list.ts'
import { ATTRIBUTES, readEntries } from '../server/src/core/directory/sources/ldap/read.ts'
import { selfSigned } from '../server/src/platform/certificate.ts'
import { systemClock } from '../server/src/platform/clock.ts'
import { missing } from './peers/needs.ts'
import { baseDn, renamed, searchDn, searchPassword, startSlapd, type Slapd } from './peers/slapd.ts'

const people = Array.from({ length: 200 }, (_, i) => `p${String(i).padStart(3, '0')}`)
let slapd: Slapd
describe.skipIf(missing('slapd'))('a list by LDAP', () => {
  beforeAll(async () => {
    slapd = await startSlapd(Object.fromEntries(people.map((name) => [name, `secret-of-${name}`])))
  }, 30_000)
  afterAll(() => slapd.remove())

  const names = ATTRIBUTES.openldap
  const found = (filter: string, tls: 'ldaps' | 'starttls', ca = slapd.ca) =>
    listEntries(
      systemClock,
      { host: '127.0.0.1', port: tls === 'ldaps' ? slapd.ldapsPort : slapd.starttlsPort, tls },
      { servers: [], ca, bindDn: searchDn, bindPassword: searchPassword, baseDn },
      {
        filter,
        attributes: Object.values<string>({ ...names }).filter((name) => name !== ''),
        isActiveDirectory: false,
        limits: { ...LIST_LIMITS, page: 50 },
      },
      AbortSignal.timeout(10_000),
    )
  async function list(tls: 'ldaps' | 'starttls') {
    const all = await found('(objectClass=inetOrgPerson)', tls)
    const groups = await found('(objectClass=groupOfNames)', tls)
    return readEntries(all, groups, {
      schema: 'openldap',
      names,
      groups: [{ dn: `cn=all,${baseDn}`, group: 'Everybody' }],
    })
  }

  test('200 people in pages; renamed, in nested groups, with another address: the same ids', async () => {
    const before = await list('ldaps')
    expect(before.problems).toEqual([])
    expect(before.entries.map(({ addresses }) => addresses[0]).sort()).toEqual(
      people.map((name) => `${name}@corp.test`),
    )
    slapd.change(renamed('p007'))
    const after = await list('starttls')
    const idOf = ({ entries }: typeof before) =>
      entries.find(({ addresses }) => addresses.includes('p007@corp.test'))!.externalId
    expect(idOf(after)).toBe(idOf(before))
    expect(after.entries.filter(({ group }) => group === 'Everybody')).toMatchObject([
      { upn: 'renamed', addresses: ['p007@corp.test', 'other@corp.test'] },
    ])
    expect(new Set(after.entries.map(({ externalId }) => externalId)).size).toBe(200)
  })

  test('a certificate of somebody else: none', async () => {
    await expect(found('(mail=*)', 'ldaps', selfSigned(['127.0.0.1'], Date.now()).cert)).rejects.toThrow()
  })
})

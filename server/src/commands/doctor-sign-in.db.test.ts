/** Doctor asks the directories that people sign in by. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../testkit/database.ts'
import { makeOrganisation } from '../../testkit/factories.ts'
import { ldapPlace } from '../core/directory/index.ts'
import { systemClock } from '../platform/clock.ts'
import { keysFrom } from '../platform/keys.ts'
import { signInFindings } from './doctor-sign-in.ts'

let fresh: FreshDatabase
const keys = keysFrom(Buffer.alloc(32, 3))
beforeAll(async () => {
  fresh = await freshDatabase()
})
afterAll(() => fresh.drop())

test('who has none is not asked; each server of one; a search account that cannot; another master key', async () => {
  const { organisationId } = await makeOrganisation(fresh.db, { domain: 'corp.test', slug: 'corp' })
  const look = (ofKeys = keys) =>
    signInFindings(
      fresh.db,
      systemClock,
      () => ofKeys,
      async (_clock, { host }, { bindPassword }) => {
        expect(bindPassword).toBe('search secret')
        if (host === 'two.test') throw new Error('the search account cannot sign in: no')
      },
    )
  expect(await look()).toEqual([])
  const ldap = {
    servers: [
      { host: 'one.test', port: 636, tls: 'ldaps' },
      { host: 'two.test', port: 389, tls: 'starttls' },
    ],
    bindDn: 'cn=x',
    baseDn: 'dc=x',
    filter: '(mail={name})',
    cacheDays: 30,
  }
  await fresh.db.query('UPDATE organisation SET sign_in = $1, ldap_sealed = $2', [
    JSON.stringify({ ldap }),
    keys.seal(ldapPlace(organisationId), Buffer.from('search secret')),
  ])
  expect(await look()).toMatchObject([
    { standing: 'ok', text: 'corp: one.test:636 answers, and the search account can search' },
    { standing: 'warning', text: 'corp: two.test:389: the search account cannot sign in: no' },
  ])
  expect(await look(keysFrom(Buffer.alloc(32, 4)))).toMatchObject([{ standing: 'wrong' }])
})

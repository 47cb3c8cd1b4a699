/** The directory that people sign in by, as a file declares it: sealed, idempotent, told by no plan, refused with its path. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../../testkit/database.ts'
import { selfSigned } from '../../../platform/certificate.ts'
import { systemClock } from '../../../platform/clock.ts'
import { keysFrom } from '../../../platform/keys.ts'
import { hasSealedSecrets } from '../../../store/installation.ts'
import { applyDeclaration, checkDeclaration, ldapPlace, type ApplyDeps } from '../index.ts'

let fresh: FreshDatabase
let deps: ApplyDeps
const keys = keysFrom(Buffer.alloc(32, 7))
const { cert } = selfSigned(['ldap.corp.test'], Date.now())
beforeAll(async () => {
  fresh = await freshDatabase()
  deps = {
    db: fresh.db,
    clock: systemClock,
    keys: () => keys,
    actor: 'cli:test',
    checkPassword: () => undefined,
    hashPassword: async (password) => password,
    verifyPassword: async () => true,
    oneTimePassword: () => '',
    secretOf: (entry) => entry.password ?? null,
    readFile: (_, path) => (path === 'ca.pem' ? cert : 'nothing of use'),
    placeWaiting: async () => undefined,
  }
})
afterAll(() => fresh.drop())

const ldap = {
  servers: [{ host: 'ldap.corp.test' }, { host: 'ldap2.corp.test', tls: 'starttls' }],
  bindDn: 'cn=search,dc=corp,dc=test',
  password: 'search secret',
  baseDn: 'dc=corp,dc=test',
}
const organisation = (more: object = {}) => ({ organisations: [{ slug: 'corp', name: 'Corp', ...more }] })
async function apply(value: object, dryRun = false) {
  const checked = checkDeclaration(value)
  if ('problems' in checked) throw new Error(checked.problems.map(({ path, text }) => `${path}: ${text}`).join('\n'))
  return applyDeclaration(deps, checked.declaration, { dryRun, prune: false })
}
const stored = async () => {
  const [row] = await fresh.db.query<{ id: string; signIn: unknown; sealed: Buffer | null }>(
    'SELECT organisation_id AS id, sign_in AS "signIn", ldap_sealed AS sealed FROM organisation',
  )
  return row!
}

test('declared, done again nothing changes, left out it stays, {} ends it', async () => {
  const plan = await apply(organisation({ signIn: { ldap: { ...ldap, caFile: 'ca.pem' } } }), true)
  expect(JSON.stringify(plan)).not.toContain('search secret')
  await apply(organisation({ signIn: { ldap: { ...ldap, caFile: 'ca.pem' } } }))
  const { id, signIn, sealed } = await stored()
  const { password, ...rest } = ldap
  const full = {
    ...rest,
    servers: [
      { host: 'ldap.corp.test', port: 636, tls: 'ldaps' },
      { host: 'ldap2.corp.test', port: 389, tls: 'starttls' },
    ],
    filter: '(|(mail={name})(userPrincipalName={name}))',
    cacheDays: 30,
    ca: cert,
  }
  expect(signIn).toEqual({ ldap: full })
  expect(keys.open(ldapPlace(id), sealed!).toString()).toBe(password)
  expect(await hasSealedSecrets(fresh.db)).toBe(true)

  expect((await apply(organisation({ signIn: { ldap: { ...ldap, caFile: 'ca.pem' } } }))).changed).toBe(false)
  expect((await apply(organisation())).changed).toBe(false)
  // The password may be left out once it is there.
  expect((await apply(organisation({ signIn: { ldap: { ...rest, caFile: 'ca.pem' } } }))).changed).toBe(false)
  const changed = await apply(organisation({ signIn: { ldap: { ...ldap, caFile: 'ca.pem', password: 'another' } } }))
  expect(changed.items[0]).toMatchObject({ act: 'change', detail: 'password of signIn.ldap' })
  const audits = await fresh.db.query<{ text: string }>("SELECT string_agg(detail::text, '') AS text FROM audit")
  expect(audits[0]!.text).not.toMatch(/search secret|another/)

  await fresh.db.query(
    `INSERT INTO credential (credential_id, organisation_id, subject_id, kind, verifier, proved_at)
     VALUES (gen_random_uuid(), $1, gen_random_uuid(), 2, 'x', now())`,
    [id],
  )
  await apply(organisation({ signIn: {} }))
  expect(await stored()).toMatchObject({ signIn: {}, sealed: null })
  // Nobody signs in by what it said once.
  expect(await fresh.db.query('SELECT FROM credential')).toEqual([])
})

test.each([
  [{ ldap: { ...ldap, password: undefined } }, /signIn\.ldap: needs the password of bindDn/],
  [{ ldap: { ...ldap, password: '' } }, /signIn\.ldap\.password: is empty/],
  [{ ldap: { ...ldap, caFile: 'other.pem' } }, /signIn\.ldap\.caFile: holds no certificate/],
  [{ ldap: { ...ldap, bindDn: 'EXTERNAL' } }, /signIn\.ldap\.bindDn: is neither a DN/],
  [{ ldap: { ...ldap, baseDn: '' } }, /signIn\.ldap\.baseDn: /],
  [{ ldap: { ...ldap, filter: '(mail=*)' } }, /signIn\.ldap\.filter: needs \{name\}/],
  [{ ldap: { ...ldap, filter: '(mail={name}' } }, /signIn\.ldap\.filter: is no search filter/],
  [{ ldap: { ...ldap, filter: '(mail={user})' } }, /signIn\.ldap\.filter: knows \{name\} and \{local\}, not \{user\}/],
  [{ ldap: { ...ldap, servers: [{ host: 'x', tls: 'none' }] } }, /servers/],
  [{ ldap: { ...ldap, cacheDay: 3 } }, /cacheDay: is not known here; did you mean "cacheDays"/],
])('%j is refused', async (signIn, words) => {
  await expect(apply(organisation({ signIn }))).rejects.toThrow(words)
})

test('of whom a second factor is asked: declared, kept where it is left out, and optional again', async () => {
  await apply(organisation({ signIn: { secondFactor: 'requiredForRoles' } }))
  expect((await stored()).signIn).toEqual({ secondFactor: 'requiredForRoles' })
  expect((await apply(organisation())).changed).toBe(false)
  await apply(organisation({ signIn: { secondFactor: 'required' } }))
  expect((await stored()).signIn).toEqual({ secondFactor: 'required' })
  await apply(organisation({ signIn: {} }))
  expect((await stored()).signIn).toEqual({})
  await expect(apply(organisation({ signIn: { secondFactor: 'sometimes' } }))).rejects.toThrow('signIn.secondFactor')
})

/** An LDAP source as a file declares it: sealed, idempotent, its schedule, and no password handed to whom it is not for. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../../testkit/database.ts'
import { systemClock } from '../../../platform/clock.ts'
import { keysFrom } from '../../../platform/keys.ts'
import { hasSealedSecrets } from '../../../store/installation.ts'
import { applyDeclaration, checkDeclaration, type ApplyDeps } from '../index.ts'
import { sourceDirectory } from '../sources/ldap/directory.ts'
import { sourceSettingsSchema } from '../sources/settings.ts'

let fresh: FreshDatabase
let deps: ApplyDeps
const keys = keysFrom(Buffer.alloc(32, 7))
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
    readFile: () => 'nothing of use',
    placeWaiting: async () => undefined,
  }
})
afterAll(() => fresh.drop())

const own = {
  servers: [{ host: 'dc1.corp.test' }],
  bindDn: 'list@corp.test',
  password: 'list secret',
  baseDn: 'ou=people,dc=corp,dc=test',
}
const source = (ldap: object, more: object = {}) => ({ name: 'staff', kind: 'ldap', every: '1h', ldap, ...more })
const file = (sources: object[], more: object = {}) => ({
  organisations: [{ slug: 'corp', name: 'Corp', directorySources: sources, ...more }],
})
async function apply(value: object, dryRun = false) {
  const checked = checkDeclaration(value)
  if ('problems' in checked) throw new Error(checked.problems.map(({ path, text }) => `${path}: ${text}`).join('\n'))
  return applyDeclaration(deps, checked.declaration, { dryRun, prune: false })
}
async function stored() {
  const [row] = await fresh.db.query<{ id: string; settings: unknown; sealed: Buffer | null; minutes: number | null }>(
    `SELECT source_id AS id, settings, secret_sealed AS sealed, round(extract(epoch FROM due_at - now()) / 60)::int AS minutes
     FROM directory_source WHERE name = 'staff'`,
  )
  const settings = sourceSettingsSchema.parse(row!.settings)
  const { id: sourceId, sealed: secret } = row!
  return { ...row!, settings, of: { sourceId, settings: settings.ldap!, secret } }
}
const sealedNow = async () => (await stored()).sealed?.toString('hex')

test('sealed and told by no plan; done again nothing changes; its password may be left out; the schedule ends with the word', async () => {
  const plan = await apply(file([source(own)]), true)
  expect(JSON.stringify(plan)).not.toContain('list secret')
  await apply(file([source(own)]))
  const before = await stored()
  expect(before).toMatchObject({ minutes: 0, settings: { everyMinutes: 60, alarmAfter: 3 } })
  expect(JSON.stringify(before.settings)).not.toContain('secret')
  expect(await hasSealedSecrets(fresh.db)).toBe(true)
  expect(sourceDirectory({ ...before.of, signIn: null }, keys)).toMatchObject({
    servers: [{ host: 'dc1.corp.test', port: 636, tls: 'ldaps' }],
    ...{ bindDn: own.bindDn, bindPassword: own.password, baseDn: own.baseDn },
  })
  expect((await apply(file([source(own)]))).changed).toBe(false)
  const { password: _, ...rest } = own
  expect((await apply(file([source(rest)]))).changed).toBe(false)
  expect(await sealedNow()).toBe(before.sealed!.toString('hex'))
  const changed = await apply(file([source({ ...own, password: 'another' })]))
  expect(changed.items.find(({ thing }) => thing === 'directory source')).toMatchObject({
    act: 'change',
    detail: 'password of its account',
  })
  const [audit] = await fresh.db.query<{ text: string }>("SELECT string_agg(detail::text, '') AS text FROM audit")
  expect(audit!.text).not.toMatch(/list secret|another/)
  await apply(file([{ ...source(own), every: undefined }]))
  expect((await stored()).minutes).toBeNull()
})

test('an account is nothing for other servers or another name: its password is asked for again', async () => {
  const { password: _, ...rest } = own
  await apply(file([source(own)]))
  for (const other of [{ servers: [{ host: 'evil.test' }] }, { bindDn: 'other@corp.test' }])
    await expect(apply(file([source({ ...rest, ...other })]))).rejects.toThrow(/needs the password of bindDn/)
  // Taken back to signIn.ldap it is forgotten.
  const signIn = { ldap: { servers: [{ host: 'ldap.test' }], bindDn: 'cn=s', password: 'of sign-in', baseDn: 'dc=s' } }
  await apply(file([source({})], { signIn }))
  const after = await stored()
  expect(after.sealed).toBeNull()
  const { password: bindPassword, ...there } = signIn.ldap
  const directory = { ...there, servers: [{ host: 'ldap.test', port: 636, tls: 'ldaps' as const }], filter: '' }
  expect(sourceDirectory({ ...after.of, signIn: { ...directory, bindPassword } }, keys)).toMatchObject({
    ...{ bindDn: 'cn=s', bindPassword: 'of sign-in', baseDn: 'dc=s' },
  })
  expect(() => sourceDirectory({ ...after.of, signIn: null }, keys)).toThrow(/neither the source nor signIn\.ldap/)
})

test.each([
  [source(own, { kind: 'csv' }), /ldap: is for kind: ldap/],
  [{ name: 'other', kind: 'csv', every: '1h' }, /every: needs ldap/],
  [source(own, { every: '14m' }), /every: is not from 15m to 1d/],
  [source(own, { every: '25h' }), /every: is not from 15m to 1d/],
  [source(own, { every: 'often' }), /every: is not from 15m to 1d/],
  [source({ servers: own.servers }), /has servers of its own: they need bindDn/],
  [source({ password: 'x' }), /has a password: it needs the bindDn/],
  [source({ ...own, filter: '(mail=*' }), /filter: is no search filter/],
  [source({ ...own, attributes: { upn: 'a=b' } }), /attributes\.upn: is no name of an attribute/],
  [source({ ...own, attributes: { login: 'uid' } }), /attributes/],
  [source({ ...own, caFile: 'none.pem' }), /ldap\.caFile: holds no certificate/],
  [source({ ...own, password: '' }), /has an empty password/],
  [{ ...source({}), name: 'nowhere' }, /needs servers, bindDn and its password, or a signIn\.ldap/],
])('%j is refused', async (one, words) => {
  await expect(apply(file([one], { slug: 'second', name: 'Second' }))).rejects.toThrow(words)
})

test('a source of files stays one', async () => {
  await apply(file([{ name: 'papers' }]))
  await expect(apply(file([{ ...source(own), name: 'papers' }]))).rejects.toThrow(/kind: is another already/)
})

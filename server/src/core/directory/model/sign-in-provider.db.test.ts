/** The identity provider as a file declares it: its secret sealed and told by no plan, idempotent, refused with its path. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../../testkit/database.ts'
import { systemClock } from '../../../platform/clock.ts'
import { keysFrom } from '../../../platform/keys.ts'
import { hasSealedSecrets } from '../../../store/installation.ts'
import { applyDeclaration, checkDeclaration, providerPlace, type ApplyDeps } from '../index.ts'

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

const provider = { name: 'Corp ID', issuer: 'https://id.corp.test/realms/corp', clientId: 'holdfast' }
const secret = { ...provider, password: 'client secret' }
async function apply(signIn: object | undefined, dryRun = false) {
  const organisation = { slug: 'corp', name: 'Corp', ...(signIn && { signIn }) }
  const checked = checkDeclaration({ organisations: [organisation] })
  if ('problems' in checked) throw new Error(checked.problems.map(({ path, text }) => `${path}: ${text}`).join('\n'))
  return applyDeclaration(deps, checked.declaration, { dryRun, prune: false })
}
const stored = async () => {
  const [row] = await fresh.db.query<{ id: string; signIn: unknown; sealed: Buffer | null }>(
    'SELECT organisation_id AS id, sign_in AS "signIn", provider_sealed AS sealed FROM organisation',
  )
  return row!
}

test.each([
  [{ provider }, /signIn\.provider: needs the client secret/],
  [{ provider: { ...provider, password: '' } }, /signIn\.provider\.password: is empty/],
  [{ provider: { ...secret, publicClient: true } }, /signIn\.provider\.publicClient: a public client has no secret/],
  [{ provider: { ...secret, caFile: 'x.pem' } }, /signIn\.provider\.caFile: holds no certificate/],
  [{ provider: { ...secret, issuer: 'http://id.corp.test' } }, /signIn\.provider\.issuer: must begin with https/],
  [
    { provider: { ...secret, issuer: 'https://login.microsoftonline.com/common/v2.0' } },
    /signIn\.provider\.issuer: must name your own tenant/,
  ],
  [{ provider: { ...secret, issuer: 'https://accounts.google.com' } }, /signIn\.provider\.require: needs hd/],
  [{ provider: { ...secret, claim: 'sub' } }, /signIn\.provider\.claim/],
])('%j is refused', async (signIn, words) => {
  await expect(apply(signIn)).rejects.toThrow(words)
})

test('declared, done again nothing changes, left out it stays, another issuer needs its own secret, {} ends it', async () => {
  expect(JSON.stringify(await apply({ provider: secret }, true))).not.toContain('client secret')
  await apply({ provider: secret })
  const { id, signIn, sealed } = await stored()
  const defaults = { scopes: ['openid', 'email', 'profile'], claim: 'email', require: {}, insecureLoopback: false }
  expect(signIn).toEqual({ provider: { ...provider, ...defaults } })
  expect(keys.open(providerPlace(id), sealed!).toString()).toBe('client secret')
  expect(await hasSealedSecrets(fresh.db)).toBe(true)
  for (const again of [{ provider: secret }, { provider }, undefined]) expect((await apply(again)).changed).toBe(false)

  const changed = await apply({ provider: { ...secret, password: 'another' } })
  expect(changed.items[0]).toMatchObject({ act: 'change', detail: 'client secret of signIn.provider' })
  const [audits] = await fresh.db.query<{ text: string }>("SELECT string_agg(detail::text, '') AS text FROM audit")
  expect(audits!.text).not.toMatch(/client secret"|another/)

  await expect(apply({ provider: { ...provider, issuer: 'https://evil.test' } })).rejects.toThrow(
    /needs the client secret/,
  )
  await fresh.db.query("INSERT INTO person (organisation_id, person_id, name) VALUES ($1, $1, 'Alice')", [id])
  await fresh.db.query(
    "INSERT INTO provider_tie (organisation_id, provider, subject, person_id) VALUES ($1, $2, 's', $1)",
    [id, `${provider.issuer} ${provider.clientId}`],
  )
  await apply({ provider: { ...provider, name: 'Renamed' } })
  expect(await fresh.db.query('SELECT FROM provider_tie')).toHaveLength(1)
  await apply({ provider: { ...provider, clientId: 'public', publicClient: true } })
  expect((await stored()).sealed).toBeNull()
  expect(await fresh.db.query('SELECT FROM provider_tie')).toEqual([])
  await apply({})
  expect(await stored()).toMatchObject({ signIn: {}, sealed: null })
})

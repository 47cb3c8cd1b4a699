/** Doctor asks identity providers: what is wrong with one is said before somebody stands in front of it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../testkit/database.ts'
import { makeOrganisation } from '../../testkit/factories.ts'
import { startIdentityProvider, type IdentityProvider } from '../../testkit/identity-provider.ts'
import { providerPlace } from '../core/directory/index.ts'
import { systemClock } from '../platform/clock.ts'
import { keysFrom } from '../platform/keys.ts'
import { providerFindings } from './doctor-provider.ts'

const publicUrl = 'https://mail.corp.test'
const keys = keysFrom(Buffer.alloc(32, 7))
let fresh: FreshDatabase
let idp: IdentityProvider

beforeAll(async () => {
  ;[fresh, idp] = await Promise.all([freshDatabase(), startIdentityProvider()])
})
afterAll(async () => {
  await idp.stop()
  await fresh.drop()
})

test('who has none is not asked', async () => {
  expect(await providerFindings(fresh.db, { clock: systemClock, keys: () => keys, publicUrl: '' })).toEqual([])
  const { organisationId } = await makeOrganisation(fresh.db, { domain: 'corp.test', slug: 'corp' })
  const provider = {
    ...{ name: 'Corp ID', issuer: idp.issuer, clientId: 'holdfast', scopes: ['openid'], claim: 'email' },
    ...{ require: {}, insecureLoopback: true },
  }
  await fresh.db.query('UPDATE organisation SET sign_in = $1, provider_sealed = $2', [
    JSON.stringify({ provider }),
    keys.seal(providerPlace(organisationId), Buffer.from('client secret')),
  ])
  const others = keysFrom(Buffer.alloc(32, 8))
  expect(await providerFindings(fresh.db, { clock: systemClock, keys: () => others, publicUrl })).toMatchObject([
    { standing: 'wrong' },
  ])
})

test('doctor: well, another issuer, no keys, a clock that is wrong, no public address', async () => {
  const look = async (url = publicUrl, at: { now(): number } = systemClock) => {
    const of = { clock: { ...systemClock, ...at }, keys: () => keys, publicUrl: url }
    return (await providerFindings(fresh.db, of)).map(({ standing, text }) => `${standing}: ${text}`).join('\n')
  }
  expect(await look()).toMatch(/^ok: .* answers, with its keys$/)
  expect(await look('')).toMatch(/wrong: publicUrl is empty/)
  expect(await look(publicUrl, { now: () => Date.now() + 90_000 })).toMatch(/warning: .* (89|9\d) s apart/)
  idp.says = { issuer: 'https://evil.test' }
  expect(await look()).toMatch(/warning: .*speaks for the issuer "https:\/\/evil.test"/)
  idp.says = { code_challenge_methods_supported: ['plain'] }
  expect(await look()).toMatch(/PKCE/)
  idp.says = {}
  idp.faults.set('jwks', 'nonsense')
  expect(await look()).toMatch(/no keys/)
})

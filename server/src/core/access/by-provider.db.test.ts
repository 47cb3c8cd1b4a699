/**
 * Signing in by an identity provider: one that behaves (oidc-provider, certified), and a stand-in that does not, each over real HTTP
 * on loopback. Whatever it says or leaves out, nobody comes in who should not, and what went wrong is said apart.
 */
import { generateKeyPairSync } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { fakeClock, type FakeClock } from '../../../testkit/fake-clock.ts'
import {
  startIdentityProvider,
  type Fault,
  type Grant,
  type IdentityProvider,
} from '../../../testkit/identity-provider.ts'
import { startOidcProvider } from '../../../testkit/oidc-provider.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { WireError } from '../../platform/errors.ts'
import { keysFrom } from '../../platform/keys.ts'
import { silentLog } from '../../platform/log.ts'
import { closedByDirectory } from '../../store/cached-passwords.ts'
import { deleteOldAttempts, forgetOtherTies } from '../../store/provider-sign-in.ts'
import { providerPlace } from '../directory/index.ts'
import { createAccess, onlyByProvider, untieProvider, type Access } from './index.ts'

const publicUrl = 'https://mail.corp.test/'
const keys = keysFrom(Buffer.alloc(32, 7))
const visitor = { clientIp: '192.0.2.1', userAgent: 'test' }
let fresh: FreshDatabase
let org: MadeOrganisation
let idp: IdentityProvider
let clock: FakeClock
let access: Access

const verified = (email: string, more: object = {}) => ({ claims: { email, email_verified: true, ...more } })
const alice: Partial<Grant> = verified('alice@corp.test')

async function declare(more: object = {}, secret: string | null = 'client secret'): Promise<void> {
  const provider = {
    ...{ name: 'Corp ID', issuer: idp.issuer, clientId: 'holdfast', scopes: ['openid', 'email'] },
    ...{ claim: 'email', require: {}, insecureLoopback: true, ...more },
  }
  await fresh.db.query('UPDATE organisation SET sign_in = $2, provider_sealed = $3 WHERE organisation_id = $1', [
    org.organisationId,
    JSON.stringify({ provider }),
    secret === null ? null : keys.seal(providerPlace(org.organisationId), Buffer.from(secret)),
  ])
}
const begin = (name = 'alice@corp.test') => access.byProvider.begin(name, publicUrl)
const finish = (query: string, browser: string | undefined, presented?: string) =>
  access.byProvider.finish({ query, browser, publicUrl, visitor, presented })
const signIn = async (grant: Partial<Grant> = alice): Promise<string> => {
  const { url, browser } = await begin()
  return finish(idp.authorize(url, grant), browser)
}
const codeOf = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (error === null) return 'in'
  if (!(error instanceof WireError)) throw error
  return error.code
}
const idOf = (name: string) => org.people[name]!.personId

beforeAll(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: ['alice', 'bob', 'carol'], domain: 'corp.test' })
  await makeOrganisation(fresh.db, { people: ['zoe'], domain: 'other.test' })
})
afterAll(() => fresh.drop())
beforeEach(async () => {
  await fresh.db.query('DELETE FROM provider_tie')
  idp = await startIdentityProvider()
  clock = fakeClock(Date.now())
  access = createAccess({ db: fresh.db, clock, log: silentLog, keys: () => keys })
  await declare()
})
afterEach(async () => {
  await forgetOtherTies(fresh.db, org.organisationId)
  await expectSound(fresh.db, null)
  await access.stop()
  await idp.stop()
})

describe('who comes back', () => {
  test('is signed in: a new session, marked; the secret and the verifier went to the token endpoint alone', async () => {
    const { url, browser } = await begin()
    const asked = new URL(url)
    expect(asked.origin).toBe(idp.issuer)
    expect(Object.fromEntries(asked.searchParams)).toMatchObject({
      ...{ response_type: 'code', client_id: 'holdfast', scope: 'openid email', code_challenge_method: 'S256' },
      ...{ redirect_uri: 'https://mail.corp.test/sign-in/provider', login_hint: 'alice@corp.test' },
    })
    const token = await finish(idp.authorize(url, alice), browser)
    expect(await access.session(token)).toMatchObject({ subjectId: idOf('alice'), byProvider: true, role: 'person' })
    expect(idp.authorization).toBe(`Basic ${Buffer.from('holdfast:client+secret').toString('base64')}`)
    expect(url).not.toContain(idp.form.get('code_verifier'))
    const [row] = await fresh.db.query<{ detail: object }>("SELECT detail FROM audit WHERE action = 'signed-in'")
    expect(row!.detail).toMatchObject({ by: 'identity provider', tied: true })
  })

  test('a public client has no secret; a provider that wants it in the body gets it there', async () => {
    await declare({}, null)
    expect(await codeOf(signIn())).toBe('in')
    expect([idp.authorization, idp.form.get('client_id')]).toEqual([undefined, 'holdfast'])
    await declare({ name: 'New' })
    idp.says = { token_endpoint_auth_methods_supported: ['client_secret_post'] }
    expect(await codeOf(signIn())).toBe('in')
    expect([idp.authorization, idp.form.get('client_secret')]).toEqual([undefined, 'client secret'])
  })

  test('the second time their id there counts, whatever the address says; another id of the same address does not', async () => {
    await signIn()
    const again = await signIn({ claims: { email: 'bob@corp.test', email_verified: true } })
    expect((await access.session(again))!.subjectId).toBe(idOf('alice'))
    expect(await codeOf(signIn(verified('alice@corp.test', { sub: 'another' })))).toBe('provider-stranger')
    expect(
      await untieProvider(fresh.db, { organisationId: org.organisationId, personId: idOf('alice'), actor: 'cli:x' }),
    ).toBe(true)
    expect(await access.session(again)).toBeNull()
    expect(await codeOf(signIn(verified('alice@corp.test', { sub: 'another' })))).toBe('in')
  })

  test.each<[string, object, Record<string, unknown>, string]>([
    ['an address nobody verified', {}, { email: 'alice@corp.test' }, 'provider-stranger'],
    ['verified as a text', {}, { email: 'alice@corp.test', email_verified: 'true' }, 'provider-stranger'],
    [
      'an address of another organisation here',
      {},
      { email: 'zoe@other.test', email_verified: true },
      'provider-stranger',
    ],
    ['an address nobody has', {}, { email: 'dora@corp.test', email_verified: true }, 'provider-stranger'],
    [
      'an operator’s kind of name',
      { claim: 'preferred_username' },
      { preferred_username: 'boss' },
      'provider-stranger',
    ],
    [
      'a required claim that is another',
      { require: { hd: 'corp.test' } },
      { email: 'alice@corp.test', email_verified: true, hd: 'x' },
      'provider-stranger',
    ],
    [
      'a required claim that is missing',
      { require: { hd: 'corp.test' } },
      { email: 'alice@corp.test', email_verified: true },
      'provider-stranger',
    ],
    [
      'the required claim',
      { require: { hd: 'corp.test' } },
      { email: 'alice@corp.test', email_verified: true, hd: 'corp.test' },
      'in',
    ],
    [
      'a user name, where that is declared',
      { claim: 'preferred_username' },
      { preferred_username: 'Alice@CORP.test' },
      'in',
    ],
  ])('%s', async (_, settings, claims, expected) => {
    await declare(settings)
    expect(await codeOf(signIn({ claims }))).toBe(expected)
  })

  test('where the ID token has no address, userinfo is asked, and must be of the same person', async () => {
    idp.userinfo = { sub: 'alice-at-home', email: 'alice@corp.test', email_verified: true }
    expect(await codeOf(signIn({ claims: {} }))).toBe('in')
    idp.userinfo = { sub: 'another', email: 'bob@corp.test', email_verified: true }
    expect(await codeOf(signIn({ claims: { sub: 'bobs' } }))).toBe('provider-refused')
  })

  test('who is disabled here is out, tied or not; a word of the directory ends the session', async () => {
    const token = await signIn()
    await closedByDirectory(fresh.db, idOf('alice'))
    expect(await access.session(token)).toBeNull()
    const second = await signIn()
    await fresh.db.query('UPDATE person SET disabled_at = now() WHERE person_id = $1', [idOf('alice')])
    try {
      expect(await access.session(second)).toBeNull()
      expect(await codeOf(signIn())).toBe('provider-stranger')
      await fresh.db.query('DELETE FROM provider_tie')
      expect(await codeOf(signIn())).toBe('provider-stranger')
    } finally {
      await fresh.db.query('UPDATE person SET disabled_at = NULL')
    }
  })

  test('another client of the provider is another provider: ties and sessions of the one before end', async () => {
    const token = await signIn()
    await declare({ name: 'Renamed' })
    await forgetOtherTies(fresh.db, org.organisationId)
    expect(await access.session(token)).not.toBeNull()
    await declare({ clientId: 'other' })
    await forgetOtherTies(fresh.db, org.organisationId)
    expect(await access.session(token)).toBeNull()
    expect(await fresh.db.query('SELECT FROM provider_tie')).toEqual([])
  })
})

describe('a sign-in under way', () => {
  test('is good once, in the browser that began it, for ten minutes, for the provider it left for', async () => {
    const one = await begin()
    const query = idp.authorize(one.url, alice)
    const other = await begin()
    // Login CSRF: somebody else's answer in this browser, or in one that began nothing.
    expect(await codeOf(finish(query, other.browser))).toBe('provider-ended')
    expect(await codeOf(finish(query, undefined))).toBe('provider-ended')
    expect(await codeOf(finish(query, 'x'))).toBe('provider-ended')
    expect(await codeOf(finish(query, one.browser))).toBe('in')
    expect(await codeOf(finish(query, one.browser))).toBe('provider-ended')

    const late = await begin()
    await fresh.db.query("UPDATE provider_attempt SET expires_at = now() - interval '1 second'")
    expect(await codeOf(finish(idp.authorize(late.url, alice), late.browser))).toBe('provider-ended')
    await deleteOldAttempts(fresh.db)
    expect(await fresh.db.query('SELECT FROM provider_attempt')).toEqual([])

    const changed = await begin()
    const back = idp.authorize(changed.url, alice)
    await declare({ clientId: 'other' })
    expect(await codeOf(finish(back, changed.browser))).toBe('provider-ended')
  })

  test('a session that was there before ends (fixation)', async () => {
    const before = await signIn()
    const { url, browser } = await begin()
    const after = await finish(idp.authorize(url, alice), browser, before)
    expect(after).not.toBe(before)
    expect(await access.session(before)).toBeNull()
    expect(await access.session(after)).not.toBeNull()
  })

  test.each([
    ['no state', (query: string) => query.replace(/&?state=[^&]*/, '')],
    ['another state', (query: string) => query.replace(/state=[^&]*/, `state=${'A'.repeat(43)}`)],
    ['two states', (query: string) => `${query}&state=${'A'.repeat(43)}`],
    ['nothing', () => ''],
    ['far too much', (query: string) => `${query}&x=${'x'.repeat(9_000)}`],
  ])('%s: nothing', async (_, change) => {
    const { url, browser } = await begin()
    expect(await codeOf(finish(change(idp.authorize(url, alice)), browser))).toBe('provider-ended')
    expect(idp.asked).not.toContain('token')
  })

  test('a code of another sign-in (PKCE), a code used before, an error instead of one', async () => {
    const [one, two] = [await begin(), await begin()]
    const stolen = new URLSearchParams(idp.authorize(one.url, alice)).get('code')!
    const own = new URLSearchParams(idp.authorize(two.url, alice))
    own.set('code', stolen)
    expect(await codeOf(finish(own.toString(), two.browser))).toBe('provider-refused')
    const three = await begin()
    const used = new URLSearchParams(idp.authorize(three.url, alice))
    used.set('code', stolen)
    expect(await codeOf(finish(used.toString(), three.browser))).toBe('provider-refused')
    for (const [error, code] of [
      ['access_denied', 'provider-refused'],
      ['temporarily_unavailable', 'provider-away'],
    ] as const) {
      const { url, browser } = await begin()
      const state = new URL(url).searchParams.get('state')!
      expect(await codeOf(finish(new URLSearchParams({ error, state }).toString(), browser))).toBe(code)
      await clock.advance(5_000)
    }
  })

  const other = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey
  test.each<[string, Partial<Grant>]>([
    ['another nonce', verified('alice@corp.test', { nonce: 'x' })],
    ['no nonce', verified('alice@corp.test', { nonce: undefined })],
    ['over', verified('alice@corp.test', { exp: Math.floor(Date.now() / 1000) - 120 })],
    ['for another audience', verified('alice@corp.test', { aud: 'another' })],
    ['for several, and of another client', verified('alice@corp.test', { aud: ['holdfast', 'x'], azp: 'x' })],
    ['of another issuer', verified('alice@corp.test', { iss: 'https://evil.test' })],
    ['signed by nothing (alg none)', { ...alice, key: null }],
    ['an algorithm that is not offered', { ...alice, header: { alg: 'HS256' } }],
    ['signed by another key under the same name', { ...alice, key: other }],
    ['signed by a key nobody knows', { ...alice, key: other, header: { kid: 'x' } }],
    ['not there', { ...alice, none: true }],
    ['without sub', verified('alice@corp.test', { sub: undefined })],
    ['with an empty sub', verified('alice@corp.test', { sub: '' })],
  ])('an ID token %s: nobody is signed in', async (_, grant) => {
    expect(await codeOf(signIn(grant))).toMatch(/^provider-(refused|stranger)$/)
    expect(await fresh.db.query('SELECT FROM provider_tie')).toEqual([])
  })

  test('its keys are asked for once, not for each who comes', async () => {
    for (const sub of ['one', 'two', 'three']) {
      await signIn({ claims: { ...alice.claims, sub } }).catch(() => undefined)
      await clock.advance(2_000)
    }
    expect(idp.asked.filter((place) => place === 'jwks')).toHaveLength(1)
    expect(idp.asked.filter((place) => place === 'discovery')).toHaveLength(3)
  })

  test('keys that were changed are taken up, at the latest after an hour', async () => {
    await signIn()
    idp.rotate()
    expect(await codeOf(signIn())).toBe('provider-refused')
    await clock.advance(3_600_000)
    expect(await codeOf(signIn())).toBe('in')
  })
})

describe('a provider that is down', () => {
  const faults: Fault[] = ['closed', '500', 'huge', 'redirect', 'nonsense']
  test.each(faults)(
    'discovery (%s): said at once, and nobody is sent there; tried again after a rest',
    async (fault) => {
      idp.faults.set('discovery', fault)
      expect(await access.byProvider.offered('corp.test')).toEqual({ name: 'Corp ID', standing: 'away' })
      const asked = idp.asked.length
      expect(await access.byProvider.offered('corp.test')).toMatchObject({ standing: 'away' })
      expect(await codeOf(begin())).toBe('provider-away')
      expect(idp.asked.length).toBe(asked)
      idp.faults.clear()
      await clock.advance(5_000)
      expect(await access.byProvider.offered('corp.test')).toMatchObject({ standing: 'answers' })
      expect(await codeOf(signIn())).toBe('in')
    },
  )

  test.each(faults.flatMap((fault) => (['token', 'jwks'] as const).map((place) => [place, fault] as const)))(
    '%s (%s): said so, nobody is in, and the page knows',
    async (place, fault) => {
      idp.faults.set(place, fault)
      expect(await codeOf(signIn())).toBe('provider-away')
      expect(await access.byProvider.offered('corp.test')).toMatchObject({ standing: 'away' })
    },
  )

  test('userinfo', async () => {
    idp.faults.set('userinfo', '500')
    expect(await codeOf(signIn({ claims: {} }))).toBe('provider-away')
  })

  test('slow: the page waits for seconds, a step no longer than its time', async () => {
    idp.faults.set('discovery', 'slow')
    const offered = access.byProvider.offered('corp.test')
    const settled = { done: false }
    void offered.then(() => (settled.done = true))
    while (!idp.asked.includes('discovery')) await new Promise((resolve) => setTimeout(resolve, 5))
    await clock.advance(2_900)
    expect(settled.done).toBe(false)
    await clock.advance(200)
    expect(await offered).toMatchObject({ standing: 'away' })
    idp.faults.clear()
    await clock.advance(60_000)
  })

  test('a token endpoint that never answers', async () => {
    const { url, browser } = await begin()
    idp.faults.set('token', 'slow')
    const back = codeOf(finish(idp.authorize(url, alice), browser))
    while (!idp.asked.includes('token')) await new Promise((resolve) => setTimeout(resolve, 5))
    await clock.advance(10_000)
    expect(await back).toBe('provider-away')
  })

  test('nobody there at all', async () => {
    await idp.stop()
    expect(await access.byProvider.offered('corp.test')).toMatchObject({ standing: 'away' })
    await idp.start()
  })

  test.each([
    ['another issuer', { issuer: 'https://evil.test' }],
    ['a template of all tenants', { issuer: 'https://login.microsoftonline.com/{tenantid}/v2.0' }],
    ['keys without TLS elsewhere', { jwks_uri: 'http://192.0.2.1/jwks' }],
    ['a token endpoint of the link', { token_endpoint: 'https://169.254.169.254/token' }],
    ['no token endpoint', { token_endpoint: undefined }],
  ])('a discovery document that says %s is none', async (_, says) => {
    idp.says = says
    expect(await codeOf(begin())).toBe('provider-away')
  })

  test('loopback is not asked unless the settings say so', async () => {
    await declare({ issuer: 'https://127.0.0.1:1', insecureLoopback: false })
    expect(await codeOf(begin())).toBe('provider-away')
    await declare({ issuer: 'https://localhost:1', insecureLoopback: false })
    expect(await codeOf(begin())).toBe('provider-away')
    expect(idp.asked).toEqual([])
  })
})

test('what is offered depends on the domain alone', async () => {
  for (const name of ['alice', 'nobody', '']) expect((await begin(`${name}@corp.test`)).url).toContain(idp.issuer)
  expect(await access.byProvider.offered('CORP.test')).toMatchObject({ standing: 'answers' })
  for (const domain of ['other.test', 'nowhere.test', '', 'corp.test.', '..', "x' OR 1=1"])
    expect([domain, await access.byProvider.offered(domain)]).toEqual([
      domain,
      domain === 'corp.test.' ? expect.anything() : null,
    ])
  expect(await codeOf(begin('zoe@other.test'))).toBe('not-found')
  expect(await codeOf(begin('boss'))).toBe('not-found')
})

test('who has no other way in', async () => {
  await access.setPassword(
    fresh.db,
    { subjectId: idOf('bob'), organisationId: org.organisationId },
    'three grey owls',
    {
      ...{ mustChange: false, actor: 'cli:test' },
    },
  )
  expect(await onlyByProvider(fresh.db, org.organisationId)).toEqual(['alice@corp.test', 'carol@corp.test'])
})

test('a certified provider, with its own pages: to it, through it, and back', async () => {
  const redirectUri = `${publicUrl}sign-in/provider`
  const real = await startOidcProvider({ clientId: 'holdfast', clientSecret: 'a secret & more', redirectUri })
  try {
    await declare({ issuer: real.issuer, name: 'Real' }, 'a secret & more')
    const { url, browser } = await begin()
    const cookies = new Map<string, string>()
    const visit = async (at: string, form?: Record<string, string>): Promise<Response> => {
      const answer = await fetch(at, {
        redirect: 'manual',
        headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
        ...(form && { method: 'POST', body: new URLSearchParams(form) }),
      })
      for (const one of answer.headers.getSetCookie()) {
        const [name, ...value] = one.split(';')[0]!.split('=')
        cookies.set(name!, value.join('='))
      }
      return answer
    }
    let at = url
    for (let steps = 0; steps < 10 && !at.startsWith(redirectUri); steps++) {
      const answer = await visit(at)
      const place = answer.headers.get('location')
      const prompt = place === null ? /name="prompt" value="(\w+)"/.exec(await answer.text())![1]! : ''
      const given = prompt === 'login' ? { prompt, login: 'bob@corp.test', password: 'any' } : { prompt }
      at = new URL(place ?? (await visit(at, given)).headers.get('location')!, real.issuer).href
    }
    const token = await finish(new URL(at).search.slice(1), browser)
    expect(await access.session(token)).toMatchObject({ subjectId: idOf('bob'), byProvider: true })
  } finally {
    await real.stop()
  }
})

/**
 * Passkeys over HTTP, with an authenticator whose signatures are genuine: added, signed in by, used as the second step, removed; and
 * everything that somebody who means harm would bring. The mail system, the directory and the identity provider of these people are
 * not there at all.
 */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { noContacts, noFourEyes } from '../../../testkit/no-contacts.ts'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { createSoftwareAuthenticator, type Bent } from '../../../testkit/software-authenticator.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { createAccess, hashOfCode, newCode, resetPassword, type Access } from '../../core/access/index.ts'
import { systemClock, type Clock } from '../../platform/clock.ts'
import { IdentityCheck } from '../../platform/codes.ts'
import { newId } from '../../platform/ids.ts'
import { keysFrom } from '../../platform/keys.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { createHttp, type HttpServer } from '../http/index.ts'
import { adminRoutes } from './index.ts'

const publicUrl = 'https://mail.corp.test'
const PASSWORD = 'three grey owls at dawn'
const quick: Clock = {
  ...systemClock,
  sleep: async () => undefined,
  after: (_, run, options) => systemClock.after(0, run, options),
}
let fresh: FreshDatabase
let http: HttpServer
let access: Access
let corp: MadeOrganisation
let other: MadeOrganisation
let visitors = 0
let told: string[] = []
const keys = keysFrom(randomBytes(32))

/** A browser: it keeps its cookies, and says where requests come from. */
function browser() {
  const jar = new Map<string, string>()
  const remoteAddress = `192.0.2.${(visitors++ % 250) + 1}`
  let csrf = ''
  const ask = async (method: 'GET' | 'POST', path: string, payload?: object) => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { cookie, 'x-holdfast-csrf': csrf, 'sec-fetch-site': 'same-origin' }
    const answer = await http.app.inject({
      ...{ method, url: `/api/v1${path}`, headers, remoteAddress },
      ...(method === 'POST' ? { payload: payload ?? {} } : {}),
    })
    for (const { name, value } of answer.cookies) if (value === '') jar.delete(name)
    for (const { name, value } of answer.cookies) if (value !== '') jar.set(name, value)
    const json = answer.statusCode === 204 ? null : answer.json()
    if (typeof json?.csrf === 'string') csrf = json.csrf
    return { status: answer.statusCode, json, code: json?.error?.code as string | undefined }
  }
  return { jar, ask }
}
type Browser = ReturnType<typeof browser>

async function signedIn(address: string, password = PASSWORD): Promise<Browser> {
  const own = browser()
  expect(await own.ask('POST', '/session', { name: address, password })).toMatchObject({ status: 200 })
  return own
}
const device = (options?: { counts: boolean }) => createSoftwareAuthenticator(publicUrl, options)
type Device = ReturnType<typeof device>
type Making = Parameters<Device['create']>[0]
type Using = Parameters<Device['get']>[0]
async function add(own: Browser, on: Device, name = 'Telephone', bent: Bent = {}) {
  const options = await own.ask('POST', '/me/passkeys/begin', { current: PASSWORD })
  expect(options.status).toBe(200)
  return own.ask('POST', '/me/passkeys', { name, ...on.create(options.json as Making, bent) })
}
async function enter(on: Device, bent: Bent = {}, own = browser()) {
  const options = await own.ask('POST', '/session/passkey/begin')
  expect(options).toMatchObject({ status: 200, json: { allowCredentials: [], userVerification: 'required' } })
  const brought = on.get(options.json as Using, bent)
  return { ...(await own.ask('POST', '/session/passkey/finish', brought)), brought, own }
}
async function half(address: string, password = PASSWORD) {
  const own = browser()
  const answer = await own.ask('POST', '/session', { name: address, password })
  expect(answer.code).toBe('second-factor-needed')
  return { own, ways: answer.json.error.detail as string }
}
async function second(own: Browser, on: Device, bent: Bent = {}) {
  const options = await own.ask('POST', '/session/second/passkey/begin')
  if (options.status !== 200) return options
  return own.ask('POST', '/session/second/passkey/finish', on.get(options.json as Using, bent))
}
const audited = (action: string) =>
  fresh.db.query<{ actor: string; detail: Record<string, unknown> }>(
    'SELECT actor, detail FROM audit WHERE action = $1 ORDER BY seq',
    [action],
  )
const wish = (secondFactor: string | null) =>
  fresh.db.query('UPDATE organisation SET sign_in = $2 WHERE organisation_id = $1', [
    corp.organisationId,
    secondFactor === null ? {} : { secondFactor },
  ])
const alice = () => ({ subjectId: corp.people['alice']!.personId, organisationId: corp.organisationId })

beforeAll(async () => {
  fresh = await freshDatabase()
  const { db } = fresh
  corp = await makeOrganisation(db, { people: ['alice', 'bob'], domain: 'corp.test' })
  other = await makeOrganisation(db, { people: ['mallory'], domain: 'other.test' })
  access = createAccess({ db, clock: quick, log: silentLog, keys: () => keys, publicUrl })
  http = await createHttp({
    ...{ listen: { host: '127.0.0.1', port: 0 }, publicUrl, clock: systemClock, log: silentLog },
    ...{ metrics: createMetrics(), access, webRoot: null, ready: async () => ({ ready: true, checks: [] }) },
  })
  http.register(
    adminRoutes({
      ...{ db, clock: quick, access, version: '0', publicUrl, secure: true },
      ...{ continuity: {} as never, disk: {} as never, signInLinks: { ask: () => undefined } },
      fourEyes: noFourEyes,
      privateContacts: { ...noContacts, tell: async (_, kind) => void told.push(kind) },
    }),
  )
  await http.app.ready()
  for (const { people, organisationId } of [corp, other])
    for (const { personId: subjectId } of Object.values(people))
      await access.setPassword(db, { subjectId, organisationId }, PASSWORD, { mustChange: false, actor: 'cli:x' })
  await db.query('CREATE TABLE kept_credential AS SELECT * FROM credential')
})
beforeEach(async () => {
  told = []
  for (const table of ['passkey', 'passkey_challenge', 'second_factor', 'half_sign_in', 'session', 'app_password'])
    await fresh.db.query(`DELETE FROM ${table}`)
  await fresh.db.query('UPDATE person SET disabled_at = NULL, role = 1')
  await wish(null)
  await fresh.db.query('DELETE FROM credential')
  await fresh.db.query('INSERT INTO credential SELECT * FROM kept_credential')
})
afterAll(async () => {
  await fresh.db.query('DROP TABLE kept_credential')
  await access.stop()
  await http.app.close()
  await expectSound(fresh.db, null)
  await fresh.drop()
})

test('added with the password, then it signs in without a name, in a browser that knows nothing of the person', async () => {
  const own = await signedIn('alice@corp.test')
  const elsewhere = await signedIn('alice@corp.test')
  const phone = device()
  expect((await own.ask('POST', '/me/passkeys/begin', { current: 'wrong' })).code).toBe('sign-in-failed')
  expect(await add(own, phone, ' Telephone ', { backedUp: true })).toMatchObject({
    ...{ status: 200, json: { name: 'Telephone', isBackedUp: true, lastUsedAt: null, isForeign: false } },
  })
  // The first second factor: whoever is in by the password alone is out.
  expect((await elsewhere.ask('GET', '/session')).code).toBe('signed-out')
  expect((await own.ask('GET', '/session')).status).toBe(200)
  const inside = await enter(phone)
  expect(inside).toMatchObject({ status: 200, json: { address: 'alice@corp.test', lacksSecondFactor: false } })
  expect([...inside.own.jar.keys()]).toEqual(['holdfast'])
  const { items, origin } = (await inside.own.ask('GET', '/me/passkeys')).json
  expect([items.length, items[0].lastUsedAt !== null, origin]).toEqual([1, true, publicUrl])
  expect((await audited('passkey-made')).at(-1)).toMatchObject({
    ...{ actor: `person:${alice().subjectId}`, detail: { name: 'Telephone', isBackedUp: true } },
  })
  expect((await audited('signed-in')).at(-1)!.detail).toMatchObject({ by: 'passkey', name: 'Telephone' })
})

test('several of them; the device that has one is not asked again; each is removed with the password', async () => {
  const own = await signedIn('alice@corp.test')
  const [phone, key] = [device(), device({ counts: false })]
  await add(own, phone)
  await expect(add(own, phone)).rejects.toThrow('InvalidStateError')
  await add(own, key, 'Security key')
  for (let times = 0; times < 2; times++) expect((await enter(key)).status).toBe(200)
  const { items } = (await own.ask('GET', '/me/passkeys')).json
  expect((items as { name: string }[]).map(({ name }) => name)).toEqual(['Telephone', 'Security key'])
  const remove = (current: string) => own.ask('POST', `/me/passkeys/${items[0].id}/remove`, { current })
  expect((await remove('wrong')).code).toBe('sign-in-failed')
  expect((await remove(PASSWORD)).status).toBe(204)
  expect((await remove(PASSWORD)).code).toBe('not-found')
  expect((await enter(phone)).code).toBe('passkey-refused')
  expect((await enter(key)).status).toBe(200)
  expect(told).toEqual(['factorMade', 'factorMade', 'factorEnded'])
  expect((await audited('passkey-removed')).at(-1)!.detail).toEqual({ name: 'Telephone' })
})

test('after the password it is the second step, by a touch alone; which ones there are is told then and not before', async () => {
  const phone = device()
  await add(await signedIn('alice@corp.test'), phone)
  const { own, ways } = await half('alice@corp.test')
  expect(ways).toBe('passkey')
  expect((await own.ask('GET', '/session')).code).toBe('signed-out')
  expect((await own.ask('POST', '/session/second/passkey/begin')).json.allowCredentials).toHaveLength(1)
  expect(await second(own, phone, { verified: false })).toMatchObject({
    ...{ status: 200, json: { address: 'alice@corp.test' } },
  })
  expect((await audited('signed-in')).at(-1)!.detail).toMatchObject({ by: 'password and passkey' })
  expect((await second(own, phone)).code).toBe('signed-out')
  expect((await second(browser(), phone)).code).toBe('signed-out')
  expect((await half('alice@corp.test')).ways).toBe('passkey')
})

const harmful: [string, Bent][] = [
  ['another origin', { origin: 'https://mail.other.test' }],
  ['a page in a frame elsewhere', { crossOrigin: true }],
  ['another name', { rpId: 'other.test' }],
  ['nobody recognised by it', { verified: false }],
  ['a challenge of its own', { challenge: randomBytes(32).toString('base64url') }],
  ['signed by another', { signer: createForeignKey() }],
]
test('no session, whatever is wrong with it', async () => {
  const phone = device()
  await add(await signedIn('alice@corp.test'), phone)
  for (const [what, bent] of harmful) {
    const { status, code, own } = await enter(phone, bent)
    expect([what, status, own.jar.size]).toEqual([what, 401, 0])
    expect(['passkey-refused', 'passkey-ended']).toContain(code)
  }
  expect((await enter(phone)).status).toBe(200)
})
function createForeignKey() {
  const other = createSoftwareAuthenticator(publicUrl)
  other.create({ challenge: 'AA', rp: { id: 'x' }, user: { id: 'AA' }, excludeCredentials: [] })
  return other.keys[0]!.privateKey
}

test('what was signed counts once, in the browser that asked, for minutes, and for what it was asked for', async () => {
  const phone = device()
  const mine = await signedIn('alice@corp.test')
  await add(mine, phone)
  const { brought, own } = await enter(phone)
  expect((await own.ask('POST', '/session/passkey/finish', brought)).code).toBe('passkey-ended')
  // Begun by somebody else, to be finished here (login CSRF), or the other way round.
  const [theirs, ours] = [browser(), browser()]
  const signed = phone.get((await theirs.ask('POST', '/session/passkey/begin')).json as Using)
  await ours.ask('POST', '/session/passkey/begin')
  expect((await ours.ask('POST', '/session/passkey/finish', signed)).code).toBe('passkey-ended')
  expect((await theirs.ask('POST', '/session/passkey/finish', signed)).status).toBe(200)
  const late = browser()
  const old = phone.get((await late.ask('POST', '/session/passkey/begin')).json as Using)
  await fresh.db.query('UPDATE passkey_challenge SET expires_at = now()')
  expect((await late.ask('POST', '/session/passkey/finish', old)).code).toBe('passkey-ended')
  const begun = browser()
  const { own: halfway } = await half('alice@corp.test')
  const forSignIn = phone.get((await begun.ask('POST', '/session/passkey/begin')).json as Using)
  expect((await halfway.ask('POST', '/session/second/passkey/finish', forSignIn)).code).toBe('passkey-ended')
  // One that was made without the password just now.
  const made = device().create({
    ...{ challenge: randomBytes(32).toString('base64url'), rp: { id: 'mail.corp.test' } },
    ...{ user: { id: 'AA' }, excludeCredentials: [] },
  })
  expect((await mine.ask('POST', '/me/passkeys', { name: 'x', ...made })).code).toBe('passkey-ended')
})

test('somebody else’s is no second step, and nobody signs in as whom they choose; not across organisations either', async () => {
  const [hers, his] = [device(), device()]
  await add(await signedIn('alice@corp.test'), hers)
  await add(await signedIn('mallory@other.test'), his)
  const { own } = await half('alice@corp.test')
  const options = (await own.ask('POST', '/session/second/passkey/begin')).json as Using
  const foreign = his.get({ ...options, allowCredentials: [] })
  expect((await own.ask('POST', '/session/second/passkey/finish', foreign)).code).toBe('passkey-refused')
  // His own key, filed under her account.
  his.keys[0]!.handle = hers.keys[0]!.handle
  expect((await enter(his)).code).toBe('passkey-refused')
  // Her key's name with his signature.
  const stolen = browser()
  const asked = (await stolen.ask('POST', '/session/passkey/begin')).json as Using
  const brought = { ...his.get(asked), id: hers.keys[0]!.id.toString('base64url') }
  expect((await stolen.ask('POST', '/session/passkey/finish', brought)).code).toBe('passkey-refused')
  // Her key's name, registered by him.
  const him = await signedIn('mallory@other.test').catch(() => null)
  expect(him).toBeNull()
  his.keys[0]!.handle = Buffer.from(other.people['mallory']!.personId.replaceAll('-', ''), 'hex')
  expect((await enter(his)).json.address).toBe('mallory@other.test')
})

test('a counter that goes back is refused and stands in the audit; the one that goes on still signs in', async () => {
  const phone = device()
  await add(await signedIn('alice@corp.test'), phone)
  expect((await enter(phone, { counter: 40 })).status).toBe(200)
  for (const counter of [40, 3, 0]) expect((await enter(phone, { counter })).code).toBe('passkey-refused')
  expect((await audited('passkey-counter-back')).map(({ detail }) => [detail['counter'], detail['before']])).toEqual([
    [40, 40],
    [3, 40],
    [0, 40],
  ])
  const { own } = await half('alice@corp.test')
  expect((await second(own, phone, { counter: 12 })).code).toBe('passkey-refused')
  expect((await enter(phone, { counter: 41 })).status).toBe(200)
})

test('nobody who is closed; and while a one-time password waits, not by the passkey alone', async () => {
  const phone = device()
  await add(await signedIn('alice@corp.test'), phone)
  const before = await half('alice@corp.test')
  await fresh.db.query('UPDATE person SET disabled_at = now() WHERE person_id = $1', [alice().subjectId])
  expect((await enter(phone)).code).toBe('passkey-refused')
  expect((await second(before.own, phone)).code).toBe('signed-out')
  await fresh.db.query('UPDATE person SET disabled_at = NULL')
  const by = { actor: 'person:desk', role: 'admin' as const, subjectId: newId(0) }
  const reset = { organisationId: alice().organisationId, personId: alice().subjectId, by, note: '' }
  const wishes = { ...reset, identity: IdentityCheck.calledBack }
  const kept = await resetPassword({ db: fresh.db, access, clock: quick }, wishes)
  expect((await enter(phone)).code).toBe('password-change-needed')
  const { own } = await half('alice@corp.test', kept)
  expect((await second(own, phone)).json).toMatchObject({ mustChangePassword: true })
  // The help desk, told that the telephone is gone, ends them: the check of who asked stands beside it.
  const gone = await resetPassword({ db: fresh.db, access, clock: quick }, { ...wishes, endsSecondFactor: true })
  expect((await enter(phone)).code).toBe('passkey-refused')
  expect((await audited('passkey-removed')).at(-1)).toMatchObject({ actor: 'person:desk' })
  expect((await audited('password-reset')).at(-1)!.detail).toMatchObject({ identity: 'calledBack' })
  expect((await (await signedIn('alice@corp.test', gone)).ask('GET', '/session')).json.mustChangePassword).toBe(true)
})

test('an emergency code goes without it, and mail clients take app passwords only', async () => {
  const phone = device()
  const own = await signedIn('alice@corp.test')
  const prove = (password: string) =>
    access.verifyPerson({ name: 'alice@corp.test', password, clientIp: '198.51.100.9', protocol: 'submission' })
  const before = await prove(PASSWORD)
  await add(own, phone)
  expect(await access.holds(before)).toBe(false)
  await expect(prove(PASSWORD)).rejects.toMatchObject({ code: 'app-password-needed' })
  const app = { current: PASSWORD, name: 'Phone', protocols: ['submission'] }
  const { password } = (await own.ask('POST', '/me/app-passwords', app)).json
  expect(await access.holds(await prove(password as string))).toBe(true)
  const code = newCode()
  const hash = hashOfCode(alice().subjectId, code.replaceAll('-', ''))
  await fresh.db.query('INSERT INTO emergency_code (organisation_id, person_id, code_hash) VALUES ($1, $2, $3)', [
    corp.organisationId,
    alice().subjectId,
    hash,
  ])
  expect((await (await signedIn('alice@corp.test', code)).ask('GET', '/session')).json.choosesPassword).toBe(true)
})

test('required: after the password nothing but setting one up, by either kind; then everything', async () => {
  await wish('required')
  const prove = () =>
    access.verifyPerson({
      name: 'alice@corp.test',
      password: PASSWORD,
      clientIp: '198.51.100.9',
      protocol: 'submission',
    })
  await expect(prove()).rejects.toMatchObject({ code: 'app-password-needed' })
  const own = await signedIn('alice@corp.test')
  expect((await own.ask('GET', '/session')).json).toMatchObject({ lacksSecondFactor: true, abilities: ['account'] })
  expect((await own.ask('GET', '/me/standing')).code).toBe('second-factor-missing')
  const app = { current: PASSWORD, name: 'Phone', protocols: ['submission'] }
  expect((await own.ask('POST', '/me/app-passwords', app)).code).toBe('second-factor-missing')
  expect((await own.ask('GET', '/me/private-contact')).code).toBe('second-factor-missing')
  expect((await add(own, device())).status).toBe(200)
  expect((await own.ask('GET', '/session')).json).toMatchObject({ lacksSecondFactor: false })
  expect((await own.ask('POST', '/me/app-passwords', app)).status).toBe(200)
  // Whoever comes with a one-time password chooses their own first, and is led on then.
  const bob = { subjectId: corp.people['bob']!.personId, organisationId: corp.organisationId }
  await access.setPassword(fresh.db, bob, 'one time only, please', { mustChange: true, actor: 'cli:x' })
  const his = await signedIn('bob@corp.test', 'one time only, please')
  expect((await his.ask('GET', '/me/standing')).code).toBe('password-change-needed')
  expect((await his.ask('POST', '/me/passkeys/begin', { current: PASSWORD })).code).toBe('password-change-needed')
  const next = { current: 'one time only, please', next: PASSWORD }
  expect((await his.ask('POST', '/session/password', next)).json).toMatchObject({ lacksSecondFactor: true })
})

test('required of roles: of those alone; who came by the identity provider is asked there', async () => {
  await wish('requiredForRoles')
  expect((await (await signedIn('alice@corp.test')).ask('GET', '/session')).json.lacksSecondFactor).toBe(false)
  await fresh.db.query('UPDATE person SET role = 2 WHERE person_id = $1', [alice().subjectId])
  const own = await signedIn('alice@corp.test')
  expect((await own.ask('GET', '/session')).json.lacksSecondFactor).toBe(true)
  await fresh.db.query('UPDATE session SET by_provider = true')
  expect((await own.ask('GET', '/session')).json.lacksSecondFactor).toBe(false)
})

test('of operators the installation asks it; at another name of the pages a passkey is none', async () => {
  const strict = createAccess({
    ...{ db: fresh.db, clock: quick, log: silentLog, publicUrl: 'https://new.corp.test' },
    operatorsNeedSecondFactor: true,
  })
  const phone = device()
  const own = await signedIn('alice@corp.test')
  await add(own, phone)
  const session = (await strict.session(own.jar.get('holdfast')))!
  expect(await strict.passkeys.list(session)).toMatchObject([{ isForeign: true }])
  const visitor = { clientIp: null, userAgent: null }
  expect(await strict.signIn({ name: 'alice@corp.test', password: PASSWORD, visitor })).toBeTypeOf('string')
  const token = await strict.makeSetupLink(fresh.db, 'cli:x')
  const first = { token, name: 'root', display: 'Root', password: PASSWORD, locale: 'en', visitor }
  const made = await strict.setUp(first)
  expect(await strict.session(made)).toMatchObject({ lacksSecondFactor: true, abilities: ['account'] })
  expect(await access.session(made)).toMatchObject({ lacksSecondFactor: false })
  await strict.stop()
})

test('where the pages have no name with TLS there are none, and nothing is asked for', async () => {
  const bare = createAccess({ db: fresh.db, clock: quick, log: silentLog, publicUrl: 'http://192.0.2.1' })
  expect(bare.passkeys.place).toBeNull()
  await expect(bare.passkeys.begin({ clientIp: null, userAgent: null })).rejects.toMatchObject({ code: 'not-found' })
  await bare.stop()
})

test('with the directory and the identity provider off, and no mail system at all', async () => {
  const phone = device()
  await add(await signedIn('alice@corp.test'), phone)
  const server = { host: '127.0.0.1', port: 1, tls: 'ldaps' }
  const ldap = { servers: [server], bindDn: 'cn=search', baseDn: 'dc=corp', filter: '(mail={name})', cacheDays: 0 }
  const provider = {
    ...{ name: 'Corp ID', issuer: 'https://127.0.0.1:1', clientId: 'holdfast', scopes: ['openid'], claim: 'email' },
    ...{ require: {}, insecureLoopback: true },
  }
  const sealed = keys.seal(`organisation.ldap_sealed:${corp.organisationId}`, Buffer.from('secret'))
  const set = 'UPDATE organisation SET sign_in = $2, ldap_sealed = $3 WHERE organisation_id = $1'
  await fresh.db.query(set, [corp.organisationId, { ldap, provider }, sealed])
  await fresh.db.query('DELETE FROM credential')
  expect((await browser().ask('POST', '/session', { name: 'alice@corp.test', password: PASSWORD })).status).toBe(401)
  expect(await enter(phone)).toMatchObject({ status: 200, json: { address: 'alice@corp.test' } })
  await fresh.db.query(set, [corp.organisationId, {}, null])
})

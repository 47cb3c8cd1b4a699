/** Two-step sign-in from enrolling to losing the telephone: what opens when, what counts once, and what mail clients may do. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { systemClock, type Clock } from '../../platform/clock.ts'
import { IdentityCheck } from '../../platform/codes.ts'
import { newId } from '../../platform/ids.ts'
import { keysFrom } from '../../platform/keys.ts'
import { silentLog } from '../../platform/log.ts'
import { replaceCodes } from '../../store/emergency-codes.ts'
import { insertSignInLink } from '../../store/sign-in-links.ts'
import {
  createAccess,
  hashOfCode,
  newCode,
  resetPassword,
  SecondFactorNeeded,
  type Access,
  type Session,
} from './index.ts'
import { hashOfToken } from './sessions.ts'
import { hotp, STEP_MS, stepAt } from './totp.ts'

const PASSWORD = 'three grey owls at dawn'
const keys = keysFrom(randomBytes(32))
let now = Date.parse('2026-03-01T09:00:00Z')
/** Sleeps not, and says what time it is. */
const quick: Clock = {
  ...systemClock,
  now: () => now,
  sleep: async () => undefined,
  after: (_, run, options) => systemClock.after(0, run, options),
}
let network = 0
const visitor = () => ({ clientIp: `192.0.2.${(network++ % 250) + 1}`, userAgent: null })
let fresh: FreshDatabase
let org: MadeOrganisation
let access: Access
let other: Access

const start = () => createAccess({ db: fresh.db, clock: quick, log: silentLog, keys: () => keys })
const id = () => org.people['alice']!.personId
const whose = () => ({ subjectId: id(), organisationId: org.organisationId })
const signIn = (password = PASSWORD) => access.signIn({ name: 'alice@corp.test', password, visitor: visitor() })
const session = async (token: string): Promise<Session> => (await access.session(token))!
const fault = (promise: Promise<unknown>) =>
  promise.then(
    () => 'good',
    (error: unknown) => (error as { code: string }).code,
  )
async function half(entering: Promise<unknown> = signIn()): Promise<string> {
  const error: unknown = await entering.catch((thrown: unknown) => thrown)
  if (!(error instanceof SecondFactorNeeded)) throw new Error(`not asked: ${String(error)}`)
  return error.token
}
/** Base 32 back, by its own way. */
function bytesOf(secret: string): Buffer {
  const bits = Array.from(secret).map((one) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(one).toString(2).padStart(5, '0'),
  )
  return Buffer.from(
    bits
      .join('')
      .match(/.{8}/g)!
      .map((eight) => parseInt(eight, 2)),
  )
}
const codeAt = (secret: Buffer, skew = 0) => hotp(secret, stepAt(now) + skew)
const second = (token: string | undefined, code: string, by = access) =>
  by.secondFactor.signIn({ half: token, code, visitor: visitor() })
async function enrol(): Promise<Buffer> {
  const token = await signIn()
  const mine = await session(token)
  const wish = { session: mine, current: PASSWORD, account: 'alice@corp.test', visitor: visitor() }
  const secret = bytesOf((await access.secondFactor.offer(wish)).secret)
  await access.secondFactor.confirm({ session: mine, token, code: codeAt(secret), visitor: visitor() })
  now += 10 * STEP_MS
  return secret
}

beforeAll(async () => {
  fresh = await freshDatabase({ poolSize: 8 })
  org = await makeOrganisation(fresh.db, { people: ['alice', 'bob'], domain: 'corp.test' })
})
beforeEach(async () => {
  for (const table of ['second_factor', 'half_sign_in', 'app_password', 'session', 'emergency_code'])
    await fresh.db.query(`DELETE FROM ${table}`)
  access = start()
  other = start()
  await access.setPassword(fresh.db, whose(), PASSWORD, { mustChange: false, actor: 'cli:test' })
  return async () => {
    await access.stop()
    await other.stop()
  }
})
afterAll(async () => {
  await expectSound(fresh.db, null)
  await fresh.drop()
})

test('it is asked for once a right code confirmed it, after the right password alone, and opens nothing before', async () => {
  const own = await signIn()
  const mine = await session(own)
  const wish = { session: mine, current: PASSWORD, account: 'alice@corp.test', visitor: visitor() }
  expect(await fault(access.secondFactor.offer({ ...wish, current: 'wrong' }))).toBe('sign-in-failed')
  const { secret } = await access.secondFactor.offer(wish)
  const confirm = (code: string) => access.secondFactor.confirm({ session: mine, token: own, code, visitor: visitor() })
  const wrong = codeAt(bytesOf(secret), 5)
  expect(await fault(confirm(wrong))).toBe('sign-in-failed')
  expect(await fault(signIn())).toBe('good')
  await confirm(codeAt(bytesOf(secret)))
  expect(await access.secondFactor.since(mine)).toBeInstanceOf(Date)
  expect(await fault(access.secondFactor.offer(wish))).toBe('conflict')
  now += 2 * STEP_MS
  expect(await fault(signIn('something else'))).toBe('sign-in-failed')
  const token = await half()
  expect(await access.session(token)).toBeNull()
  expect(await fault(second(token, codeAt(bytesOf(secret), 5)))).toBe('sign-in-failed')
  expect(await access.session(await second(token, codeAt(bytesOf(secret))))).toMatchObject({ subjectId: id() })
  expect(await fault(second(token, codeAt(bytesOf(secret), 1)))).toBe('signed-out')
})

test('turning it on ends the other sessions, those that begin at the same moment too, and tells nothing of codes after', async () => {
  const elsewhere = await signIn()
  const own = await signIn()
  const mine = await session(own)
  const offer = { session: mine, current: PASSWORD, account: 'alice@corp.test', visitor: visitor() }
  const secret = bytesOf((await access.secondFactor.offer(offer)).secret)
  const confirm = (code: string) => access.secondFactor.confirm({ session: mine, token: own, code, visitor: visitor() })
  const tries = Array.from({ length: 6 }, (_, n) =>
    (n % 2 === 0 ? access : other)
      .signIn({ name: 'alice@corp.test', password: PASSWORD, visitor: visitor() })
      .catch(() => null),
  )
  const [, ...begun] = await Promise.all([confirm(codeAt(secret)), ...tries])
  expect(await access.session(own)).toMatchObject({ subjectId: id() })
  for (const token of [elsewhere, ...begun]) if (token !== null) expect(await access.session(token)).toBeNull()
  now += 2 * STEP_MS
  for (const code of [codeAt(secret), codeAt(secret, 9)]) expect(await fault(confirm(code))).toBe('conflict')
  const [row] = await fresh.db.query<{ wrong: number }>('SELECT wrong FROM second_factor')
  expect(row!.wrong).toBe(1)
})

test('the secret is sealed, and in no audit row', async () => {
  const secret = await enrol()
  const [row] = await fresh.db.query<{ sealed: Buffer }>('SELECT secret_sealed AS sealed FROM second_factor')
  expect(row!.sealed.includes(secret)).toBe(false)
  expect(keys.open(`second_factor.secret_sealed:${id()}`, row!.sealed)).toEqual(secret)
  const [made] = await fresh.db.query<{ detail: unknown }>(
    "SELECT detail FROM audit WHERE action = 'second-factor-made' ORDER BY seq DESC",
  )
  expect(made!.detail ?? {}).toEqual({})
})

test('a clock that is off by one step is taken, by two not', async () => {
  const secret = await enrol()
  for (const [skew, answer] of [
    [-2, 'sign-in-failed'],
    [-1, 'good'],
    [0, 'good'],
    [1, 'good'],
    [3, 'sign-in-failed'],
  ] as const)
    expect([skew, await fault(second(await half(), codeAt(secret, skew)))]).toEqual([skew, answer])
})

test('a step counts once, from two processes at once too, and none before it', async () => {
  const secret = await enrol()
  const [a, b] = [await half(), await half()]
  const both = await Promise.all([fault(second(a, codeAt(secret))), fault(second(b, codeAt(secret), other))])
  expect(both.sort()).toEqual(['good', 'sign-in-failed'])
  expect(await fault(second(await half(), codeAt(secret)))).toBe('sign-in-failed')
  expect(await fault(second(await half(), codeAt(secret, -1)))).toBe('sign-in-failed')
  expect(await fault(second(await half(), codeAt(secret, 1)))).toBe('good')
})

test('five tries for each password, twenty an hour for each person, in all processes together', async () => {
  const secret = await enrol()
  const token = await half()
  for (let tries = 0; tries < 5; tries++) expect(await fault(second(token, 'nonsense'))).toBe('sign-in-failed')
  expect(await fault(second(token, codeAt(secret)))).toBe('signed-out')
  await fresh.db.query('UPDATE second_factor SET wrong = 19, wrong_since = now()')
  expect(await fault(second(await half(), '000', other))).toBe('sign-in-failed')
  expect(await fault(second(await half(), codeAt(secret)))).toBe('sign-in-slow-down')
  await fresh.db.query("UPDATE second_factor SET wrong_since = now() - interval '2 hours'")
  expect(await fault(second(await half(), codeAt(secret)))).toBe('good')
})

test('what is half open ends by time, by a new password, and with the person', async () => {
  const secret = await enrol()
  const late = await half()
  await fresh.db.query('UPDATE half_sign_in SET expires_at = now()')
  expect(await fault(second(late, codeAt(secret)))).toBe('signed-out')
  const reset = await half()
  await access.setPassword(fresh.db, whose(), PASSWORD, { mustChange: false, actor: 'cli:test' })
  expect(await fault(second(reset, codeAt(secret)))).toBe('signed-out')
  const disabled = await half()
  await fresh.db.query('UPDATE person SET disabled_at = now() WHERE person_id = $1', [id()])
  expect(await fault(second(disabled, codeAt(secret)))).toBe('signed-out')
  await fresh.db.query('UPDATE person SET disabled_at = NULL WHERE person_id = $1', [id()])
  expect(await fault(second(undefined, codeAt(secret)))).toBe('signed-out')
})

test('an emergency code goes without it; a link to a private address does not', async () => {
  const secret = await enrol()
  const code = newCode()
  const hash = hashOfCode(id(), code.replaceAll('-', ''))
  await replaceCodes(fresh.db, [{ organisationId: org.organisationId, personId: id(), hash }])
  expect(await session(await signIn(code))).toMatchObject({ choosesPassword: true })
  const tokenHash = hashOfToken('link')
  const link = { tokenHash, organisationId: org.organisationId, personId: id(), seconds: 60, most: 9 }
  await insertSignInLink(fresh.db, link)
  const byLink = () => access.signInByLink({ token: 'link', visitor: visitor() })
  const token = await half(byLink())
  expect(await fault(byLink())).toBe('not-found')
  expect(await session(await second(token, codeAt(secret)))).toMatchObject({ choosesPassword: true })
})

test('mail clients then take app passwords only, and connections of the main password end', async () => {
  const prove = (password: string) =>
    access.verifyPerson({ name: 'alice@corp.test', password, clientIp: '198.51.100.9', protocol: 'submission' })
  const before = await prove(PASSWORD)
  expect(await access.holds(before)).toBe(true)
  const mine = await session(await signIn())
  await enrol()
  expect(await access.holds(before)).toBe(false)
  expect(await fault(prove(PASSWORD))).toBe('app-password-needed')
  expect(await fault(prove('something else'))).toBe('sign-in-failed')
  const app = await access.appPasswords.make({
    ...{ session: mine, current: PASSWORD, name: 'Phone', visitor: visitor() },
    protocols: ['submission'],
  })
  const byApp = await prove(app.password)
  expect(await access.holds(byApp)).toBe(true)
})

test('ending it asks for the password; a help desk may end it with a reset, and both are audited', async () => {
  const secret = await enrol()
  const mine = await session(await second(await half(), codeAt(secret)))
  const end = (current: string) => access.secondFactor.end({ session: mine, current, visitor: visitor() })
  expect(await fault(end('wrong'))).toBe('sign-in-failed')
  await end(PASSWORD)
  expect(await fault(signIn())).toBe('good')
  await enrol()
  const by = { actor: 'person:desk', role: 'admin' as const, subjectId: newId(0) }
  const wish = { organisationId: org.organisationId, personId: id(), by, identity: IdentityCheck.other, note: 'seen' }
  const kept = await resetPassword({ db: fresh.db, access, clock: systemClock }, wish)
  await half(signIn(kept))
  const gone = await resetPassword({ db: fresh.db, access, clock: systemClock }, { ...wish, endsSecondFactor: true })
  expect(await session(await signIn(gone))).toMatchObject({ mustChangePassword: true })
  const rows = await fresh.db.query<{ actor: string }>(
    "SELECT actor FROM audit WHERE action = 'second-factor-removed' ORDER BY seq",
  )
  expect(rows.map(({ actor }) => actor)).toEqual([`person:${id()}`, 'person:desk'])
})

/** App passwords from making to revoking: who may, for what they are good, what stops them, and that they stay secret. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { systemClock, type Clock } from '../../platform/clock.ts'
import { newId } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { removePeople } from '../../store/model-removals.ts'
import { appendAudit } from '../audit/index.ts'
import type { AppProtocolWord } from './app-passwords.ts'
import { createAccess, MOST_APP_PASSWORDS, type Access, type Session } from './index.ts'

const PASSWORD = 'three grey owls at dawn'
/** Sleeps not. */
const quick: Clock = {
  ...systemClock,
  sleep: async () => undefined,
  after: (_, run, options) => systemClock.after(0, run, options),
}
const visitor = { clientIp: '192.0.2.1', userAgent: null }
let fresh: FreshDatabase
let org: MadeOrganisation
let access: Access

const key = (name: string) => ({ organisationId: org.organisationId, personId: org.people[name]!.personId })
const setPassword = (name: string, password = PASSWORD, mustChange = false) =>
  access.setPassword(fresh.db, { subjectId: key(name).personId, organisationId: org.organisationId }, password, {
    mustChange,
    actor: 'cli:test',
  })
const signIn = async (name: string): Promise<Session> =>
  (await access.session(await access.signIn({ name, password: PASSWORD, visitor })))!
const make = (session: Session, more: Partial<Parameters<Access['appPasswords']['make']>[0]> = {}) =>
  access.appPasswords.make({ session, current: PASSWORD, name: 'Phone', protocols: ['submission'], visitor, ...more })
const prove = (
  name: string,
  password: string,
  { protocol = 'submission', clientIp = '192.0.2.1' }: { protocol?: AppProtocolWord; clientIp?: string } = {},
) => access.verifyPerson({ name, password, clientIp, protocol })
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'good',
    (error: unknown) => (error as { code: string }).code,
  )
const audit = (action: string) =>
  fresh.db.query<{ actor: string; subject: string; detail: Record<string, unknown> }>(
    'SELECT actor, subject, detail FROM audit WHERE action = $1 ORDER BY seq DESC',
    [action],
  )

beforeAll(async () => {
  fresh = await freshDatabase({ poolSize: 8 })
  org = await makeOrganisation(fresh.db, { people: ['alice', 'bob', 'carol'], domain: 'corp.test' })
})
beforeEach(async () => {
  await fresh.db.query('DELETE FROM app_password')
  access = createAccess({ db: fresh.db, clock: quick, log: silentLog })
  await setPassword('alice')
  await setPassword('bob')
  return () => access.stop()
})
afterAll(() => fresh.drop())

test('it signs in for its protocols, beside the account password, however it is typed, and nowhere else', async () => {
  const { password, id } = await make(await signIn('alice@corp.test'), { protocols: ['submission', 'imap'] })
  for (const typed of [password, password.replaceAll('-', ''), password.toUpperCase(), password.replaceAll('-', ' ')])
    expect(await prove('alice@corp.test', typed)).toEqual({ ...key('alice'), credentialId: id })
  expect(await prove('alice@corp.test', password, { protocol: 'imap' })).toMatchObject({ credentialId: id })
  expect(await codeOf(prove('alice@corp.test', PASSWORD))).toBe('good')
  const wrong = [
    () => prove('alice@corp.test', password, { protocol: 'pop3', clientIp: '198.51.100.1' }),
    () => prove('bob@corp.test', password, { clientIp: '198.51.100.2' }),
    () => prove('nobody@corp.test', password, { clientIp: '198.51.100.3' }),
    () => prove('carol@corp.test', password, { clientIp: '198.51.100.4' }),
    () => access.signIn({ name: 'alice@corp.test', password, visitor: { ...visitor, clientIp: '198.51.100.5' } }),
  ]
  for (const one of wrong) await expect(one()).rejects.toMatchObject({ code: 'sign-in-failed', detail: undefined })
})

test('what is kept does not give it away, and it is in no audit row', async () => {
  const made = await make(await signIn('alice@corp.test'))
  const letters = made.password.replaceAll('-', '')
  for (const table of ['app_password', 'audit'])
    for (const { text } of await fresh.db.query<{ text: string }>(`SELECT x::text AS text FROM ${table} x`)) {
      expect(text).not.toContain(letters)
      expect(text).not.toContain(made.password)
      expect(text).not.toContain(Buffer.from(letters).toString('hex'))
    }
  const whose = `person:${key('alice').personId}`
  expect((await audit('app-password-made'))[0]).toEqual({
    actor: whose,
    subject: whose,
    detail: { id: made.id, name: 'Phone', protocols: 'submission' },
  })
})

test('the list: when and where each was used last, to the hour and the network, the newest first', async () => {
  const session = await signIn('alice@corp.test')
  const phone = await make(session, { name: ' Phone ' })
  const laptop = await make(session, { name: 'Laptop', protocols: ['pop3', 'submission', 'pop3'] })
  expect(await access.appPasswords.list(key('alice'))).toEqual([
    {
      id: laptop.id,
      name: 'Laptop',
      protocols: ['submission', 'pop3'],
      createdAt: laptop.createdAt,
      lastUsedAt: null,
      lastPlace: null,
    },
    {
      id: phone.id,
      name: 'Phone',
      protocols: ['submission'],
      createdAt: phone.createdAt,
      lastUsedAt: null,
      lastPlace: null,
    },
  ])
  expect(await access.appPasswords.list(key('bob'))).toEqual([])
  await prove('alice@corp.test', phone.password, { clientIp: '2001:db8::77' })
  const used = async () => (await access.appPasswords.list(key('alice'))).find(({ id }) => id === phone.id)!
  const { lastUsedAt, lastPlace } = await used()
  expect(lastPlace).toBe('2001:db8:0:0::/64')
  expect(lastUsedAt!.getTime() % 3_600_000).toBe(0)
  expect(Date.now() - lastUsedAt!.getTime()).toBeLessThan(7_200_000)
  // Nothing is written where nothing would change.
  const version = async () =>
    (await fresh.db.query('SELECT xmin::text FROM app_password WHERE app_password_id = $1', [phone.id]))[0]
  const before = await version()
  await prove('alice@corp.test', phone.password, { clientIp: '2001:db8::78' })
  const after = await used()
  if (after.lastUsedAt!.getTime() === lastUsedAt!.getTime()) expect(await version()).toEqual(before)
  await prove('alice@corp.test', phone.password, { clientIp: '192.0.2.9' })
  expect((await used()).lastPlace).toBe('192.0.2.9')
})

test('making one asks for the current password, with the brakes of signing in', async () => {
  const session = await signIn('bob@corp.test')
  const outcomes: string[] = []
  for (let i = 0; i < 14; i++) outcomes.push(await codeOf(make(session, { current: `guess ${i}` })))
  expect(outcomes[0]).toBe('sign-in-failed')
  expect(outcomes).toContain('sign-in-slow-down')
  expect(await access.appPasswords.list(key('bob'))).toEqual([])
})

test('an app password does not make another, a one-time password none, and an operator has none', async () => {
  const session = await signIn('alice@corp.test')
  const { password } = await make(session)
  expect(await codeOf(make(session, { current: password }))).toBe('sign-in-failed')
  await setPassword('alice', PASSWORD, true)
  expect(await codeOf(make(await signIn('alice@corp.test')))).toBe('password-change-needed')
  // A session from before, looked up a moment earlier: what the database says counts.
  expect(await codeOf(make(session))).toBe('signed-out')
  expect(await codeOf(make({ ...session, organisationId: null }))).toBe('not-found')
  expect(await access.appPasswords.list(key('alice'))).toHaveLength(1)
})

test('a name and a protocol are needed', async () => {
  const session = await signIn('alice@corp.test')
  expect(await codeOf(make(session, { name: '  ' }))).toBe('bad-request')
  expect(await codeOf(make(session, { protocols: [] }))).toBe('bad-request')
})

test('at most fifty, by however many doors they are made at once', async () => {
  const session = await signIn('alice@corp.test')
  const { organisationId, personId } = key('alice')
  await fresh.db.query(
    `INSERT INTO app_password (app_password_id, organisation_id, person_id, name, protocols, verifier)
     SELECT gen_random_uuid(), $1, $2, 'Old', '{1}', sha256(n::text::bytea) FROM generate_series(3, $3::int) n`,
    [organisationId, personId, MOST_APP_PASSWORDS],
  )
  // The audit of the organisation is held up until all of them are under way.
  const made = await fresh.db.transaction(async (sql) => {
    await appendAudit(sql, { organisationId, actor: 'cli:test', action: 'applied', subject: 'x' })
    const all = Array.from({ length: 5 }, () => codeOf(make(session)))
    const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
    // By another connection: a transaction sees one picture of what goes on.
    await expect.poll(async () => (await fresh.db.query(waiting)).length, { timeout: 20_000 }).toBe(all.length)
    return { all }
  })
  const codes = await Promise.all(made.all)
  expect(codes.filter((code) => code === 'good')).toHaveLength(2)
  expect(codes.filter((code) => code === 'too-many-app-passwords')).toHaveLength(3)
  expect(await access.appPasswords.list(key('alice'))).toHaveLength(MOST_APP_PASSWORDS)
})

test('revoked, it neither signs in nor holds; the others do, and nobody revokes what is not theirs', async () => {
  const session = await signIn('alice@corp.test')
  const [phone, laptop] = [await make(session), await make(session, { name: 'Laptop' })]
  const signed = await prove('alice@corp.test', phone.password)
  expect(await access.holds(signed)).toBe(true)
  expect(await access.appPasswords.revoke(key('bob'), phone.id, 'person:bob')).toBeNull()
  expect(await access.appPasswords.revoke(key('alice'), newId(0), 'person:alice')).toBeNull()
  expect(await access.holds(signed)).toBe(true)
  expect(await access.holds({ ...signed, ...key('bob') })).toBe(false)

  expect(await access.appPasswords.revoke(key('alice'), phone.id, session.actor)).toMatchObject({ name: 'Phone' })
  expect(await access.holds(signed)).toBe(false)
  expect(await codeOf(prove('alice@corp.test', phone.password))).toBe('sign-in-failed')
  expect(await codeOf(prove('alice@corp.test', laptop.password))).toBe('good')
  expect(await access.appPasswords.revoke(key('alice'), phone.id, session.actor)).toBeNull()
  expect(await audit('app-password-revoked')).toEqual([
    { actor: session.actor, subject: session.actor, detail: { id: phone.id, name: 'Phone', protocols: 'submission' } },
  ])
})

test('a new account password keeps them; one that must be replaced stops them until it is', async () => {
  const session = await signIn('alice@corp.test')
  const { password } = await make(session)
  const signed = await prove('alice@corp.test', password)
  const next = 'seven quiet harbours in fog'
  const token = await access.changePassword({ session, current: PASSWORD, next, visitor })
  expect(await access.holds(signed)).toBe(true)
  expect(await codeOf(prove('alice@corp.test', password))).toBe('good')
  expect(await access.appPasswords.list(key('alice'))).toHaveLength(1)

  await setPassword('alice', PASSWORD)
  expect(await access.holds(signed)).toBe(true)
  await setPassword('alice', PASSWORD, true)
  expect(await access.holds(signed)).toBe(false)
  await expect(prove('alice@corp.test', password)).rejects.toMatchObject({
    code: 'password-change-needed',
    detail: expect.stringContaining('works again') as string,
  })
  expect(await access.session(token)).toBeNull()
  await access.changePassword({ session: await signIn('alice@corp.test'), current: PASSWORD, next, visitor })
  expect(await access.holds(signed)).toBe(true)
  expect(await codeOf(prove('alice@corp.test', password))).toBe('good')
})

test("a disabled person's do not work, one who is removed has none", async () => {
  const { password } = await make(await signIn('alice@corp.test'))
  const signed = await prove('alice@corp.test', password)
  const disable = (how: string) =>
    fresh.db.query(`UPDATE person SET disabled_at = ${how} WHERE person_id = $1`, [signed.personId])
  await disable('now()')
  expect(await access.holds(signed)).toBe(false)
  expect(await codeOf(prove('alice@corp.test', password))).toBe('sign-in-failed')
  await disable('NULL')
  expect(await access.holds(signed)).toBe(true)

  const elsewhere = await makeOrganisation(fresh.db, { people: ['dora'], domain: 'other.test' })
  const dora = elsewhere.people['dora']!.personId
  await fresh.db.query(
    `INSERT INTO app_password (app_password_id, organisation_id, person_id, name, protocols, verifier) VALUES ($1, $2, $3, 'x', '{1}', '\\x00')`,
    [newId(0), elsewhere.organisationId, dora],
  )
  await removePeople(fresh.db, elsewhere.organisationId, [{ id: dora, keep: true }])
  expect(await access.appPasswords.list({ organisationId: elsewhere.organisationId, personId: dora })).toEqual([])
})

test('guesses in its shape are braked like others, and take the time of others, whoever is named', async () => {
  const guess = 'abcd-efgh-jkmn-pqrs-tuvw-xyza'
  const outcomes: string[] = []
  for (let i = 0; i < 14; i++) outcomes.push(await codeOf(prove('bob@corp.test', guess, { clientIp: '10.1.1.1' })))
  expect(outcomes).toContain('sign-in-slow-down')
  await make(await signIn('alice@corp.test'))
  // In turn and the fastest of each: what else the machine does falls on all of them.
  const cases = [
    ['nobody@corp.test', guess],
    ['carol@corp.test', guess],
    ['alice@corp.test', guess],
    ['alice@corp.test', 'not it'],
  ] as const
  const fastest = cases.map(() => Infinity)
  for (let round = 0; round < 7; round++)
    for (const [at, [name, password]] of cases.entries()) {
      const started = performance.now()
      await codeOf(prove(name, password, { clientIp: `203.0.${at}.${round}` }))
      fastest[at] = Math.min(fastest[at]!, performance.now() - started)
    }
  // A hash that is left out is a tenth of it.
  expect(Math.min(...fastest)).toBeGreaterThan(Math.max(...fastest) / 6)
})

test('the first time from a place says with which one', async () => {
  const { password } = await make(await signIn('alice@corp.test'), { name: 'Laptop' })
  await prove('alice@corp.test', password, { clientIp: '192.0.2.200' })
  expect((await audit('signed-in'))[0]!.detail).toEqual({
    clientIp: '192.0.2.200',
    by: 'mail client',
    appPassword: 'Laptop',
  })
})

/** Links to private addresses: to whom, how many, once, and nothing a stranger could tell by asking. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { privateMail } from '../../../testkit/private-mail.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { systemClock } from '../../platform/clock.ts'
import { keysFrom } from '../../platform/keys.ts'
import { silentLog } from '../../platform/log.ts'
import { createAccess, type Access } from '../access/index.ts'
import { phonePlace, privatePlace } from '../directory/index.ts'
import { diskBlobStore } from '../../store/blobs/disk-blob-store.ts'
import { createSignInLinks, type SignInLinks } from './sign-in-link.ts'

const keys = keysFrom(Buffer.alloc(32, 7))
const visitor = { clientIp: '192.0.2.1', userAgent: 'test' }
const NEW = 'seven slow boats upriver'
let fresh: FreshDatabase
let org: MadeOrganisation
let access: Access
let links: SignInLinks
let make: (publicUrl: string) => SignInLinks

let texts: { to: string; text: string }[] = []
let failures = 0
let hangs: Promise<void> | null = null
const sms = {
  async send(to: string, text: string) {
    await hangs
    if (failures-- > 0) throw new Error('answered 429')
    texts.push({ to, text })
  },
}

beforeAll(async () => {
  fresh = await freshDatabase()
  const { db } = fresh
  const log = silentLog
  org = await makeOrganisation(db, { people: ['Alice', 'Bob'], domain: 'corp.test', route: { hosts: [{ host: 'x' }] } })
  await db.query('UPDATE organisation SET outbound_route_id = $2 WHERE organisation_id = $1', [
    org.organisationId,
    org.routeId,
  ])
  const { personId } = org.people['Alice']!
  await db.query("UPDATE person SET locale = 'de' WHERE person_id = $1", [personId])
  await db.query(
    'INSERT INTO private_contact (organisation_id, person_id, sealed, verified_at) VALUES ($1, $2, $3, now())',
    [org.organisationId, personId, keys.seal(privatePlace(personId), Buffer.from('alice@home.example'))],
  )
  // Declared by an admin, and given but not verified: no link goes there.
  const bob = org.people['Bob']!.personId
  const unverified = keys.seal(privatePlace(bob), Buffer.from('bob@home.example'))
  await db.query('UPDATE person SET private_sealed = $2 WHERE person_id = $1', [bob, unverified])
  await db.query(
    `INSERT INTO private_contact (organisation_id, person_id, waiting_sealed, code_hash, code_expires_at)
     VALUES ($1, $2, $3, '\\x00', now() + interval '1 hour')`,
    [org.organisationId, bob, unverified],
  )
  access = createAccess({ db, clock: systemClock, log })
  const mail = await privateMail(db)
  const clock = { ...systemClock, sleep: () => Promise.resolve() }
  make = (publicUrl) => createSignInLinks({ ...mail, clock, sms, publicUrl, find: (name) => access.find(name) })
})
beforeEach(async () => {
  links = make('https://mail-emergency.test/')
  await fresh.db.query('DELETE FROM one_time_link')
  texts = []
  failures = 0
})
afterAll(async () => {
  await access.stop()
  await expectSound(fresh.db, diskBlobStore('/nonexistent'))
  await fresh.drop()
})

/** The links in the mails since; the newest last. */
async function sent(): Promise<{ to: string; token: string; subject: string }[]> {
  const rows = await fresh.db.query<{ id: string; recipient: string; subject: string }>(
    `SELECT m.message_id AS id, d.recipient, m.subject FROM message m JOIN delivery d USING (organisation_id, message_id)
     WHERE m.direction = 5 ORDER BY m.message_id`,
  )
  return Promise.all(
    rows.map(async ({ id, recipient, subject }) => {
      const [body] = await fresh.db.query<{ bytes: Buffer }>('SELECT bytes FROM body WHERE body_id = $1', [id])
      const text = body!.bytes.toString().replaceAll('=\r\n', '')
      return { to: recipient, subject, token: /\/link#([A-Za-z0-9_-]{43})/.exec(text)![1]! }
    }),
  )
}
const ask = async (...names: string[]) => {
  for (const name of names) links.ask(name)
  await links.settled()
}
const outcome = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'good',
    (error: unknown) => (error as { code: string }).code,
  )

test('to the verified private address alone, in the person’s language; it signs in once and a new password is chosen', async () => {
  await ask('ALICE@corp.test', 'bob@corp.test', 'nobody@corp.test', '')
  const [mail, ...others] = await sent()
  expect(others).toEqual([])
  expect(mail).toMatchObject({
    to: 'alice@home.example',
    subject: expect.stringContaining('Notfallpostfach') as string,
  })
  const token = await access.signInByLink({ token: mail!.token, visitor })
  const session = (await access.session(token))!
  expect(session).toMatchObject({
    choosesPassword: true,
    abilities: ['account'],
    subjectId: org.people['Alice']!.personId,
  })
  expect(await outcome(access.signInByLink({ token: mail!.token, visitor }))).toBe('not-found')
  await access.changePassword({ session, current: '', next: NEW, visitor })
  expect(await outcome(access.signIn({ name: 'alice@corp.test', password: NEW, visitor }))).toBe('good')
})

test('three an hour; one that is used ends the others; the first of two at the same moment wins', async () => {
  const before = (await sent()).length
  await ask(...Array.from({ length: 6 }, () => 'alice@corp.test'))
  const mails = (await sent()).slice(before)
  expect(mails).toHaveLength(3)
  const [first, second] = mails as [(typeof mails)[0], (typeof mails)[0]]
  const both = await Promise.all([1, 2].map(() => outcome(access.signInByLink({ token: second.token, visitor }))))
  expect(both.sort()).toEqual(['good', 'not-found'])
  expect(await outcome(access.signInByLink({ token: first.token, visitor }))).toBe('not-found')
})

test('not after its time, not of who was disabled, not by what is no token', async () => {
  const before = (await sent()).length
  await ask('alice@corp.test', 'alice@corp.test')
  const [late, disabled] = (await sent()).slice(before)
  const { personId } = org.people['Alice']!
  const isLate = "token_hash = sha256(convert_to($1, 'UTF8'))"
  await fresh.db.query(`UPDATE one_time_link SET expires_at = now() - interval '1 s' WHERE ${isLate}`, [late!.token])
  expect(await outcome(access.signInByLink({ token: late!.token, visitor }))).toBe('not-found')
  await fresh.db.query('UPDATE person SET disabled_at = now() WHERE person_id = $1', [personId])
  expect(await outcome(access.signInByLink({ token: disabled!.token, visitor }))).toBe('not-found')
  await fresh.db.query('UPDATE person SET disabled_at = NULL WHERE person_id = $1', [personId])
  for (const token of ['', 'x', 'ü'.repeat(300)])
    expect(await outcome(access.signInByLink({ token, visitor }))).toBe('not-found')
  // A set-up link is none.
  const setup = await access.makeSetupLink(fresh.db, 'cli:test')
  expect(await outcome(access.signInByLink({ token: setup, visitor }))).toBe('not-found')
})

test('asking never fails and never waits; without publicUrl nothing is sent; what floods the queue is dropped', async () => {
  const before = (await sent()).length
  links = make('')
  await ask('alice@corp.test')
  links = make('https://mail-emergency.test')
  await ask(...Array.from({ length: 1000 }, (_, n) => `nobody${n}@corp.test`), 'alice@corp.test')
  expect((await sent()).length).toBe(before)
  // The queue is free again.
  await ask('alice@corp.test')
  expect((await sent()).length).toBe(before + 1)
})

test('to a verified telephone, and to both where there are both: the same link; a gateway that fails is asked again, three times in all', async () => {
  const { personId: bob } = org.people['Bob']!
  const { personId: alice } = org.people['Alice']!
  await fresh.db.query('UPDATE person SET disabled_at = NULL')
  const phone = (personId: string, number: string) =>
    fresh.db.query(
      'INSERT INTO private_contact (organisation_id, person_id, kind, sealed, verified_at) VALUES ($1, $2, 2, $3, now())',
      [org.organisationId, personId, keys.seal(phonePlace(personId), Buffer.from(number))],
    )
  await phone(bob, '+41791234567')
  await phone(alice, '+41791234568')
  const before = (await sent()).length
  failures = 2
  await ask('bob@corp.test')
  expect(texts.map(({ to }) => to)).toEqual(['+41791234567'])
  expect((await sent()).length).toBe(before)
  const token = /\/link#([A-Za-z0-9_-]{43})/.exec(texts[0]!.text)![1]!
  expect(await outcome(access.signInByLink({ token, visitor }))).toBe('good')
  await ask('alice@corp.test')
  const [mail] = (await sent()).slice(before)
  expect(mail!.to).toBe('alice@home.example')
  expect(texts[1]).toEqual({ to: '+41791234568', text: expect.stringContaining(mail!.token) as string })
  failures = 3
  await ask('bob@corp.test')
  expect(texts).toHaveLength(2)
  // A gateway that hangs keeps nobody's mail back.
  await fresh.db.query('DELETE FROM one_time_link')
  let goOn: () => void = () => undefined
  hangs = new Promise((done) => (goOn = done))
  failures = 0
  const mailsBefore = (await sent()).length
  for (const name of ['bob@corp.test', 'bob@corp.test', 'alice@corp.test']) links.ask(name)
  while ((await sent()).length === mailsBefore) await systemClock.sleep(20)
  expect(texts).toHaveLength(2)
  goOn()
  hangs = null
  await links.settled()
  expect(texts).toHaveLength(5)
})

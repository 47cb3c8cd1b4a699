/** Letters with emergency codes: who gets one, that a code signs in once and leads to a new password, and nothing else. */
import { PassThrough, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { systemClock, type Clock } from '../../platform/clock.ts'
import { silentLog } from '../../platform/log.ts'
import { replaceCodes } from '../../store/emergency-codes.ts'
import { codeOf, createAccess, hashOfCode, newCode, type Access } from '../access/index.ts'
import { verifyAuditChain } from '../audit/index.ts'
import { codeStanding, issueLetters } from './index.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let access: Access
const quick: Clock = {
  ...systemClock,
  sleep: async () => undefined,
  after: (_, run, options) => systemClock.after(0, run, options),
}
const visitor = { clientIp: '192.0.2.1', userAgent: 'test' }
const OLD = 'three grey owls at dawn'
const NEW = 'seven slow boats upriver'

beforeAll(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: ['Alice', 'Bob', 'Carol'] })
  access = createAccess({ db: fresh.db, clock: quick, log: silentLog })
  await access.setPassword(fresh.db, { subjectId: idOf('Alice'), organisationId: org.organisationId }, OLD, {
    mustChange: false,
    actor: 'cli:test',
  })
})
afterAll(async () => {
  expect(await verifyAuditChain(fresh.db, org.organisationId)).toMatchObject({ ok: true })
  await access.stop()
  await fresh.drop()
})

const idOf = (name: string): string => org.people[name]!.personId
const addressOf = (name: string): string => org.people[name]!.address
/** Codes that the test knows, in place of those on a letter. */
async function giveCodes(name: string, count = 2): Promise<string[]> {
  const codes = Array.from({ length: count }, newCode)
  await replaceCodes(
    fresh.db,
    codes.map((code) => ({
      organisationId: org.organisationId,
      personId: idOf(name),
      hash: hashOfCode(idOf(name), codeOf(code)!),
    })),
  )
  return codes
}
const signIn = (name: string, password: string) => access.signIn({ name: addressOf(name), password, visitor })
const outcome = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'good',
    (error: unknown) => (error as { code: string }).code,
  )

const issue = async (wish: { personIds?: string[] | null; without?: boolean } = {}) => {
  const out = new PassThrough()
  const pdf = buffer(out)
  const letters = await issueLetters(
    { db: fresh.db, clock: systemClock },
    { organisationId: org.organisationId, personIds: null, actor: 'cli:test', url: 'https://mail.test/', ...wish },
    () => out,
  )
  if (letters === 0) out.end()
  return { letters, pdf: await pdf }
}
const pagesOf = (pdf: Buffer): number => (pdf.toString('latin1').match(/\/Type \/Page\b/g) ?? []).length

test('a code is typed in any form, signs in once, and a new password is chosen without the one before', async () => {
  const [first, second] = await giveCodes('Alice')
  const token = await signIn('Alice', ` ${first!.toUpperCase().replaceAll('-', ' – ')} `)
  const session = (await access.session(token))!
  expect(session).toMatchObject({ mustChangePassword: true, choosesPassword: true, abilities: ['account'] })
  expect(await outcome(signIn('Alice', first!))).toBe('sign-in-failed')
  // The old password still works until a new one is chosen; nothing but choosing is possible by the code.
  expect(await outcome(signIn('Alice', OLD))).toBe('good')
  const next = await access.changePassword({ session, current: '', next: NEW, visitor })
  expect(await access.session(next)).toMatchObject({ mustChangePassword: false, choosesPassword: false })
  expect(await access.session(token)).toBeNull()
  expect(await outcome(signIn('Alice', OLD))).toBe('sign-in-failed')
  expect(await outcome(signIn('Alice', NEW))).toBe('good')
  expect(await outcome(signIn('Alice', second!))).toBe('good')
  // A session with a password of its own asks for it.
  const own = (await access.session(await signIn('Alice', NEW)))!
  expect(await outcome(access.changePassword({ session: own, current: '', next: OLD, visitor }))).toBe('sign-in-failed')
})

test('who never had a password signs in by a code; the weak are refused as ever', async () => {
  const [code] = await giveCodes('Bob')
  const session = (await access.session(await signIn('Bob', code!)))!
  expect(await outcome(access.changePassword({ session, current: '', next: 'password123', visitor }))).toBe(
    'bad-request',
  )
  expect(await outcome(access.changePassword({ session, current: '', next: NEW, visitor }))).toBe('good')
})

test("nobody else's, not of the disabled, not by a mail client; at the same moment for one only", async () => {
  const codes = await giveCodes('Carol', 4)
  expect(await outcome(signIn('Bob', codes[0]!))).toBe('sign-in-failed')
  expect(await outcome(access.signIn({ name: 'nobody@nowhere.test', password: codes[0]!, visitor }))).toBe(
    'sign-in-failed',
  )
  const client = {
    name: addressOf('Carol'),
    password: codes[0]!,
    clientIp: '192.0.2.1',
    protocol: 'submission' as const,
  }
  expect(await outcome(access.verifyPerson(client))).toBe('sign-in-failed')
  const both = await Promise.all([outcome(signIn('Carol', codes[0]!)), outcome(signIn('Carol', codes[0]!))])
  expect(both.sort()).toEqual(['good', 'sign-in-failed'])
  await fresh.db.query('UPDATE person SET disabled_at = now() WHERE person_id = $1', [idOf('Carol')])
  expect(await outcome(signIn('Carol', codes[1]!))).toBe('sign-in-failed')
  await fresh.db.query('UPDATE person SET disabled_at = NULL WHERE person_id = $1', [idOf('Carol')])
})

test('a letter for each, those before are no longer good; who has a code may be left out', async () => {
  const [old] = await giveCodes('Alice')
  const all = await issue()
  expect([all.letters, pagesOf(all.pdf)]).toEqual([3, 3])
  expect(all.pdf.subarray(0, 5).toString()).toBe('%PDF-')
  expect(await outcome(signIn('Alice', old!))).toBe('sign-in-failed')
  expect(await codeStanding(fresh.db, org.organisationId)).toEqual({ people: 3, withCodes: 3, used: 0 })
  await fresh.db.query('DELETE FROM emergency_code WHERE person_id = $1', [idOf('Bob')])
  const rest = await issue({ without: true })
  expect([rest.letters, pagesOf(rest.pdf)]).toEqual([1, 1])
  expect((await issue({ without: true })).letters).toBe(0)
  const rows = await fresh.db.query<{ hash: Buffer }>('SELECT code_hash AS hash FROM emergency_code')
  expect(rows).toHaveLength(12)
})

test('a letter that could not be written leaves the earlier one good', async () => {
  const [code] = await giveCodes('Alice')
  const full = new Writable({ write: (_chunk, _encoding, done) => done(new Error('ENOSPC')) })
  await expect(
    issueLetters(
      { db: fresh.db, clock: systemClock },
      { organisationId: org.organisationId, personIds: null, actor: 'cli:test', url: 'https://mail.test' },
      () => full,
    ),
  ).rejects.toThrow('ENOSPC')
  expect(await outcome(signIn('Alice', code!))).toBe('good')
})

test('a one-time password from somebody else ends the codes', async () => {
  const whose = { subjectId: idOf('Bob'), organisationId: org.organisationId }
  const [code] = await giveCodes('Bob')
  await access.setPassword(fresh.db, whose, 'given by the help desk', { mustChange: true, actor: 'cli:test' })
  expect(await outcome(signIn('Bob', code!))).toBe('sign-in-failed')
})

test('a change of password that a reset has overtaken changes nothing', async () => {
  const whose = { subjectId: idOf('Alice'), organisationId: org.organisationId }
  const [code] = await giveCodes('Alice')
  const thief = (await access.session(await signIn('Alice', code!)))!
  await access.setPassword(fresh.db, whose, 'given by the help desk', { mustChange: true, actor: 'cli:test' })
  expect(await outcome(access.changePassword({ session: thief, current: '', next: NEW, visitor }))).toBe('signed-out')
  expect(await outcome(signIn('Alice', 'given by the help desk'))).toBe('good')
  const rows = await fresh.db.query('SELECT FROM credential WHERE subject_id = $1 AND kind = 1', [idOf('Alice')])
  expect(rows).toHaveLength(1)
})

test('two resets at once leave one password', async () => {
  const whose = { subjectId: idOf('Alice'), organisationId: org.organisationId }
  const set = (password: string) =>
    fresh.db.transaction((sql) => access.setPassword(sql, whose, password, { mustChange: true, actor: 'cli:test' }))
  await Promise.all([set('first of two at once'), set('second of two at once')])
  const rows = await fresh.db.query('SELECT FROM credential WHERE subject_id = $1 AND kind = 1', [idOf('Alice')])
  expect(rows).toHaveLength(1)
})

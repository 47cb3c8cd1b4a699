import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FreshDatabase } from '../../../testkit/database.ts'
import { freshDatabase } from '../../../testkit/database.ts'
import type { MadeOrganisation } from '../../../testkit/factories.ts'
import { makeOrganisation } from '../../../testkit/factories.ts'
import { fakeClock, type FakeClock } from '../../../testkit/fake-clock.ts'
import type { Clock } from '../../platform/clock.ts'
import { systemClock } from '../../platform/clock.ts'
import { silentLog } from '../../platform/log.ts'
import { NIL_ID } from '../../platform/ids.ts'
import { verifyAuditChain } from '../audit/index.ts'
import type { Access } from './index.ts'
import { forgetOldPlaces, isKnownPlace } from '../../store/access.ts'
import { placeOf } from './guard.ts'
import { createAccess } from './index.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let access: Access
const PASSWORD = 'three grey owls at dawn'
const visitor = { clientIp: '192.0.2.1', userAgent: 'test' }
/** Sleeps not. */
const quick: Clock = {
  ...systemClock,
  sleep: async () => undefined,
  after: (_, run, options) => systemClock.after(0, run, options),
}

beforeAll(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, {
    people: ['Alice', 'Bob', 'Carol'],
    domain: 'xn--bcher-kva.example',
  })
  access = createAccess({ db: fresh.db, clock: quick, log: silentLog })
  for (const name of ['Alice', 'Bob'])
    await access.setPassword(
      fresh.db,
      { subjectId: org.people[name]!.personId, organisationId: org.organisationId },
      PASSWORD,
      { mustChange: name === 'Bob', actor: 'cli:test' },
    )
})
afterAll(async () => {
  await access.stop()
  await fresh.drop()
})
const signIn = (name: string, password = PASSWORD, from = visitor.clientIp, presented?: string) =>
  access.signIn({ name, password, visitor: { ...visitor, clientIp: from }, presented })
/** Lets a fake clock run until that is over: hashing takes real time. */
async function passing(clock: FakeClock, until: Promise<unknown>): Promise<void> {
  const done = new AbortController()
  void until.then(() => done.abort())
  while (!done.signal.aborted) await clock.advance(100)
}
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'good',
    (error: unknown) => (error as { code: string }).code,
  )

test('any form of any name signs in', async () => {
  await fresh.db.query('UPDATE person SET upn = $2 WHERE person_id = $1', [
    org.people['Alice']!.personId,
    'a.example@corp.test',
  ])
  for (const name of [
    ' Alice@XN--BCHER-KVA.example ',
    'alice@bücher.example',
    'ALICE@BÜCHER.EXAMPLE',
    'A.Example@CORP.test',
  ]) {
    const session = await access.session(await signIn(name))
    expect(session).toMatchObject({
      kind: 'person',
      subjectId: org.people['Alice']!.personId,
      role: 'person',
      organisationId: org.organisationId,
    })
  }
})

test('only the hash of the token is stored, a forged or ended one is nobody', async () => {
  const token = await signIn('alice@bücher.example')
  const rows = await fresh.db.query<{ text: string }>('SELECT s::text AS text FROM session s')
  expect(rows.some((row) => row.text.includes(token))).toBe(false)
  for (const forged of [
    undefined,
    '',
    'x',
    `${token}x`,
    token.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')),
    '\0'.repeat(43),
  ])
    expect(await access.session(forged)).toBeNull()
  await access.signOut(token)
  expect(await access.session(token)).toBeNull()
})

test('signing in ends the session that was presented and never keeps its token', async () => {
  const first = await signIn('alice@bücher.example')
  const second = await signIn('alice@bücher.example', PASSWORD, visitor.clientIp, first)
  expect(second).not.toBe(first)
  expect(await access.session(first)).toBeNull()
  expect(await access.session(second)).not.toBeNull()
})

test('a session slides, and ends for good after a week and when the account is disabled', async () => {
  const token = await signIn('alice@bücher.example')
  await fresh.db.query(
    `UPDATE session SET seen_at = now() - interval '2 hours', expires_at = now() + interval '1 minute' WHERE subject_id = $1`,
    [org.people['Alice']!.personId],
  )
  expect(await access.session(token)).not.toBeNull()
  const moved = await fresh.db.query<{ ok: boolean }>(
    `SELECT bool_or(expires_at > now() + interval '11 hours') AS ok FROM session`,
  )
  expect(moved[0]!.ok).toBe(true)
  await fresh.db.query(`UPDATE session SET created_at = now() - interval '8 days', seen_at = now() - interval '1 hour'`)
  await access.session(token)
  expect(await access.session(token)).toBeNull()
  const other = await signIn('alice@bücher.example')
  await fresh.db.query('UPDATE person SET disabled_at = now() WHERE person_id = $1', [org.people['Alice']!.personId])
  expect(await access.session(other)).toBeNull()
  expect(await codeOf(signIn('alice@bücher.example'))).toBe('sign-in-failed')
  await fresh.db.query('UPDATE person SET disabled_at = NULL WHERE person_id = $1', [org.people['Alice']!.personId])
})

test('wrong name, wrong password, nobody, no password set and nonsense: one answer, about one time', async () => {
  const times = new Map<string, number[]>()
  const tries = [
    ['alice@bücher.example', 'wrong password here'],
    ['nobody@bücher.example', PASSWORD],
    ['carol@bücher.example', PASSWORD],
    ['\0', PASSWORD],
    ['', ''],
  ] as const
  for (let round = 0; round < 6; round++)
    for (const [index, [name, password]] of tries.entries()) {
      const started = performance.now()
      const error = await signIn(name, password, `198.51.100.${round * 10 + index}`).catch((thrown: unknown) => thrown)
      times.set(name, [...(times.get(name) ?? []), performance.now() - started])
      expect(error).toMatchObject({
        code: 'sign-in-failed',
        message: 'The name or the password is not right',
        detail: undefined,
      })
    }
  // The fastest of each: what it costs, and not what else the machine was doing.
  const fastest = [...times.values()].map((list) => Math.min(...list))
  expect(Math.min(...fastest)).toBeGreaterThan(Math.max(...fastest) / 4)
})

test('guessing one name from many addresses takes a lane, and its owner comes in', async () => {
  const clock = fakeClock()
  const watched = createAccess({ db: fresh.db, clock, log: silentLog })
  const guesses = Array.from({ length: 30 }, (_, i) =>
    codeOf(
      watched.signIn({
        name: 'alice@bücher.example',
        password: `guess number ${i}`,
        visitor: { ...visitor, clientIp: `10.1.${i}.1` },
      }),
    ),
  )
  const owner = codeOf(
    watched.signIn({
      name: 'alice@bücher.example',
      password: PASSWORD,
      visitor: { ...visitor, clientIp: '203.0.113.9' },
    }),
  )
  await passing(clock, owner)
  expect(await owner).toBe('good')
  await passing(clock, Promise.all(guesses))
  expect(new Set(await Promise.all(guesses))).toEqual(new Set(['sign-in-failed']))
  await watched.stop()
})

test('guesses at once: most are told to come back, after a few were looked at', async () => {
  const clock = fakeClock()
  const watched = createAccess({ db: fresh.db, clock, log: silentLog })
  const guesses = Promise.all(
    Array.from({ length: 120 }, (_, i) =>
      codeOf(watched.signIn({ name: 'alice@bücher.example', password: `guess ${i}`, visitor })),
    ),
  )
  await passing(clock, guesses)
  const outcomes = await guesses
  expect(outcomes.filter((code) => code === 'sign-in-failed').length).toBeLessThan(20)
  expect(outcomes.filter((code) => code === 'sign-in-slow-down').length).toBeGreaterThan(90)
  await watched.stop()
})

test('guessing many names from one address is braked; other addresses, and who signed in there before, are not', async () => {
  const clock = fakeClock()
  const from = { ...visitor, clientIp: '10.9.9.9' }
  await signIn('alice@bücher.example', PASSWORD, from.clientIp)
  // A restart does not forget it.
  const watched = createAccess({ db: fresh.db, clock, log: silentLog })
  const guess = (i: number) =>
    codeOf(watched.signIn({ name: `stranger${i}@bücher.example`, password: 'guess', visitor: from }))
  const guesses = Promise.all(Array.from({ length: 120 }, (_, i) => guess(i)))
  const known = codeOf(watched.signIn({ name: 'alice@bücher.example', password: PASSWORD, visitor: from }))
  const elsewhere = { ...visitor, clientIp: '10.9.9.10' }
  const other = codeOf(watched.signIn({ name: 'bob@bücher.example', password: PASSWORD, visitor: elsewhere }))
  expect([await known, await other]).toEqual(['good', 'good'])
  await passing(clock, guesses)
  expect((await guesses).filter((code) => code === 'sign-in-slow-down').length).toBeGreaterThan(50)
  expect((await guesses).filter((code) => code === 'sign-in-failed').length).toBeLessThan(60)
  await watched.stop()
})

test('places are kept for twenty networks and ninety days, and say nothing to whoever reads the table', async () => {
  for (let i = 0; i < 30; i++) await signIn('alice@bücher.example', PASSWORD, `10.20.${i}.1`)
  const rows = await fresh.db.query<{ text: string }>(
    'SELECT p::text AS text FROM sign_in_place p WHERE subject_id = $1',
    [org.people['Alice']!.personId],
  )
  expect(rows).toHaveLength(20)
  expect(rows.map(({ text }) => text).join()).not.toMatch(/alice|10\.20/)
  const place = placeOf({ name: 'alice@xn--bcher-kva.example', network: '10.20.29.1' })
  expect(await isKnownPlace(fresh.db, place)).toBe(true)
  await fresh.db.query(`UPDATE sign_in_place SET seen_at = now() - interval '91 days'`)
  await forgetOldPlaces(fresh.db)
  expect(await isKnownPlace(fresh.db, place)).toBe(false)
})

test('a one-time password can only be replaced; the change ends other sessions and is in the audit', async () => {
  const token = await signIn('bob@bücher.example')
  const other = await signIn('bob@bücher.example')
  const session = (await access.session(token))!
  expect(session).toMatchObject({ mustChangePassword: true, abilities: ['account'] })
  expect(
    await codeOf(access.changePassword({ session, current: 'not this one', next: 'five green boats asleep', visitor })),
  ).toBe('sign-in-failed')
  expect(await codeOf(access.changePassword({ session, current: PASSWORD, next: PASSWORD, visitor }))).toBe(
    'bad-request',
  )
  expect(await codeOf(access.changePassword({ session, current: PASSWORD, next: 'password2026', visitor }))).toBe(
    'bad-request',
  )
  const next = await access.changePassword({ session, current: PASSWORD, next: 'five green boats asleep', visitor })
  expect(await access.session(token)).toBeNull()
  expect(await access.session(other)).toBeNull()
  expect(await access.session(next)).toMatchObject({
    mustChangePassword: false,
    abilities: expect.arrayContaining(['mail']) as string[],
  })
  // who signed in once has signed in, whatever password they have now
  const used = await fresh.db.query(
    'SELECT count(*)::int AS n FROM credential WHERE subject_id = $1 AND last_used_at IS NOT NULL',
    [session.subjectId],
  )
  expect(used).toEqual([{ n: 1 }])
  expect(await verifyAuditChain(fresh.db, org.organisationId)).toMatchObject({ ok: true })
})

test('a set-up link makes one administrator, once, and a newer one ends it', async () => {
  const stale = await access.makeSetupLink(fresh.db, 'cli:test')
  const token = await access.makeSetupLink(fresh.db, 'cli:test')
  expect([
    await access.setupLinkValid(stale),
    await access.setupLinkValid(token),
    await access.setupLinkValid(''),
  ]).toEqual([false, true, false])
  const first = { token, name: ' Boss ', display: 'The Boss', password: PASSWORD, locale: 'en', visitor }
  expect(await codeOf(access.setUp({ ...first, password: 'short' }))).toBe('bad-request')
  for (const name of ['Tired Admin', 'tired\u00a0admin', 'tired\tadmin'])
    expect(await codeOf(access.setUp({ ...first, name }))).toBe('bad-request')
  expect(await codeOf(access.setUp({ ...first, name: 'alice@bücher.example' }))).toBe('conflict')
  const outcomes = await Promise.all(['one', 'two', 'three'].map((name) => codeOf(access.setUp({ ...first, name }))))
  expect(outcomes.sort()).toEqual(['good', 'not-found', 'not-found'])
  expect(await access.operatorCount()).toBe(1)
  expect(await verifyAuditChain(fresh.db, NIL_ID)).toMatchObject({ ok: true })
})

test('passwords are kept as argon2id', async () => {
  const rows = await fresh.db.query<{ verifier: string }>('SELECT verifier FROM credential')
  expect(rows.every((row) => row.verifier.startsWith('$argon2id$v=19$m=19456,t=2,p=1$'))).toBe(true)
})

/** Name and password of people on connections without a session: the same brakes, no operators, nothing to be guessed. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { fakeClock, type FakeClock } from '../../../testkit/fake-clock.ts'
import { systemClock, type Clock } from '../../platform/clock.ts'
import { silentLog } from '../../platform/log.ts'
import { createAccess, type Access } from './index.ts'

const PASSWORD = 'three grey owls at dawn'
/** Sleeps not. */
const quick: Clock = {
  ...systemClock,
  sleep: async () => undefined,
  after: (_, run, options) => systemClock.after(0, run, options),
}
let fresh: FreshDatabase
let org: MadeOrganisation
let access: Access
const whose = (name: string) => ({ subjectId: org.people[name]!.personId, organisationId: org.organisationId })
const setPassword = (name: string, password: string, mustChange = false) =>
  access.setPassword(fresh.db, whose(name), password, { mustChange, actor: 'cli:test' })
const prove = (name: string, password = PASSWORD, clientIp = '192.0.2.1') =>
  access.verifyPerson({ name, password, clientIp, protocol: 'submission' })
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'good',
    (error: unknown) => (error as { code: string }).code,
  )
/** Lets a fake clock run until that is over: hashing takes real time. */
async function passing(clock: FakeClock, until: Promise<unknown>): Promise<void> {
  const done = new AbortController()
  void until.then(() => done.abort())
  while (!done.signal.aborted) await clock.advance(100)
}

beforeAll(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: ['alice', 'bob', 'carol'], domain: 'corp.test' })
  access = createAccess({ db: fresh.db, clock: quick, log: silentLog })
  await setPassword('alice', PASSWORD)
  await setPassword('bob', PASSWORD, true)
  const token = await access.makeSetupLink(fresh.db, 'cli:test')
  const visitor = { clientIp: '192.0.2.1', userAgent: null }
  await access.setUp({ token, name: 'boss', display: 'Boss', password: PASSWORD, locale: 'en', visitor })
})
afterAll(async () => {
  await access.stop()
  await fresh.drop()
})

test('a person is known by any form of the name, and no web session is made', async () => {
  const sessions = async () => (await fresh.db.query('SELECT FROM session')).length
  const before = await sessions()
  for (const name of ['alice@corp.test', ' Alice@CORP.test '])
    expect(await prove(name)).toMatchObject({
      organisationId: org.organisationId,
      personId: org.people['alice']!.personId,
    })
  expect(await sessions()).toBe(before)
})

test('an operator, a stranger, one without a password and a wrong password are all told the same', async () => {
  for (const [index, name] of ['boss', 'nobody@corp.test', 'carol@corp.test', '\0', ''].entries())
    await expect(prove(name, PASSWORD, `198.51.100.${index}`)).rejects.toMatchObject({
      code: 'sign-in-failed',
      detail: undefined,
    })
  await expect(prove('alice@corp.test', 'not it', '198.51.100.99')).rejects.toMatchObject({ code: 'sign-in-failed' })
})

test('they take about one time', async () => {
  // In turn and the fastest of each: what else the machine does falls on all of them.
  const cases = [
    ['boss', PASSWORD],
    ['nobody@corp.test', PASSWORD],
    ['alice@corp.test', 'not it'],
  ] as const
  const fastest = cases.map(() => Infinity)
  for (let round = 0; round < 5; round++)
    for (const [at, [name, password]] of cases.entries()) {
      const started = performance.now()
      await codeOf(prove(name, password, `203.0.${at}.${round}`))
      fastest[at] = Math.min(fastest[at]!, performance.now() - started)
    }
  expect(Math.min(...fastest)).toBeGreaterThan(Math.max(...fastest) / 4)
})

test('a password that must be changed first is refused in words, a wrong one in its stead is only wrong', async () => {
  await expect(prove('bob@corp.test')).rejects.toMatchObject({
    code: 'password-change-needed',
    detail: expect.stringContaining('web pages'),
  })
  expect(await codeOf(prove('bob@corp.test', 'not it'))).toBe('sign-in-failed')
})

test('it holds until the password is another one or the person is disabled', async () => {
  const person = await prove('alice@corp.test')
  expect(await access.holds(person)).toBe(true)
  await fresh.db.query('UPDATE person SET disabled_at = now() WHERE person_id = $1', [person.personId])
  expect(await access.holds(person)).toBe(false)
  expect(await codeOf(prove('alice@corp.test'))).toBe('sign-in-failed')
  await fresh.db.query('UPDATE person SET disabled_at = NULL WHERE person_id = $1', [person.personId])
  expect(await access.holds(person)).toBe(true)
  await setPassword('alice', PASSWORD)
  expect(await access.holds(person)).toBe(false)
})

test('the audit names the first time from a place, not every connection', async () => {
  const rows = async () =>
    (await fresh.db.query(`SELECT FROM audit WHERE action = 'signed-in' AND subject LIKE 'person:%'`)).length
  await prove('alice@corp.test', PASSWORD, '192.0.2.77')
  const before = await rows()
  await prove('alice@corp.test', PASSWORD, '192.0.2.77')
  expect(await rows()).toBe(before)
  await prove('alice@corp.test', PASSWORD, '192.0.2.78')
  expect(await rows()).toBe(before + 1)
})

test('the right password of an operator is a guess like any: it is braked', async () => {
  const clock = fakeClock()
  const watched = createAccess({ db: fresh.db, clock, log: silentLog })
  const tries = Promise.all(
    Array.from({ length: 120 }, () =>
      codeOf(watched.verifyPerson({ name: 'boss', password: PASSWORD, clientIp: '10.1.1.2', protocol: 'submission' })),
    ),
  )
  await passing(clock, tries)
  expect((await tries).filter((code) => code === 'sign-in-slow-down').length).toBeGreaterThan(90)
  await watched.stop()
})

test('guesses at once: most are told to come back, and guesses on the web pages count here too', async () => {
  const clock = fakeClock()
  const watched = createAccess({ db: fresh.db, clock, log: silentLog })
  const visitor = { clientIp: '10.1.1.1', userAgent: null }
  const guesses = Promise.all(
    Array.from({ length: 120 }, (_, i) =>
      codeOf(
        i % 2
          ? watched.verifyPerson({
              name: 'alice@corp.test',
              password: `guess ${i}`,
              clientIp: visitor.clientIp,
              protocol: 'submission',
            })
          : watched.signIn({ name: 'alice@corp.test', password: `guess ${i}`, visitor }),
      ),
    ),
  )
  await passing(clock, guesses)
  const outcomes = await guesses
  expect(outcomes.filter((code) => code === 'sign-in-failed').length).toBeLessThan(20)
  expect(outcomes.filter((code) => code === 'sign-in-slow-down').length).toBeGreaterThan(90)
  await watched.stop()
})

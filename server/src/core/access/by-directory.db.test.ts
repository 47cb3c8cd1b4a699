/** Signing in by an organisation's directory, and without it while it is down: a stand-in directory, real hashes and rows. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { fakeClock, type FakeClock } from '../../../testkit/fake-clock.ts'
import type { Verdict } from '../../clients/ldap/answer.ts'
import { Pin, PinTarget } from '../../platform/codes.ts'
import { systemClock, type Clock } from '../../platform/clock.ts'
import { keysFrom } from '../../platform/keys.ts'
import { silentLog } from '../../platform/log.ts'
import { removePin, writePin } from '../../store/pins.ts'
import { ldapPlace } from '../directory/index.ts'
import { createDirectories } from './directories.ts'
import { createAccess, type Access } from './index.ts'

const PASSWORD = 'three grey owls at dawn'
/** Sleeps not. */
const quick: Clock = {
  ...systemClock,
  sleep: async () => undefined,
}
const keys = keysFrom(Buffer.alloc(32, 7))
let fresh: FreshDatabase
let org: MadeOrganisation
let access: Access
let asked: { name: string; password: string }[] = []
/** null: it is down */
let says: ((name: string, password: string) => Verdict) | null

const createIt = (clock: Clock): Access =>
  createAccess({
    db: fresh.db,
    clock,
    log: silentLog,
    keys: () => keys,
    directories: createDirectories({
      clock,
      log: silentLog,
      ask: async (_clock, _server, directory, { name, password }) => {
        expect(directory.bindPassword).toBe('search secret')
        asked.push({ name, password })
        if (!says) throw new Error('connect ECONNREFUSED')
        return says(name, password)
      },
    }),
  })
const knows =
  (people: Record<string, string>) =>
  (name: string, password: string): Verdict =>
    !(name in people) ? 'not-found' : people[name] === password ? 'good' : 'wrong'

const declare = (cacheDays = 30) =>
  fresh.db.query('UPDATE organisation SET sign_in = $2, ldap_sealed = $3 WHERE organisation_id = $1', [
    org.organisationId,
    JSON.stringify({
      ldap: {
        servers: [{ host: 'ldap.corp.test', port: 636, tls: 'ldaps' }],
        bindDn: 'cn=search,dc=corp,dc=test',
        baseDn: 'dc=corp,dc=test',
        filter: '(mail={name})',
        cacheDays,
      },
    }),
    keys.seal(ldapPlace(org.organisationId), Buffer.from('search secret')),
  ])

beforeAll(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: ['alice', 'bob', 'carol', 'dora'], domain: 'corp.test' })
  await fresh.db.query('UPDATE person SET upn = $2 WHERE person_id = $1', [idOf('bob'), 'b.rower@ad.corp.test'])
})
let network = 0
beforeEach(async () => {
  await fresh.db.query('DELETE FROM credential')
  await fresh.db.query('DELETE FROM mode_pin')
  await declare()
  asked = []
  says = knows({ 'alice@corp.test': PASSWORD, 'b.rower@ad.corp.test': 'of bob' })
  network++
  access = createIt(quick)
})
afterEach(() => access.stop())
afterAll(() => fresh.drop())

const idOf = (name: string) => org.people[name]!.personId
const prove = (name: string, password = PASSWORD) =>
  access.verifyPerson({ protocol: 'submission', name: `${name}@corp.test`, password, clientIp: `192.0.2.${network}` })
const signIn = (name: string, password = PASSWORD) =>
  access.signIn({ name: `${name}@corp.test`, password, visitor: { clientIp: `192.0.2.${network}`, userAgent: null } })
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'good',
    (error: unknown) => (error as { code: string }).code,
  )
const cached = () =>
  fresh.db.query<{ subject: string; verifier: string }>(
    'SELECT subject_id AS subject, verifier FROM credential WHERE kind = 2',
  )
/** Down at once, with nothing that rests from before. */
async function goDown(): Promise<void> {
  says = null
  await access.stop()
  access = createIt(quick)
}
const setOwn = (name: string, password: string, mustChange = false) =>
  access.setPassword(fresh.db, { subjectId: idOf(name), organisationId: org.organisationId }, password, {
    mustChange,
    actor: 'cli:test',
  })

test('by the directory, and while it is down by the password that was good there last', async () => {
  const token = await signIn('alice')
  expect(await access.session(token)).toMatchObject({ subjectId: idOf('alice'), mustChangePassword: false })
  const [kept, ...others] = await cached()
  expect(others).toEqual([])
  expect(kept).toMatchObject({ subject: idOf('alice') })
  expect(kept!.verifier).toMatch(/^\$argon2id\$/)
  await goDown()
  await signIn('alice')
  expect(await prove('alice')).toMatchObject({ personId: idOf('alice') })
  expect(await codeOf(signIn('alice', 'another'))).toBe('sign-in-failed')
  // Who never signed in by it has nothing that counts.
  expect(await codeOf(signIn('bob', 'of bob'))).toBe('sign-in-failed')
  const audits = await fresh.db.query<{ detail: { proof?: string } }>(
    "SELECT detail FROM audit WHERE action = 'signed-in' AND organisation_id = $1 ORDER BY seq",
    [org.organisationId],
  )
  expect(audits.map(({ detail }) => detail.proof).slice(0, 2)).toEqual(['directory', 'remembered'])
  expect(JSON.stringify(audits)).not.toContain(PASSWORD)
})

test('the directory is asked for the UPN, else the first address, and by whatever name the same person', async () => {
  await signIn('bob', 'of bob')
  await access.signIn({
    name: 'B.Rower@ad.corp.test',
    password: 'of bob',
    visitor: { clientIp: null, userAgent: null },
  })
  await signIn('alice')
  expect(asked.map(({ name }) => name)).toEqual(['b.rower@ad.corp.test', 'b.rower@ad.corp.test', 'alice@corp.test'])
})

test('with a password of their own as well: that first, and the directory is not told it', async () => {
  await setOwn('alice', 'own password here')
  await signIn('alice', 'own password here')
  expect(asked).toEqual([])
  await signIn('alice')
  expect(asked).toHaveLength(1)
  await goDown()
  await signIn('alice', 'own password here')
  await signIn('alice')
  expect(await codeOf(signIn('alice', 'neither'))).toBe('sign-in-failed')
})

test('a one-time password of ours need not be changed by who signed in by the directory', async () => {
  await setOwn('alice', 'one time', true)
  expect(await access.session(await signIn('alice'))).toMatchObject({ mustChangePassword: false })
  expect(await prove('alice')).toMatchObject({ personId: idOf('alice') })
  expect(await access.session(await signIn('alice', 'one time'))).toMatchObject({ mustChangePassword: true })
  expect(await codeOf(prove('alice', 'one time'))).toBe('password-change-needed')
})

test('a changed password: the old one is forgotten when the directory refuses it, the new one is remembered', async () => {
  const before = await prove('alice')
  says = knows({ 'alice@corp.test': 'the new one' })
  // Nonsense says nothing of the remembered one: it is for the next outage.
  expect(await codeOf(prove('alice', 'nonsense'))).toBe('sign-in-failed')
  expect(await cached()).toHaveLength(1)
  expect(await codeOf(prove('alice'))).toBe('sign-in-failed')
  expect(await cached()).toEqual([])
  expect(await access.holds(before)).toBe(false)
  const after = await prove('alice', 'the new one')
  // The same again is the same.
  expect(await prove('alice', 'the new one')).toEqual(after)
  expect(await access.holds(after)).toBe(true)
  await goDown()
  expect(await codeOf(prove('alice'))).toBe('sign-in-failed')
  await prove('alice', 'the new one')
})

test('a mail client that opens several connections at first proves one thing', async () => {
  const attempts = Array.from({ length: 4 }, (_, i) =>
    access.verifyPerson({
      protocol: 'submission',
      name: 'alice@corp.test',
      password: PASSWORD,
      clientIp: `198.18.0.${i}`,
    }),
  )
  const [first, ...others] = await Promise.all(attempts)
  expect(await access.holds(first!)).toBe(true)
  for (const other of others) expect(other).toEqual(first)
})

test('who has signed in with the new one ends the old one', async () => {
  const before = await prove('alice')
  says = knows({ 'alice@corp.test': 'the new one' })
  await prove('alice', 'the new one')
  expect(await access.holds(before)).toBe(false)
  expect(await cached()).toHaveLength(1)
  await goDown()
  expect(await codeOf(prove('alice'))).toBe('sign-in-failed')
})

test.each<[Verdict, string, number]>([
  ['disabled', 'nonsense', 0],
  ['disabled', PASSWORD, 0],
  // So says a replica that is half restored, too.
  ['not-found', PASSWORD, 1],
  ['not-found', 'nonsense', 1],
  ['ambiguous', PASSWORD, 1],
  ['must-change', PASSWORD, 0],
  // Anybody can lock somebody's account by guessing.
  ['locked', PASSWORD, 1],
])('the directory says %s to %j: refused, and %i remembered', async (verdict, password, left) => {
  await prove('alice')
  says = () => verdict
  expect(await codeOf(prove('alice', password))).toBe('sign-in-failed')
  expect(await cached()).toHaveLength(left)
})

test('an account that the directory closed: whoever is in by its word is out, nobody else is', async () => {
  const [alice, bob] = [await signIn('alice'), await signIn('bob', 'of bob')]
  await setOwn('alice', 'a password of her own')
  const own = await signIn('alice', 'a password of her own')
  says = () => 'wrong'
  expect(await codeOf(prove('alice', 'nonsense'))).toBe('sign-in-failed')
  says = () => 'disabled'
  expect(await codeOf(prove('alice', 'nonsense'))).toBe('sign-in-failed')
  expect(await access.session(alice)).toBeNull()
  expect(await access.session(own)).toMatchObject({ subjectId: idOf('alice') })
  expect(await access.session(bob)).toMatchObject({ subjectId: idOf('bob') })
})

test('too old is too old, and a good sign-in makes it young again', async () => {
  const age = (days: number) =>
    fresh.db.query(`UPDATE credential SET proved_at = now() - make_interval(days => $1) - interval '1 minute'`, [days])
  await prove('alice')
  await age(29)
  await goDown()
  await prove('alice')
  await age(30)
  expect(await codeOf(prove('alice'))).toBe('sign-in-failed')
  says = knows({ 'alice@corp.test': PASSWORD })
  await access.stop()
  access = createIt(quick)
  await prove('alice')
  await goDown()
  await prove('alice')
  await declare(0)
  expect(await codeOf(prove('alice'))).toBe('sign-in-failed')
})

test.each(['person', 'group', 'domain', 'organisation'] as const)(
  'a hold on the %s: it counts no more, at once',
  async (target) => {
    const groupId = '0198c0de-0000-7000-8000-000000000001'
    await fresh.db.query(
      `INSERT INTO person_group (organisation_id, group_id, name) VALUES ($1, $2, 'staff') ON CONFLICT DO NOTHING`,
      [org.organisationId, groupId],
    )
    await fresh.db.query('UPDATE person SET group_id = $2 WHERE person_id = $1', [idOf('alice'), groupId])
    const ids = { person: idOf('alice'), group: groupId, domain: org.domainId, organisation: org.organisationId }
    const key = { organisationId: org.organisationId, target: PinTarget[target], targetId: ids[target] }
    const pin = { ...key, reason: 'stolen', author: 'test', until: null, version: undefined }
    says = knows({ 'alice@corp.test': PASSWORD, 'b.rower@ad.corp.test': 'of bob' })
    const signed = await prove('alice')
    await prove('bob', 'of bob')
    await writePin(fresh.db, { ...pin, pin: Pin.emergency })
    expect(await cached()).toHaveLength(2)
    await writePin(fresh.db, { ...pin, pin: Pin.hold })
    // Whom it is about, and nobody else.
    const others = target === 'person' || target === 'group' ? [idOf('bob')] : []
    expect((await cached()).map(({ subject }) => subject)).toEqual(others)
    expect(await access.holds(signed)).toBe(false)
    // The directory decides while it is there; what it says then waits for the end of the hold.
    await prove('alice')
    await goDown()
    expect(await codeOf(prove('alice'))).toBe('sign-in-failed')
    await removePin(fresh.db, key, undefined)
    await prove('alice')
  },
)

test('no directory any more: what it said counts no more', async () => {
  await prove('alice')
  await fresh.db.query('UPDATE organisation SET ldap_sealed = NULL')
  expect(await codeOf(prove('alice'))).toBe('sign-in-failed')
  expect(asked).toHaveLength(1)
})

test('a secret that cannot be opened is a directory that cannot be asked', async () => {
  await prove('alice')
  await fresh.db.query('UPDATE organisation SET ldap_sealed = $1', [keys.seal('elsewhere', Buffer.from('x'))])
  await prove('alice')
  expect(asked).toHaveLength(1)
})

test('a hundred people sign in while it says nothing, and wait for it once', async () => {
  const crowd = await makeOrganisation(fresh.db, {
    people: Array.from({ length: 100 }, (_, i) => `p${i}`),
    domain: 'crowd.test',
  })
  await fresh.db.query(
    `UPDATE organisation o SET sign_in = x.sign_in, ldap_sealed = $3 FROM organisation x
     WHERE o.organisation_id = $1 AND x.organisation_id = $2`,
    [
      crowd.organisationId,
      org.organisationId,
      keys.seal(ldapPlace(crowd.organisationId), Buffer.from('search secret')),
    ],
  )
  await prove('alice')
  await fresh.db.query(
    `INSERT INTO credential (credential_id, organisation_id, subject_id, kind, verifier, proved_at)
     SELECT gen_random_uuid(), p.organisation_id, p.person_id, 2, c.verifier, now() FROM person p, credential c
     WHERE p.organisation_id = $1 AND c.subject_id = $2`,
    [crowd.organisationId, idOf('alice')],
  )
  let questions = 0
  const watched = createAccess({
    db: fresh.db,
    clock: systemClock,
    log: silentLog,
    keys: () => keys,
    directories: createDirectories({
      clock: systemClock,
      log: silentLog,
      ask: async () => {
        questions++
        await systemClock.sleep(300)
        throw new Error('connect ETIMEDOUT')
      },
    }),
  })
  const people = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      watched.verifyPerson({
        protocol: 'submission',
        name: `p${i}@crowd.test`,
        password: PASSWORD,
        clientIp: `198.51.100.${i}`,
      }),
    ),
  )
  expect(new Set(people.map(({ personId }) => personId)).size).toBe(100)
  // The first ones, and who tries it after each rest: hashing takes a while on a busy machine.
  expect(questions).toBeLessThan(12)
  await watched.stop()
}, 60_000)

test('guesses at a name of the directory are braked like any', async () => {
  const clock = fakeClock()
  const watched = createIt(clock)
  const attempts = Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      codeOf(
        watched.verifyPerson({
          protocol: 'submission',
          name: 'alice@corp.test',
          password: `guess ${i}`,
          clientIp: '203.0.113.9',
        }),
      ),
    ),
  )
  await passing(clock, attempts)
  const codes = await attempts
  expect(codes.filter((code) => code === 'sign-in-slow-down').length).toBeGreaterThan(15)
  expect(asked.length).toBe(codes.filter((code) => code === 'sign-in-failed').length)
  await watched.stop()
})

test('a name that nobody has at a domain of the organisation is asked as well, and lets nobody in', async () => {
  says = knows({ 'alice@corp.test': PASSWORD, 'stranger@corp.test': PASSWORD })
  expect(await codeOf(prove('nobody'))).toBe('sign-in-failed')
  // Known there and not here.
  expect(await codeOf(prove('stranger'))).toBe('sign-in-failed')
  const elsewhere = { name: 'nobody@AD.corp.test', password: PASSWORD, clientIp: `192.0.2.${network}` }
  expect(await codeOf(access.verifyPerson({ ...elsewhere, protocol: 'submission' }))).toBe('sign-in-failed')
  expect(asked.splice(2).map(({ name }) => name)).toEqual(['nobody@ad.corp.test'])
  // At a domain that nobody here has.
  expect(await codeOf(access.verifyPerson({ protocol: 'submission', ...elsewhere, name: 'a@elsewhere.test' }))).toBe(
    'sign-in-failed',
  )
  expect(asked.map(({ name }) => name)).toEqual(['nobody@corp.test', 'stranger@corp.test'])
  expect(await cached()).toEqual([])
  expect(await access.find('nobody@corp.test')).toBeNull()
  expect(await codeOf(prove('alice', ''))).toBe('sign-in-failed')
  expect(asked).toHaveLength(2)
})

test('refusals take about one time, whoever is meant and whether it is up or down', async () => {
  await prove('alice')
  await setOwn('dora', 'own password here')
  const names = ['alice@corp.test', 'carol@corp.test', 'dora@corp.test', 'nobody@corp.test', 'nobody@ad.corp.test']
  for (const isUp of [true, false]) {
    if (!isUp) await goDown()
    // In turn and the fastest of each: what else the machine does falls on all of them.
    const fastest = names.map(() => Infinity)
    for (let round = 0; round < 6; round++)
      for (const [at, name] of names.entries()) {
        const started = performance.now()
        const clientIp = `203.0.${(isUp ? 10 : 20) + at}.${round}`
        await codeOf(access.verifyPerson({ protocol: 'submission', name, password: 'not it', clientIp }))
        fastest[at] = Math.min(fastest[at]!, performance.now() - started)
      }
    // A hash that is left out is a tenth of it.
    expect(Math.min(...fastest)).toBeGreaterThan(Math.max(...fastest) / 6)
  }
})

test('who has no password of their own here changes it where it is kept', async () => {
  const session = await access.session(await signIn('alice'))
  const change = {
    session: session!,
    current: PASSWORD,
    next: 'seven blue boats ashore',
    visitor: { clientIp: null, userAgent: null },
  }
  await expect(access.changePassword(change)).rejects.toMatchObject({ code: 'bad-request' })
})

/** Lets a fake clock run until that is over: hashing takes real time. */
async function passing(clock: FakeClock, until: Promise<unknown>): Promise<void> {
  const done = new AbortController()
  void until.then(() => done.abort())
  while (!done.signal.aborted) await clock.advance(100)
}

test('what was typed for nobody, and what has the form of our own secrets, is told to no directory', async () => {
  await codeOf(prove('nobody', 'a secret of somebody'))
  expect(asked.map((one) => JSON.stringify(one)).join()).not.toContain('a secret of somebody')
  const before = asked.length
  await codeOf(prove('alice', 'abcd-efgh-jkmn-pqrs-tuvw-xyza'))
  await codeOf(signIn('alice', 'abcd-efgh-jkmn-pqrs'))
  expect(asked).toHaveLength(before)
  await codeOf(prove('alice', 'not it'))
  expect(asked).toHaveLength(before + 1)
})

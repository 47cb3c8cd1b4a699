/** The API as a browser meets it: who may do what, CSRF, errors, headers, and that answers are what the contract says. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FreshDatabase } from '../../../testkit/database.ts'
import { freshDatabase } from '../../../testkit/database.ts'
import type { MadeOrganisation } from '../../../testkit/factories.ts'
import { makeList, makeOrganisation, makeRedirect } from '../../../testkit/factories.ts'
import type { Access } from '../../core/access/index.ts'
import { createAccess, roleAbilities } from '../../core/access/index.ts'
import type { RoleWord } from '../../core/access/index.ts'
import { createContinuity } from '../../core/continuity/index.ts'
import { createRouteBook } from '../../core/directory/index.ts'
import { createFourEyes } from '../../core/four-eyes/index.ts'
import { systemClock } from '../../platform/clock.ts'
import { ListPosting, Mode, Role } from '../../platform/codes.ts'
import { newId } from '../../platform/ids.ts'
import { keysFrom } from '../../platform/keys.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import type { HttpServer } from '../http/index.ts'
import { createHttp, visitorOf } from '../http/index.ts'
import { contract, operations } from './contract/index.ts'
import { adminRoutes } from './index.ts'
import { noContacts } from '../../../testkit/no-contacts.ts'

const PASSWORD = 'three grey owls at dawn'
const roles = ['person', 'helpdesk', 'auditor', 'admin', 'operator'] as const
let fresh: FreshDatabase
let org: MadeOrganisation
let other: MadeOrganisation
let access: Access
let http: HttpServer
const signedIn = {} as Record<RoleWord, { cookie: string; csrf: string }>
let delivery = ''
let message = ''

interface Ask {
  method: string
  path: string
  as?: RoleWord
  body?: object | undefined
  headers?: Record<string, string>
}
async function ask({ method, path, as, body, headers = {} }: Ask) {
  const who = as ? signedIn[as] : undefined
  const response = await http.app.inject({
    method: method as 'GET',
    url: `/api/v1${path}`,
    headers: {
      ...(who ? { 'cookie': `holdfast=${who.cookie}`, 'x-holdfast-csrf': who.csrf } : {}),
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...headers,
    },
    ...(body ? { payload: JSON.stringify(body) } : {}),
  })
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what came over the wire is what these tests look at
  const json: any = response.body.startsWith('{') || response.body.startsWith('[') ? JSON.parse(response.body) : null
  return {
    status: response.statusCode,
    json,
    code: json?.error?.code as string | undefined,
    headers: response.headers,
    cookies: response.cookies as { name: string; value: string; httpOnly?: boolean; sameSite?: string }[],
  }
}
const signIn = (name: string, password = PASSWORD, headers = {}) =>
  ask({ method: 'POST', path: '/session', body: { name, password }, headers })

beforeAll(async () => {
  fresh = await freshDatabase()
  const { db } = fresh
  org = await makeOrganisation(db, { people: ['Person', 'Helpdesk', 'Auditor', 'Admin'] })
  other = await makeOrganisation(db, { people: ['Stranger'] })
  access = createAccess({ db, clock: systemClock, log: silentLog, keys: () => keysFrom(Buffer.alloc(32, 7)) })
  const routes = createRouteBook({ db, clock: systemClock, log: silentLog })
  await routes.refresh()
  const continuity = createContinuity({
    db,
    clock: systemClock,
    log: silentLog,
    nodeId: newId(Date.now()),
    routes,
    helo: 'test',
    judging: false,
  })
  http = await createHttp({
    listen: { host: '127.0.0.1', port: 0 },
    publicUrl: '',
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
    access,
    ready: async () => ({ ready: true, checks: [{ name: 'database', ok: true }] }),
    webRoot: null,
  })
  http.register(
    adminRoutes({
      db,
      clock: systemClock,
      access,
      continuity,
      signInLinks: { ask: () => undefined },
      privateContacts: noContacts,
      fourEyes: createFourEyes({ db, clock: systemClock }),
      disk: { isFull: () => false, fullInMs: () => null },
      version: '0.0.0',
      publicUrl: 'https://mail.test',
      secure: false,
    }),
  )
  const token = await access.makeSetupLink(db, 'cli:test')
  expect((await ask({ method: 'POST', path: '/setup/check', body: { token } })).json).toEqual({ valid: true })
  const first = await ask({
    method: 'POST',
    path: '/setup',
    body: { token, name: 'boss', display: 'The Boss', password: PASSWORD },
  })
  expect(first.status).toBe(200)
  signedIn.operator = { cookie: first.cookies[0]!.value, csrf: first.json.csrf }
  for (const [role, name] of [
    ['person', 'Person'],
    ['helpdesk', 'Helpdesk'],
    ['auditor', 'Auditor'],
    ['admin', 'Admin'],
  ] as const) {
    const { personId, address } = org.people[name]!
    await db.query('UPDATE person SET role = $2 WHERE person_id = $1', [personId, Role[role]])
    await access.setPassword(db, { subjectId: personId, organisationId: org.organisationId }, PASSWORD, {
      mustChange: false,
      actor: 'cli:test',
    })
    const answer = await signIn(address)
    expect(answer.json).toMatchObject({
      role,
      address: `${name}@${org.domain}`,
      organisation: { id: org.organisationId },
    })
    signedIn[role] = { cookie: answer.cookies[0]!.value, csrf: answer.json.csrf }
  }
  message = newId(Date.now())
  delivery = newId(Date.now())
  await db.query(
    `INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, subject, message_id_header, size, sha256, body_store, prefix)
     VALUES ($1, $2, now(), 1, 'sender@else.test', 'A subject', '<one@else.test>', 10, '\\x00', 1, '')`,
    [org.organisationId, message],
  )
  await db.query(
    `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, next_attempt, accepted_at)
     VALUES ($1, $2, $3, $4, $5, $6, 2, now() + interval '1 hour', now())`,
    [org.organisationId, delivery, message, `person@${org.domain}`, org.people['Person']!.personId, org.routeId],
  )
})
afterAll(async () => {
  await http.stop()
  await access.stop()
  await fresh.drop()
})

/** Asks for something that is there (or nearly), so that only the ability decides. */
const night = {
  name: 'Night',
  plan: { zone: 'Europe/Berlin', weekly: { days: ['mon'], from: '22:00', to: '06:00' } },
}
const usedPasskey = { id: 'AA', clientDataJSON: 'AA', authenticatorData: 'AA', signature: 'AA', userHandle: null }
const bodies: Partial<Record<string, object>> = {
  createQuiet: night,
  changeQuiet: night,
  extendQuiet: { until: '2026-11-30T06:00:00Z' },
  pinRoute: { pin: null, reason: 'matrix', version: 999_999 },
  pinTarget: { pin: null, reason: 'matrix', version: 999_999 },
  answerRoute: { direction: 'away' },
  confirmDirectoryRun: { digest: '0'.repeat(64) },
  askMailboxAccess: { person: newId(0), reason: 'They are ill and a customer waits for an answer', minutes: 60 },
  forgetKnown: { address: 'nobody@matrix.test' },
  makeLetters: { people: [newId(0)] },
  beginContactCampaign: {},
  giveOwnContact: { current: PASSWORD, kind: 'address', value: 'me@home.example' },
  confirmOwnContact: { kind: 'address', code: '123456' },
  removeOwnContact: { kind: 'address', current: PASSWORD },
  resetPassword: { identity: 'calledBack' },
  changeMe: { locale: 'de' },
  confirmDeletions: { waiting: 0 },
  parkedAssign: { address: 'nobody@else.test' },
  signInSecond: { code: '000000' },
  offerSecondFactor: { current: PASSWORD },
  confirmSecondFactor: { code: '000000' },
  endSecondFactor: { current: PASSWORD },
  signInByPasskey: usedPasskey,
  signInSecondByPasskey: usedPasskey,
  offerPasskey: { current: PASSWORD },
  addPasskey: { name: 'Phone', id: 'AA', clientDataJSON: 'AA', attestationObject: 'AA', transports: [] },
  removePasskey: { current: PASSWORD },
  makeAppPassword: { current: PASSWORD, name: 'Phone', protocols: ['submission'] },
  changePassword: { current: 'not this one', next: 'nor this one here' },
}
const pathOf = (path: string): string =>
  path
    .replace(':org', org.organisationId)
    .replace(':route', org.routeId)
    .replace(':event', newId(0))
    .replace(':window', newId(0))
    .replace(':alarm', newId(0))
    .replace(':person', newId(0))
    .replace(':session', '0'.repeat(24))
    .replace(':device', newId(0))
    .replace(':kind', 'phone')
    .replace(':passkey', newId(0))
    .replace(':run', newId(0))
    .replace(':access', newId(0))
    .replace(':entry', newId(0))
    .replace(':target/:id', `person/${newId(0)}`)
    .replace(':delivery', newId(0))
    .replace(':message', message)

describe('privileges', () => {
  const guarded = operations.filter(
    (operation) => operation.ability !== 'public' && operation.id !== 'signOut' && operation.id !== 'changePassword',
  )
  test.each(roles.flatMap((role) => guarded.map((operation) => [role, operation] as const)))(
    '%s: $id',
    async (role, operation) => {
      const may = (roleAbilities[role] as readonly string[]).includes(operation.ability)
      const answer = await ask({
        method: operation.method,
        path: pathOf(operation.path),
        as: role,
        body: bodies[operation.id],
      })
      if (may) expect([200, 204, 404, 409]).toContain(answer.status)
      else expect([answer.status, answer.code]).toEqual([403, 'forbidden'])
      if (answer.status === 200 && operation.answer)
        expect(operation.answer.safeParse(answer.json).error).toBeUndefined()
    },
  )

  test.each(guarded.map((operation) => [operation.id, operation] as const))(
    'signed out: %s',
    async (_id, operation) => {
      expect(
        (await ask({ method: operation.method, path: pathOf(operation.path), body: bodies[operation.id] })).code,
      ).toBe('signed-out')
    },
  )

  const scoped = guarded.filter((operation) => operation.path.includes(':org'))
  test.each(scoped.map((operation) => [operation.id, operation] as const))(
    "another organisation's %s does not exist for its admins",
    async (_id, operation) => {
      const path = operation.path
        .replace(':org', other.organisationId)
        .replace(':route', other.routeId)
        .replace(':target', 'person')
        .replace(':kind', 'phone')
        .replace(/:\w+/g, newId(0))
      expect((await ask({ method: operation.method, path, as: 'admin', body: bodies[operation.id] })).code).toBe(
        'not-found',
      )
      // Some things are not for operators.
      const any = (roleAbilities.operator as readonly string[]).includes(operation.ability) ? 'operator' : 'admin'
      const nonsense = operation.path
        .replace(':org', 'x')
        .replace(':target', 'person')
        .replace(':kind', 'phone')
        .replace(/:\w+/g, newId(0))
      expect(
        (await ask({ method: operation.method, path: nonsense, as: any, body: bodies[operation.id] })).code,
      ).toMatch(/^(not-found|bad-request)$/)
    },
  )

  test('lists show what belongs to the one who asks', async () => {
    expect((await ask({ method: 'GET', path: '/organisations', as: 'admin' })).json).toHaveLength(1)
    expect((await ask({ method: 'GET', path: '/organisations', as: 'operator' })).json).toHaveLength(2)
  })
})

describe('browsers', () => {
  test('the cookie is for us alone', async () => {
    const answer = await signIn(org.people['Person']!.address)
    expect(answer.cookies[0]).toMatchObject({ name: 'holdfast', httpOnly: true, sameSite: 'Strict' })
    expect(answer.headers['cache-control']).toBe('no-store')
  })

  test('nothing acts without the CSRF token, or with that of another session', async () => {
    const path = `/organisations/${org.organisationId}/queue/${delivery}/retry`
    const { cookie } = signedIn.admin
    for (const token of [undefined, '', 'x', signedIn.operator.csrf])
      expect(
        (
          await ask({
            method: 'POST',
            path,
            headers: { cookie: `holdfast=${cookie}`, ...(token === undefined ? {} : { 'x-holdfast-csrf': token }) },
          })
        ).code,
      ).toBe('csrf')
  })

  test('other sites cannot sign anybody in, and forms are not understood', async () => {
    for (const headers of [{ origin: 'https://evil.test' }, { 'sec-fetch-site': 'cross-site' }, { origin: 'null' }])
      expect((await signIn(org.people['Person']!.address, PASSWORD, headers)).code).toBe('csrf')
    const form = await http.app.inject({
      method: 'POST',
      url: '/api/v1/session',
      headers: { 'content-type': 'text/plain' },
      payload: '{"name":"a","password":"b"}',
    })
    expect(form.statusCode).toBe(400)
  })

  test('a session that was planted is not taken over', async () => {
    const planted = 'A'.repeat(43)
    const answer = await signIn(org.people['Person']!.address, PASSWORD, { cookie: `holdfast=${planted}` })
    expect(answer.cookies[0]!.value).not.toBe(planted)
    expect((await ask({ method: 'GET', path: '/session', headers: { cookie: `holdfast=${planted}` } })).code).toBe(
      'signed-out',
    )
  })

  test('signing out ends the session', async () => {
    const begun = await signIn(org.people['Person']!.address)
    const headers = { 'cookie': `holdfast=${begun.cookies[0]!.value}`, 'x-holdfast-csrf': begun.json.csrf as string }
    expect((await ask({ method: 'DELETE', path: '/session', headers })).status).toBe(204)
    expect((await ask({ method: 'GET', path: '/session', headers })).code).toBe('signed-out')
  })

  test('headers keep pages in their place', async () => {
    const answer = await http.app.inject({ url: '/healthz' })
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'")
    expect(answer.headers['content-security-policy']).not.toContain("script-src 'self' 'unsafe")
    expect(answer.headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    })
  })
})

describe('answers', () => {
  test.each([
    [{ name: 'a' }, 'password'],
    [{ name: 'a\0', password: 'x' }, 'name'],
    [{ name: 'a', password: 'x', more: 1 }, 'more'],
    [[], 'body'],
  ])('a wrong body is named: %j', async (body, path) => {
    const answer = await ask({ method: 'POST', path: '/session', body })
    expect([answer.status, answer.code]).toEqual([400, 'bad-request'])
    expect(answer.json.error.detail).toContain(path)
  })

  test('a wrong password, no JSON, too much, no such page', async () => {
    expect(await signIn('nobody@a.test', 'x')).toMatchObject({ status: 401, code: 'sign-in-failed' })
    const raw = (payload: string) =>
      http.app.inject({
        method: 'POST',
        url: '/api/v1/session',
        headers: { 'content-type': 'application/json' },
        payload,
      })
    expect((await raw('{')).statusCode).toBe(400)
    expect((await raw(`{"name":"${'x'.repeat(2_000_000)}"}`)).statusCode).toBe(413)
    expect((await raw('{"__proto__":{"x":1},"name":"a","password":"b"}')).statusCode).toBe(400)
    expect(await ask({ method: 'GET', path: '/nothing' })).toMatchObject({ status: 404, code: 'not-found' })
    expect((await http.app.inject({ url: '/some/place' })).statusCode).toBe(404)
  })

  test('an open delivery of a closed route, or of a pinned person, says that it waits, and no time', async () => {
    const at = (rest: string) => `/organisations/${org.organisationId}/${rest}`
    const shown = async (): Promise<unknown[]> => [
      (await ask({ method: 'GET', path: at('queue'), as: 'admin' })).json.items[0] as unknown,
      (await ask({ method: 'GET', path: at(`trace/${message}`), as: 'admin' })).json.deliveries[0] as unknown,
    ]
    const mode = (to: number) =>
      fresh.db.query(
        `INSERT INTO route_mode (organisation_id, route_id, mode, cause) VALUES ($1, $2, $3, 'evidence-bad')
         ON CONFLICT (organisation_id, route_id) DO UPDATE SET mode = $3`,
        [org.organisationId, org.routeId, to],
      )
    const waits = (word: string) => ({
      reason: 'route-closed',
      nextAttemptAt: null,
      waitsFor: { mode: word, since: expect.any(String) as string },
    })
    for (const word of ['emergency', 'recovering', 'quiet', 'hold'] as const) {
      await mode(Mode[word])
      for (const row of await shown()) expect(row).toMatchObject(waits(word))
    }
    for (const word of ['normal', 'suspect', 'emergencyReach'] as const) {
      await mode(Mode[word])
      for (const row of await shown())
        expect(row).toMatchObject({ reason: null, nextAttemptAt: expect.any(String) as string, waitsFor: null })
    }
    await mode(Mode.normal)
    await fresh.db.query(
      `INSERT INTO mode_pin (organisation_id, target, target_id, pin, pin_reason, pin_author, version) VALUES ($1, 4, $2, 3, 'stolen', 'cli:x', 1)`,
      [org.organisationId, org.people['Person']!.personId],
    )
    for (const row of await shown()) expect(row).toMatchObject(waits('hold'))
    await fresh.db.query(`UPDATE mode_pin SET pin_until = now() - interval '1 second'`)
    for (const row of await shown()) expect(row).toMatchObject({ waitsFor: null })
    await fresh.db.query('DELETE FROM mode_pin')
  })

  test('queue, trace and acts, with their audit', async () => {
    const at = (rest: string) => `/organisations/${org.organisationId}/${rest}`
    expect((await ask({ method: 'GET', path: at('queue'), as: 'admin' })).json.items).toMatchObject([
      { deliveryId: delivery, state: 'deferred', subject: 'A subject', route: 'primary' },
    ])
    for (const q of [
      message,
      delivery,
      'one@else.test',
      '<one@else.test>',
      `PERSON@${org.domain}`,
      'sender@else.test',
      'subj',
    ])
      expect(
        (await ask({ method: 'GET', path: at(`trace?q=${encodeURIComponent(q)}`), as: 'helpdesk' })).json.items,
      ).toHaveLength(1)
    expect((await ask({ method: 'GET', path: at('trace?q=%25'), as: 'helpdesk' })).json.items).toHaveLength(0)
    expect((await ask({ method: 'GET', path: at(`trace/${message}`), as: 'auditor' })).json.deliveries).toHaveLength(1)
    expect((await ask({ method: 'POST', path: at(`queue/${delivery}/retry`), as: 'admin' })).status).toBe(204)
    await fresh.db.query('UPDATE delivery SET state = 1 WHERE delivery_id = $1', [delivery])
    expect((await ask({ method: 'POST', path: at(`queue/${delivery}/cancel`), as: 'admin' })).code).toBe('conflict')
    await fresh.db.query('UPDATE delivery SET state = 13 WHERE delivery_id = $1', [delivery])
    await fresh.db.query(
      `INSERT INTO attempt (organisation_id, delivery_id, attempt_no, outcome, reason, reply)
       VALUES ($1, $2, 1, 2, 'recipient-tempfail', '452 4.2.2 full'), ($1, $2, 2, 3, 'recipient-refused', '550 5.1.1 gone')`,
      [org.organisationId, delivery],
    )
    const standing = async (as: RoleWord): Promise<number> =>
      (await ask({ method: 'GET', path: '/me/standing', as })).json.parkedHere as number
    expect([await standing('person'), await standing('helpdesk')]).toEqual([1, 0])
    expect((await ask({ method: 'POST', path: at(`parking/${delivery}/seen`), as: 'admin' })).status).toBe(204)
    expect((await ask({ method: 'GET', path: at('parking'), as: 'auditor' })).json.items).toMatchObject([
      {
        deliveryId: delivery,
        seenBy: 'Admin',
        lastAttempt: { reason: 'recipient-refused', reply: '550 5.1.1 gone' },
      },
    ])
    await fresh.db.query('DELETE FROM attempt WHERE delivery_id = $1', [delivery])
    expect((await ask({ method: 'POST', path: at(`parking/${delivery}/release`), as: 'admin' })).status).toBe(204)
    expect((await ask({ method: 'POST', path: at(`queue/${delivery}/cancel`), as: 'admin' })).status).toBe(204)
    const acts = (await ask({ method: 'GET', path: at('audit?limit=4'), as: 'auditor' })).json
    expect((acts.items as { act: string }[]).map((row) => row.act)).toEqual([
      'delivery-cancelled',
      'parked-released',
      'parked-seen',
      'delivery-retried',
    ])
    // Called by their names; what the row itself says stays beside it.
    expect(acts.items[0]).toMatchObject({
      actor: `person:${org.people['Admin']!.personId}`,
      actorName: 'Admin',
      thing: `delivery:${delivery}`,
      thingName: `person@${org.domain}`,
    })
    expect(
      (await ask({ method: 'GET', path: at(`audit?after=${acts.next}`), as: 'auditor' })).json.items.length,
    ).toBeGreaterThan(0)
  })

  test('whose parked mail is, said by its address: what became of it, or in a code why not', async () => {
    const [lost, its] = [newId(Date.now()), newId(Date.now())]
    await fresh.db.query(
      `INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, message_id_header, size, sha256, body_store, prefix)
       VALUES ($1, $2, now(), 1, 'sender@else.test', '<lost@else.test>', 10, '\\x00', 1, '')`,
      [org.organisationId, its],
    )
    await fresh.db.query(
      `WITH d AS (INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, route_id, state, reason, next_attempt, accepted_at, finished_at)
         VALUES ($1, $2, $3, $4, $5, 13, 'unknown-recipient-parked', now(), now(), now()))
       INSERT INTO parking (organisation_id, delivery_id, reason) VALUES ($1, $2, 'unknown-recipient-parked')`,
      [org.organisationId, lost, its, `lost@${org.domain}`, org.routeId],
    )
    const path = `/organisations/${org.organisationId}/parking/${lost}/assign`
    const assign = (address: unknown, as: RoleWord = 'admin') => ask({ method: 'POST', path, as, body: { address } })
    const [mine, theirs] = [org.people['Helpdesk']!.address, other.people['Stranger']!.address]
    expect(await assign(mine, 'auditor')).toMatchObject({ status: 403, code: 'forbidden' })
    for (const nobody of [`lost@${org.domain}`, theirs, 'someone@elsewhere.test'])
      expect(await assign(nobody)).toMatchObject({ status: 404, code: 'unknown-recipient' })
    expect(await assign('lost')).toMatchObject({ status: 400, code: 'address-syntax-recipient' })
    expect(await assign(7)).toMatchObject({ status: 400, code: 'bad-request' })
    expect(await assign('x'.repeat(321))).toMatchObject({ status: 400, code: 'bad-request' })
    expect(await assign(mine)).toMatchObject({ status: 200, json: { address: mine, outcome: 'queued' } })
    expect(await assign(mine)).toMatchObject({ status: 409, code: 'conflict' })
    const [row] = (
      await ask({ method: 'GET', path: `/organisations/${org.organisationId}/audit?limit=1`, as: 'auditor' })
    ).json.items as object[]
    expect(row).toMatchObject({ act: 'parked-assigned', actorName: 'Admin', thingName: mine })
    const { deliveries } = (
      await ask({ method: 'GET', path: `/organisations/${org.organisationId}/trace/${its}`, as: 'admin' })
    ).json as { deliveries: object[] }
    expect(deliveries).toMatchObject([
      { state: 'ready', reason: 'assigned-by-admin', recipient: mine, via: `lost@${org.domain}` },
    ])
  })

  test('deleted here and still owed: shown to the one it belongs to, cancelled when confirmed as shown', async () => {
    const { personId } = org.people['Person']!
    const copy = newId(Date.now())
    await fresh.db.query(
      `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, next_attempt, accepted_at)
       VALUES ($1, $2, $3, 'person@x', $4, $5, 0, now(), now())`,
      [org.organisationId, copy, message, personId, org.routeId],
    )
    await fresh.db.query(
      `INSERT INTO copy (organisation_id, copy_id, message_id, person_id, source, expires_at, policy, delivery_id, thread_id)
       VALUES ($1, $2, $3, $4, 1, 'infinity', 'owed', $2, $2)`,
      [org.organisationId, copy, message, personId],
    )
    const trashed = (
      await fresh.db.query<{ no: number }>('SELECT folder_no AS no FROM folder WHERE person_id = $1 AND role = 4', [
        personId,
      ])
    )[0]!.no
    await fresh.db.query(
      `INSERT INTO placement (organisation_id, person_id, folder_no, uid, copy_id, message_id, thread_id, created_modseq, modseq, size)
       VALUES ($1, $2, $3, 1, $4, $5, $5, 1, 1, 10)`,
      [org.organisationId, personId, trashed, copy, message],
    )
    const look = async (as: RoleWord) =>
      (await ask({ method: 'GET', path: '/me/deletions', as })).json as { waiting: number }
    expect(await look('person')).toMatchObject({ waiting: 1, oldestAt: expect.any(String) as string })
    expect(await look('admin')).toEqual({ waiting: 0, oldestAt: null, newestAt: null })
    expect((await ask({ method: 'GET', path: '/me/standing', as: 'person' })).json.deletedButOwed).toBe(1)
    const confirm = (waiting: number, as: RoleWord = 'person') =>
      ask({ method: 'POST', path: '/me/deletions/confirm', as, body: { waiting } })
    expect((await confirm(0)).code).toBe('conflict')
    expect((await confirm(1, 'admin')).json).toEqual({ cancelled: 0, waiting: 0 })
    expect((await confirm(1)).json).toEqual({ cancelled: 1, waiting: 0 })
    expect((await ask({ method: 'GET', path: '/me/standing', as: 'person' })).json.deletedButOwed).toBe(0)
  })

  test('a pin is set against the version that was seen', async () => {
    const path = `/organisations/${org.organisationId}/routes`
    const board = (await ask({ method: 'GET', path, as: 'admin' })).json as {
      id: string
      kind: string
      version: number
    }[]
    const route = board.find((each) => each.kind === 'primary')!
    const pin = (version: number) =>
      ask({
        method: 'POST',
        path: `${path}/${route.id}/pin`,
        as: 'admin',
        body: { pin: 'emergency', reason: 'drill', version },
      })
    const done = await pin(route.version)
    expect(done.json).toMatchObject({ mode: 'emergency', pin: { kind: 'emergency', reason: 'drill' } })
    expect((await pin(route.version)).code).toBe('conflict')
    expect((await ask({ method: 'GET', path: '/me/standing', as: 'person' })).json).toMatchObject({
      mode: 'emergency',
      pin: 'emergency',
      primaryName: 'primary',
    })
    expect(
      (await ask({ method: 'GET', path: `/organisations/${org.organisationId}/people?q=help`, as: 'admin' })).json
        .items,
    ).toMatchObject([{ role: 'helpdesk', mode: 'emergency', protected: true }])
  })

  test('a pin on a way out is refused with what to do instead', async () => {
    const path = `/organisations/${org.organisationId}/routes`
    const answer = await ask({
      method: 'POST',
      path: `${path}/${org.outboundRouteId}/pin`,
      as: 'admin',
      body: { pin: 'hold', reason: 'drill', version: 1 },
    })
    expect(answer).toMatchObject({ status: 400, code: 'bad-request' })
    expect(JSON.stringify(answer.json)).toContain('pin the route of their mail system to hold')
    const board = (await ask({ method: 'GET', path, as: 'admin' })).json as { id: string; pin: unknown }[]
    expect(board.find((route) => route.id === org.outboundRouteId)).toMatchObject({ mode: 'normal', pin: null })
  })

  test('addresses that stand for others, with the bounces of lists', async () => {
    const more = Array.from({ length: 103 }, (_, i) => `x${i}@world.test`)
    await makeRedirect(fresh.db, org, 'info', more)
    const address = await makeList(fresh.db, org, 'crew', { members: ['a@world.test'], posting: ListPosting.members })
    await fresh.db.query(
      `INSERT INTO list_bounce (organisation_id, list_id, member, bounces, first_at, last_at, last_text, window_from, window_bounces, paused_at)
       SELECT organisation_id, list_id, m, 3, now(), now(), '', now(), 3, CASE m WHEN 'a@world.test' THEN now() END
       FROM mailing_list, unnest(ARRAY['a@world.test', 'b@world.test']) AS m`,
    )
    const path = `/organisations/${org.organisationId}/stand-ins`
    const { items } = (await ask({ method: 'GET', path, as: 'helpdesk' })).json
    expect(items).toMatchObject([
      { kind: 'redirect', address: `info@${org.domain}`, name: null, more: 3, posting: null, bounces: 0 },
      { kind: 'list', address, name: 'Crew', to: ['a@world.test'], more: 0, posting: 'members', bounces: 6, paused: 1 },
    ])
    expect((items as { to: string[] }[])[0]!.to).toHaveLength(100)
    expect((await ask({ method: 'GET', path, as: 'person' })).code).toBe('forbidden')
  })

  test('pages do not overlap and end', async () => {
    const seen: string[] = []
    let after = ''
    do {
      const page = (
        await ask({
          method: 'GET',
          path: `/organisations/${org.organisationId}/people?limit=1&after=${after}`,
          as: 'admin',
        })
      ).json
      seen.push(...(page.items as { id: string }[]).map((row) => row.id))
      after = page.next ?? ''
    } while (after !== '')
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen).toHaveLength(4)
  })

  test('OpenAPI describes every operation', async () => {
    const document = (await ask({ method: 'GET', path: '/openapi.json' })).json
    const ids = Object.values(document.paths as object).flatMap((path) =>
      Object.values(path as object).map((each: { operationId: string }) => each.operationId),
    )
    expect(ids.sort()).toEqual(Object.keys(contract).sort())
  })

  test('no address of the API holds a secret: proxies write addresses down', async () => {
    for (const { id, params, query } of operations)
      for (const name of [...Object.keys(params.shape), ...Object.keys(query.shape)])
        expect(name, id).not.toMatch(/token|secret|password|link/i)
    const token = await access.makeSetupLink(fresh.db, 'cli:test')
    expect((await ask({ method: 'GET', path: `/setup/${token}` })).status).toBe(404)
    expect((await ask({ method: 'POST', path: '/setup/check', body: { token: `${token}x` } })).json).toEqual({
      valid: false,
    })
    // Only our own pages may ask.
    const foreign = { 'sec-fetch-site': 'cross-site' }
    expect((await ask({ method: 'POST', path: '/setup/check', body: { token }, headers: foreign })).code).toBe('csrf')
  })

  test('vitals: ready, and metrics for this machine only', async () => {
    expect((await http.app.inject({ url: '/readyz' })).statusCode).toBe(200)
    expect((await http.app.inject({ url: '/metrics' })).statusCode).toBe(200)
    expect((await http.app.inject({ url: '/metrics', remoteAddress: '192.0.2.1' })).statusCode).toBe(401)
    expect((await http.app.inject({ url: '/metrics', headers: { 'x-forwarded-for': '192.0.2.1' } })).statusCode).toBe(
      401,
    )
  })
})

test.each([
  [[], '127.0.0.1'],
  [['loopback'], '203.0.113.9'],
  [['192.0.2.0/24'], '127.0.0.1'],
])('behind a proxy, trusting %j: the visitor is %s', async (trustedProxies, visitor) => {
  const lone = await createHttp({
    listen: { host: '127.0.0.1', port: 0 },
    publicUrl: '',
    trustedProxies,
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
    access,
    ready: async () => ({ ready: true, checks: [] }),
    webRoot: null,
  })
  lone.register(async (app) => {
    app.get('/who', { config: { ability: 'public' } }, (request) => Promise.resolve(visitorOf(request)))
  })
  // What the visitor claims stands left of what our proxy saw.
  const headers = { 'x-forwarded-for': '198.51.100.7, 203.0.113.9' }
  expect((await lone.app.inject({ url: '/who', headers })).json()).toMatchObject({ clientIp: visitor })
  await lone.stop()
})

test('a route without an ability stops the start', async () => {
  const lone = await createHttp({
    listen: { host: '127.0.0.1', port: 0 },
    publicUrl: '',
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
    access,
    ready: async () => ({ ready: true, checks: [] }),
    webRoot: null,
  })
  lone.register(async (app) => {
    app.get('/open', async () => 'x')
  })
  await expect(lone.start()).rejects.toThrow(/declares no ability/)
})

describe('quiet times', () => {
  const call = (as: keyof typeof signedIn, method: 'GET' | 'POST' | 'DELETE', path: string, body?: object) =>
    ask({ method, path: `/organisations/${org.organisationId}/quiet${path}`, as, body })
  const until = new Date(Date.now() + 3_600_000).toISOString()

  test('set, changed, extended, released, removed; each act in the audit under its name', async () => {
    const made = await call('admin', 'POST', '', {
      ...night,
      name: 'Inventory',
      target: 'domain',
      targetId: org.domainId,
    })
    expect(made).toMatchObject({
      status: 200,
      json: { name: 'Inventory', targetName: org.domain, open: null, held: 0 },
    })
    const { id, next } = made.json as { id: string; next: { from: string; until: string } }
    expect(Date.parse(next.until) - Date.parse(next.from)).toBeGreaterThan(6 * 3_600_000)
    expect((await call('admin', 'POST', '', { ...night, name: 'Inventory' })).code).toBe('conflict')
    const changed = await call('admin', 'POST', `/${id}`, { ...night, name: 'Stocktaking' })
    expect(changed.json).toMatchObject({ id, name: 'Stocktaking', target: 'all', targetName: null })
    expect((await call('admin', 'POST', `/${id}/extend`, { until })).json).toMatchObject({
      open: { until },
      extendedUntil: until,
    })
    expect((await call('admin', 'POST', `/${id}/release`)).json.open).toBeNull()
    expect((await call('admin', 'DELETE', `/${id}`)).status).toBe(204)
    expect((await call('admin', 'DELETE', `/${id}`)).code).toBe('not-found')
    const audit = await ask({ method: 'GET', path: `/organisations/${org.organisationId}/audit`, as: 'admin' })
    expect((audit.json.items as { act: string }[]).slice(0, 5).map(({ act }) => act)).toEqual([
      'quiet-removed',
      'quiet-released',
      'quiet-extended',
      'quiet-set',
      'quiet-set',
    ])
  })

  test.each([
    [{ plan: { zone: 'Nowhere', weekly: night.plan.weekly } }, 'time zone'],
    [{ plan: { zone: 'UTC' } }, 'needs one of weekly'],
    [{ target: 'domain' }, 'no such domain'],
    [{ target: 'group', targetId: newId(0) }, 'no such group'],
    [{ target: 'person', targetId: newId(0), plan: { ...night.plan, modes: 'stay' } }, 'whole routes'],
    [{ name: '' }, 'name'],
  ])('%o is refused with what is wrong', async (wish, text) => {
    const answer = await call('admin', 'POST', '', { ...night, name: 'Wrong', ...wish })
    expect(answer).toMatchObject({ status: 400, code: 'bad-request' })
    expect(JSON.stringify(answer.json)).toContain(text)
  })

  test("another organisation's domain is not there; the provider's are an operator's, and say nothing of others", async () => {
    const strange = await call('admin', 'POST', '', {
      ...night,
      name: 'Theirs',
      target: 'domain',
      targetId: other.domainId,
    })
    expect(strange).toMatchObject({ status: 400 })
    const wish = { ...night, name: 'Data centre', provider: true }
    expect((await call('admin', 'POST', '', wish)).code).toBe('forbidden')
    const exempt = { senders: ['boss@tenant.test'] }
    const made = await call('operator', 'POST', '', { ...wish, plan: { ...night.plan, exempt } })
    expect(made.json).toMatchObject({ provider: true, plan: { exempt } })
    const seen = ((await call('admin', 'GET', '')).json as { id: string }[]).find(({ id }) => id === made.json.id)
    expect(seen).toMatchObject({ provider: true, setBy: '', plan: { exempt: { senders: [] } } })
    for (const [method, path, body] of [
      ['DELETE', '', undefined],
      ['POST', '/release', undefined],
      ['POST', '/extend', { until }],
      ['POST', '', night],
    ] as const)
      expect((await call('admin', method, `/${made.json.id}${path}`, body)).code).toBe('forbidden')
    expect((await call('operator', 'DELETE', `/${made.json.id}`)).status).toBe(204)
  })
})

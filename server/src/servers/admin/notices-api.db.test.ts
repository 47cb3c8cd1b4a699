/** Reports and notices over HTTP: no word of whether an address exists, own acts only, what an admin sees and may do. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { createAccess, type Access } from '../../core/access/index.ts'
import { createContinuity, type Continuity } from '../../core/continuity/index.ts'
import { createRouteBook } from '../../core/directory/index.ts'
import { systemClock } from '../../platform/clock.ts'
import { Mode, Role } from '../../platform/codes.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { createHttp, type HttpServer } from '../http/index.ts'
import { adminRoutes } from './index.ts'
import { noContacts, noFourEyes } from '../../../testkit/no-contacts.ts'

const PASSWORD = 'three grey owls at dawn'
let fresh: FreshDatabase
let org: MadeOrganisation
let access: Access
let continuity: Continuity
let http: HttpServer
const signed: Record<string, { cookie: string; csrf: string }> = {}

async function ask(method: 'GET' | 'POST', url: string, as: string | null, body?: object, headers = {}) {
  const who = as === null ? undefined : signed[as]
  const answer = await http.app.inject({
    method,
    url: `/api/v1${url}`,
    headers: { ...(who ? { 'cookie': `holdfast=${who.cookie}`, 'x-holdfast-csrf': who.csrf } : {}), ...headers },
    ...(body ? { payload: body } : {}),
  })
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what came over the wire is what these tests look at
  const json: any = answer.body === '' ? null : JSON.parse(answer.body)
  return { status: answer.statusCode, body: answer.body, json, headers: answer.headers }
}

beforeAll(async () => {
  fresh = await freshDatabase()
  const { db } = fresh
  const deps = { db, clock: systemClock, log: silentLog }
  org = await makeOrganisation(db, { people: ['alice', 'admin'], domain: 'corp.test' })
  await db.query('UPDATE person SET role = $2 WHERE person_id = $1', [org.people.admin!.personId, Role.admin])
  await db.query(`UPDATE person SET private_sealed = '\\x0102' WHERE person_id = $1`, [org.people.alice!.personId])
  access = createAccess(deps)
  const routes = createRouteBook(deps)
  await routes.refresh()
  continuity = createContinuity({ ...deps, nodeId: newId(Date.now()), routes, helo: 'test', judging: false })
  http = await createHttp({
    ...{ listen: { host: '127.0.0.1', port: 0 }, publicUrl: '', clock: systemClock, log: silentLog, access },
    ...{ metrics: createMetrics(), webRoot: null, ready: () => Promise.resolve({ ready: true, checks: [] }) },
  })
  http.register(
    adminRoutes({
      ...{
        ...deps,
        access,
        continuity,
        signInLinks: { ask: () => undefined },
        privateContacts: noContacts,
        fourEyes: noFourEyes,
        disk: { isFull: () => false, fullInMs: () => null },
      },
      ...{ version: '0', publicUrl: 'https://mail.test', secure: false },
    }),
  )
  for (const name of ['alice', 'admin']) {
    const { personId, address } = org.people[name]!
    const how = { mustChange: false, actor: 'cli:test' }
    await access.setPassword(db, { subjectId: personId, organisationId: org.organisationId }, PASSWORD, how)
    const answer = await http.app.inject({
      method: 'POST',
      url: '/api/v1/session',
      payload: { name: address, password: PASSWORD },
    })
    signed[name] = { cookie: answer.cookies[0]!.value, csrf: (JSON.parse(answer.body) as { csrf: string }).csrf }
  }
})
afterAll(async () => {
  await http.app.close()
  await access.stop()
  await fresh.drop()
})

const rows = () =>
  fresh.db.query<{ personId: Id; signed: boolean }>(
    'SELECT person_id AS "personId", signed FROM reach_report ORDER BY signed',
  )
const organisation = (rest: string) => `/organisations/${org.organisationId}${rest}`

test('the answer is the same whether the address exists or not, to the byte', async () => {
  const answers = []
  for (const address of ['alice@corp.test', 'nobody@corp.test', 'alice@elsewhere.test', 'no address at all']) {
    const { status, body, headers } = await ask('POST', '/reports', null, { address })
    answers.push({ status, body, names: Object.keys(headers).sort(), length: headers['content-length'] })
  }
  expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1)
  expect(answers[0]!.status).toBe(204)
  await continuity.reports.settled()
  expect(await rows()).toEqual([{ personId: org.people.alice!.personId, signed: false }])
})

test('a form of another site reports nothing, and what is too long is refused', async () => {
  const foreign = { 'sec-fetch-site': 'cross-site' }
  expect((await ask('POST', '/reports', null, { address: 'admin@corp.test' }, foreign)).status).toBe(403)
  expect((await ask('POST', '/reports', null, { address: 'x'.repeat(255) })).status).toBe(400)
  await continuity.reports.settled()
  expect(await rows()).toHaveLength(1)
})

test('a flood from one address is stopped before it costs anything', async () => {
  const answers = []
  for (let n = 0; n < 310; n++)
    answers.push((await ask('POST', '/reports', null, { address: `x${n}@corp.test` })).status)
  expect(answers).toContain(429)
})

test('who has signed in reports for themselves; the board shows it', async () => {
  expect((await ask('POST', '/me/report', null)).status).toBe(401)
  expect((await ask('POST', '/me/report', 'alice')).status).toBe(204)
  expect(await rows()).toEqual(expect.arrayContaining([{ personId: org.people.alice!.personId, signed: true }]))
  const { json } = await ask('GET', organisation('/routes'), 'admin')
  expect((json as { id: Id; reports: unknown }[]).find((route) => route.id === org.routeId)!.reports).toMatchObject({
    signed: 1,
    claimed: 0,
    needed: 5,
  })
})

test('an admin sees when people are told, suppresses it, tells them; a person does neither', async () => {
  const path = organisation(`/routes/${org.routeId}/notices`)
  for (const [method, url] of [
    ['GET', organisation('/notices')],
    ['POST', path],
    ['POST', `${path}/suppress`],
  ] as const)
    expect((await ask(method, url, 'alice', method === 'POST' ? {} : undefined)).status).toBe(403)
  expect((await ask('POST', `${path}/suppress`, 'admin')).json.error.code).toBe('conflict')

  await fresh.db.query(`UPDATE route_mode SET mode = $2, since = now() - interval '4 minutes' WHERE route_id = $1`, [
    org.routeId,
    Mode.emergency,
  ])
  expect((await ask('POST', `${path}/suppress`, 'admin')).json).toMatchObject({
    people: 1,
    dueAt: null,
    outage: { suppressedAt: expect.any(String) as string, toldAt: null },
  })
  const told = await ask('POST', path, 'admin', { text: 'Fire in the computer room.' })
  expect(told.json).toMatchObject({ outage: { toldBy: 'Admin', total: 1, told: 0, suppressedAt: null } })
  expect((await ask('POST', path, 'admin', {})).json.error.code).toBe('conflict')
  expect((await ask('POST', path, 'admin', { text: 'x'.repeat(2001) })).status).toBe(400)
  const [list] = (await ask('GET', organisation('/notices'), 'admin')).json
  expect(list).toMatchObject({ routeId: org.routeId, automatic: true, afterMinutes: 10, people: 1, hasUrl: true })
})

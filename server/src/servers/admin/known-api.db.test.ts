/** Learned addresses and the disk over HTTP: pages by key, search, forgetting with its audit row, whose they are, and who may. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { createAccess, type Access } from '../../core/access/index.ts'
import { createContinuity } from '../../core/continuity/index.ts'
import { createRouteBook } from '../../core/directory/index.ts'
import { systemClock } from '../../platform/clock.ts'
import { Role } from '../../platform/codes.ts'
import { newId } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { createHttp, type HttpServer } from '../http/index.ts'
import { contract } from './contract/index.ts'
import { adminRoutes } from './index.ts'
import { noContacts, noFourEyes } from '../../../testkit/no-contacts.ts'

const PASSWORD = 'three grey owls at dawn'
let fresh: FreshDatabase
let org: MadeOrganisation
let other: MadeOrganisation
let access: Access
let http: HttpServer
const disk = { full: false, ms: null as number | null }
const signed: Record<string, { cookie: string; csrf: string }> = {}

async function ask(method: 'GET' | 'POST', url: string, as: string | null, body?: object) {
  const who = as === null ? undefined : signed[as]
  const answer = await http.app.inject({
    method,
    url: `/api/v1${url}`,
    headers: who ? { 'cookie': `holdfast=${who.cookie}`, 'x-holdfast-csrf': who.csrf } : {},
    ...(body ? { payload: body } : {}),
  })
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what came over the wire is what these tests look at
  const json: any = answer.body === '' ? null : JSON.parse(answer.body)
  return { status: answer.statusCode, json, code: json?.error?.code as string | undefined }
}
const at = (rest = '') => `/organisations/${org.organisationId}/known-recipients${rest}`
const list = async (query = '', as = 'helpdesk') => {
  const { json } = await ask('GET', at(query), as)
  expect(contract.listKnown.answer.safeParse(json).error).toBeUndefined()
  return json as { items: { address: string; known: boolean; source: string }[]; next: string | null }
}
const addresses = async (query = '') => (await list(query)).items.map(({ address }) => address)
const generation = async () =>
  (await fresh.db.query<{ g: string }>('SELECT generation AS g FROM directory_generation'))[0]!.g

beforeAll(async () => {
  fresh = await freshDatabase()
  const { db } = fresh
  const deps = { db, clock: systemClock, log: silentLog }
  org = await makeOrganisation(db, { people: ['person', 'helpdesk', 'admin'], domain: 'corp.test' })
  other = await makeOrganisation(db, { people: [], domain: 'other.test' })
  access = createAccess(deps)
  const routes = createRouteBook(deps)
  await routes.refresh()
  const continuity = createContinuity({ ...deps, nodeId: newId(Date.now()), routes, helo: 'test', judging: false })
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
        disk: { isFull: () => disk.full, fullInMs: () => disk.ms },
      },
      ...{ version: '0', publicUrl: 'https://mail.test', secure: false },
    }),
  )
  for (const name of ['person', 'helpdesk', 'admin'] as const) {
    const { personId, address } = org.people[name]!
    await db.query('UPDATE person SET role = $2 WHERE person_id = $1', [personId, Role[name]])
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
beforeEach(async () => {
  const { db } = fresh
  await db.query('DELETE FROM known_recipient')
  await db.query(
    `INSERT INTO known_recipient (organisation_id, address, route_id, source, known, first_seen_at, seen_at)
     SELECT $1, a, $2, s, k, now() - interval '9 days', now() - interval '2 hours'
     FROM (VALUES ('anna@corp.test', 1, true), ('ghost@corp.test', 2, false), ('new_hire@corp.test', 2, true),
                  ('newahire@corp.test', 2, false), ('jörg@xn--bcher-kva.example', 2, true)) AS x(a, s, k)`,
    [org.organisationId, org.routeId],
  )
  await db.query(
    `INSERT INTO known_recipient (organisation_id, address, route_id, source) VALUES ($1, 'anna@other.test', $2, 2)`,
    [other.organisationId, other.routeId],
  )
})

test('each says who is there, by what, since when; in pages by address', async () => {
  const first = await list('?limit=2')
  expect(first.items).toEqual([
    {
      address: 'anna@corp.test',
      known: true,
      source: 'delivered',
      route: 'primary',
      firstSeenAt: expect.any(String) as string,
      seenAt: expect.any(String) as string,
    },
    expect.objectContaining({ address: 'ghost@corp.test', known: false, source: 'callout' }),
  ])
  expect(first.next).toBe('ghost@corp.test')
  const rest = await list(`?limit=50&after=${encodeURIComponent(first.next!)}`)
  expect(rest.items.map(({ address }) => address)).toEqual([
    'jörg@xn--bcher-kva.example',
    'new_hire@corp.test',
    'newahire@corp.test',
  ])
  expect(rest.next).toBeNull()
})

test('found by a part of the address, by the whole in any spelling, by domain', async () => {
  expect(await addresses('?q=NEW')).toEqual(['new_hire@corp.test', 'newahire@corp.test'])
  // no sign of a pattern is one
  expect(await addresses('?q=new_hire')).toEqual(['new_hire@corp.test'])
  expect(await addresses('?q=%25')).toEqual([])
  expect(await addresses(`?q=${encodeURIComponent(' Jörg@Bücher.example ')}`)).toEqual(['jörg@xn--bcher-kva.example'])
  expect(await addresses(`?domain=${encodeURIComponent('BÜCHER.example')}`)).toEqual(['jörg@xn--bcher-kva.example'])
  expect(await addresses('?domain=')).toHaveLength(5)
  expect((await ask('GET', at('?domain=no%20domain'), 'admin')).code).toBe('bad-request')
})

test('the domains, with how many of each kind', async () => {
  expect((await ask('GET', at('/domains'), 'helpdesk')).json).toEqual([
    { domain: 'corp.test', known: 2, refused: 2 },
    { domain: 'xn--bcher-kva.example', known: 1, refused: 0 },
  ])
})

test('forgetting one address, or a domain: every process asks anew, the audit says who, and once is enough', async () => {
  const before = await generation()
  const forget = (body: object) => ask('POST', at('/forget'), 'admin', body)
  expect((await forget({ address: 'Ghost@CORP.test' })).json).toEqual({ forgotten: 1 })
  expect(await generation()).not.toBe(before)
  expect(await addresses()).not.toContain('ghost@corp.test')
  expect((await forget({ address: 'ghost@corp.test' })).code).toBe('not-found')
  expect((await forget({ domain: 'Corp.test' })).json).toEqual({ forgotten: 3 })
  expect(await addresses()).toEqual(['jörg@xn--bcher-kva.example'])
  const { json } = await ask('GET', `/organisations/${org.organisationId}/audit`, 'admin')
  expect((json.items as unknown[]).slice(0, 2)).toEqual([
    expect.objectContaining({ act: 'recipients-forgotten', thing: 'domain:corp.test', actorName: 'Admin' }),
    expect.objectContaining({ act: 'recipients-forgotten', thing: 'address:ghost@corp.test' }),
  ])
})

test.each([{}, { address: 'a@corp.test', domain: 'corp.test' }, { address: 'no address' }, { domain: 'no domain' }])(
  'what names nothing, or two things, is refused: %j',
  async (body) => {
    expect((await ask('POST', at('/forget'), 'admin', body)).code).toBe('bad-request')
    expect(await addresses()).toHaveLength(5)
  },
)

test("a help desk looks and does not forget; nobody reaches another organisation's", async () => {
  const body = { address: 'anna@corp.test' }
  expect((await ask('POST', at('/forget'), 'helpdesk', body)).code).toBe('forbidden')
  expect((await ask('GET', at(), 'person')).code).toBe('forbidden')
  expect((await ask('POST', at('/forget'), 'admin', { address: 'anna@other.test' })).code).toBe('not-found')
  expect((await ask('GET', at().replace(org.organisationId, other.organisationId), 'admin')).code).toBe('not-found')
  expect(await fresh.db.query(`SELECT FROM known_recipient WHERE address LIKE 'anna@%'`)).toHaveLength(2)
})

test('the disk: nothing in sight, how soon, full', async () => {
  const read = async (as: string | null) => ask('GET', '/disk', as)
  expect((await read('helpdesk')).json).toEqual({ full: false, fullInSeconds: null })
  disk.ms = 21_600_499
  expect((await read('admin')).json).toEqual({ full: false, fullInSeconds: 21_600 })
  Object.assign(disk, { full: true, ms: 0 })
  expect((await read('admin')).json).toEqual({ full: true, fullInSeconds: 0 })
  expect((await read('person')).code).toBe('forbidden')
  expect((await read(null)).code).toBe('signed-out')
})

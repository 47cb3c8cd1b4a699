/** The address book over HTTP: for everybody of the organisation, and for nobody else. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { noContacts, noFourEyes } from '../../../testkit/no-contacts.ts'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { createAccess, type Access } from '../../core/access/index.ts'
import { createContinuity } from '../../core/continuity/index.ts'
import { createRouteBook } from '../../core/directory/index.ts'
import { systemClock } from '../../platform/clock.ts'
import { newId } from '../../platform/ids.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { createHttp, type HttpServer } from '../http/index.ts'
import { contract } from './contract/index.ts'
import { adminRoutes } from './index.ts'

const PASSWORD = 'three grey owls at dawn'
let fresh: FreshDatabase
let access: Access
let http: HttpServer
let corp: MadeOrganisation
const cookies: Record<string, string> = {}

const get = (url: string, as: string | null) =>
  http.app.inject({
    method: 'GET',
    url: `/api/v1/me/address-book${url}`,
    headers: as === null ? {} : { cookie: `holdfast=${cookies[as]!}` },
  })

beforeAll(async () => {
  fresh = await freshDatabase()
  const { db } = fresh
  const deps = { db, clock: systemClock, log: silentLog }
  access = createAccess(deps)
  const routes = createRouteBook(deps)
  await routes.refresh()
  const continuity = createContinuity({ ...deps, nodeId: newId(Date.now()), routes, helo: 'test', judging: false })
  http = await createHttp({
    ...{ listen: { host: '127.0.0.1', port: 0 }, publicUrl: '', clock: systemClock, log: silentLog, access },
    ...{ metrics: createMetrics(), webRoot: null, ready: () => Promise.resolve({ ready: true, checks: [] }) },
  })
  const disk = { isFull: () => false, fullInMs: () => null }
  http.register(
    adminRoutes({
      ...{
        db,
        clock: systemClock,
        access,
        continuity,
        disk,
        signInLinks: { ask: () => undefined },
        privateContacts: noContacts,
        fourEyes: noFourEyes,
      },
      ...{ version: '0', publicUrl: '', secure: false },
    }),
  )
  const visitor = { clientIp: '192.0.2.1', userAgent: null }
  corp = await makeOrganisation(db, { people: ['alice', 'bob'], domain: 'corp.test' })
  const other = await makeOrganisation(db, { people: ['olga'], domain: 'other.test' })
  for (const [name, org] of [
    ['alice', corp],
    ['olga', other],
  ] as const) {
    const whose = { subjectId: org.people[name]!.personId, organisationId: org.organisationId }
    await access.setPassword(db, whose, PASSWORD, { mustChange: false, actor: 'cli:test' })
    cookies[name] = await access.signIn({ name: `${name}@${org.domain}`, password: PASSWORD, visitor })
  }
  const token = await access.makeSetupLink(db, 'cli:test')
  await access.setUp({ token, name: 'boss', display: 'Boss', password: PASSWORD, locale: 'en', visitor })
  cookies['boss'] = await access.signIn({ name: 'boss', password: PASSWORD, visitor })
  await db.query(
    `INSERT INTO person_card (organisation_id, person_id, title, photo, photo_type, photo_digest)
     VALUES ($1, $2, 'Head', '\\x89504e47', 'image/png', 'abcdef')`,
    [corp.organisationId, corp.people['bob']!.personId],
  )
})
afterAll(async () => {
  await expectSound(fresh.db, null)
  await http.stop()
  await access.stop()
  await fresh.drop()
})

test('a person finds colleagues, page by page', async () => {
  const first = await get('?limit=1', 'alice')
  expect(first.statusCode).toBe(200)
  const page = contract.searchBook.answer.parse(first.json())
  expect(page.items).toEqual([
    {
      ...{ id: corp.people['alice']!.personId, kind: 'person', name: 'Alice', address: 'alice@corp.test' },
      ...{ title: null, department: null, photo: null },
    },
  ])
  const second = contract.searchBook.answer.parse((await get(`?limit=1&after=${page.next!}`, 'alice')).json())
  expect([second.items[0]!.name, second.items[0]!.title, second.next]).toEqual(['Bob', 'Head', null])
  expect((await get('?q=bo', 'alice')).json().items).toHaveLength(1)
  expect((await get('?after=nonsense', 'alice')).statusCode).toBe(400)
})

test('a card, and a photo that is served as nothing else', async () => {
  const bob = corp.people['bob']!.personId
  const card = contract.getBookCard.answer.parse((await get(`/${bob}`, 'alice')).json())
  expect(card).toMatchObject({ addresses: ['bob@corp.test'], title: 'Head', photo: 'abcdef' })
  const photo = await get(`/${bob}/photo`, 'alice')
  expect([photo.statusCode, photo.headers['content-type'], photo.headers['x-content-type-options']]).toEqual([
    200,
    'image/png',
    'nosniff',
  ])
  expect(photo.headers['content-security-policy']).toBe("sandbox; default-src 'none'")
  expect((await get(`/${corp.people['alice']!.personId}/photo`, 'alice')).statusCode).toBe(404)
  expect((await get('/nonsense/photo', 'alice')).statusCode).toBe(404)
})

test('nobody else: other organisations, operators, the signed out', async () => {
  const bob = corp.people['bob']!.personId
  expect((await get('?q=bob', 'olga')).json()).toEqual({ items: [], next: null })
  for (const url of [`/${bob}`, `/${bob}/photo`]) expect((await get(url, 'olga')).statusCode).toBe(404)
  for (const url of ['', `/${bob}`, `/${bob}/photo`]) {
    expect((await get(url, 'boss')).statusCode).toBe(403)
    expect((await get(url, null)).statusCode).toBe(401)
  }
})

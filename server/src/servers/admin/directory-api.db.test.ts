/** Directory runs over HTTP: shown to those who may see people, confirmed by the digest that was shown, refused; whose they are. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { createAccess, type Access } from '../../core/access/index.ts'
import { createContinuity } from '../../core/continuity/index.ts'
import { createRouteBook, importList } from '../../core/directory/index.ts'
import { systemClock } from '../../platform/clock.ts'
import { PersonSource, Role } from '../../platform/codes.ts'
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
const at = (rest = '') => `/organisations/${org.organisationId}/directory-runs${rest}`

/** A list with one new person. */
async function staged(externalId: string, of: MadeOrganisation = org): Promise<{ id: string; digest: string }> {
  const addresses = [`${externalId}@${of.domain}`]
  return importList(
    { db: fresh.db, clock: systemClock, actor: 'cli:test', placeWaiting: () => Promise.resolve() },
    {
      organisationId: of.organisationId,
      source: { name: `list ${externalId}`, kind: PersonSource.csv },
      isUnasked: false,
      isDryRun: false,
    },
    { entries: [{ row: 2, externalId, name: externalId, addresses, enabled: true }], unusable: [], problems: [] },
  )
}
const isThere = async (name: string) =>
  (await fresh.db.query('SELECT FROM person WHERE organisation_id = $1 AND name = $2', [org.organisationId, name]))
    .length === 1

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
        disk: { isFull: () => false, fullInMs: () => null },
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

test('runs are shown in pages, the newest first', async () => {
  const [first, second] = [await staged('one'), await staged('two')]
  const page = (await ask('GET', at('?limit=1'), 'helpdesk')).json
  expect(contract.listDirectoryRuns.answer.safeParse(page).error).toBeUndefined()
  expect(page).toMatchObject({ items: [{ id: second.id, state: 'staged', source: 'list two' }], next: second.id })
  const rest = (await ask('GET', at(`?limit=5&after=${page.next}`), 'helpdesk')).json
  expect(rest).toMatchObject({ items: [{ id: first.id }], next: null })
  const { json } = await ask('GET', at(`/${first.id}`), 'helpdesk')
  expect(contract.getDirectoryRun.answer.safeParse(json).error).toBeUndefined()
  expect(json).toMatchObject({ items: [{ act: 'create', name: 'one', words: ['one@corp.test'] }], problems: [] })
})

test('a plan is confirmed by the digest that was shown, by an admin, once', async () => {
  const run = await staged('three')
  const confirm = (digest: string, as: string | null) => ask('POST', at(`/${run.id}/confirm`), as, { digest })
  expect((await confirm(run.digest, 'helpdesk')).code).toBe('forbidden')
  expect((await confirm(run.digest, null)).code).toBe('signed-out')
  expect((await confirm('another', 'admin')).code).toBe('conflict')
  expect(await isThere('three')).toBe(false)
  const { json } = await confirm(run.digest, 'admin')
  expect(contract.confirmDirectoryRun.answer.safeParse(json).error).toBeUndefined()
  expect(json).toMatchObject({ state: 'applied', decidedBy: `person:${org.people['admin']!.personId}` })
  expect(await isThere('three')).toBe(true)
  expect((await confirm(run.digest, 'admin')).code).toBe('conflict')
})

test('a refused one changes nothing, and those of other organisations do not exist', async () => {
  const run = await staged('four')
  expect((await ask('POST', at(`/${run.id}/refuse`), 'admin')).json).toMatchObject({ state: 'refused' })
  expect((await ask('POST', at(`/${run.id}/confirm`), 'admin', { digest: run.digest })).code).toBe('conflict')
  expect(await isThere('four')).toBe(false)
  const theirs = await staged('five', other)
  expect((await ask('GET', at(`/${theirs.id}`), 'admin')).code).toBe('not-found')
  expect((await ask('POST', at(`/${theirs.id}/confirm`), 'admin', { digest: theirs.digest })).code).toBe('not-found')
  expect((await ask('POST', at(`/${theirs.id}/refuse`), 'admin')).code).toBe('not-found')
})

test('where lists come from: when the last one came, and which run waits', async () => {
  const run = await staged('six')
  const ask6 = (as: string | null) => ask('GET', `/organisations/${org.organisationId}/directory-sources`, as)
  expect((await ask6(null)).code).toBe('signed-out')
  expect((await ask6('person')).code).toBe('forbidden')
  const { json } = await ask6('helpdesk')
  expect(contract.listDirectorySources.answer.safeParse(json).error).toBeUndefined()
  const sources = json as { name: string }[]
  expect(sources.find(({ name }) => name === 'list six')).toMatchObject({
    ...{ kind: 'csv', everyMinutes: null, dueAt: null, failures: 0, waitingRunId: run.id, isRefused: false },
    listedAt: expect.stringMatching(/^20/) as string,
  })
})

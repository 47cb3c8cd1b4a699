/** App passwords over HTTP: made with the password again, told once, listed, revoked; whose they are, and what is refused. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
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
import { noContacts, noFourEyes } from '../../../testkit/no-contacts.ts'

const PASSWORD = 'three grey owls at dawn'
const PATH = '/me/app-passwords'
let fresh: FreshDatabase
let org: MadeOrganisation
let access: Access
let http: HttpServer
const signed: Record<string, { cookie: string; csrf: string }> = {}

async function ask(method: 'GET' | 'POST' | 'DELETE', url: string, as: string | null, body?: object) {
  const who = as === null ? undefined : signed[as]
  const answer = await http.app.inject({
    method,
    url: `/api/v1${url}`,
    headers: who ? { 'cookie': `holdfast=${who.cookie}`, 'x-holdfast-csrf': who.csrf } : {},
    ...(body ? { payload: body } : {}),
  })
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what came over the wire is what these tests look at
  const json: any = answer.body === '' ? null : JSON.parse(answer.body)
  return { status: answer.statusCode, json, text: answer.body, code: json?.error?.code as string | undefined }
}
const wish = (more: object = {}) => ({ current: PASSWORD, name: 'Phone', protocols: ['submission'], ...more })
const setPassword = (name: string, mustChange: boolean) =>
  access.setPassword(
    fresh.db,
    { subjectId: org.people[name]!.personId, organisationId: org.organisationId },
    PASSWORD,
    { mustChange, actor: 'cli:test' },
  )
async function signIn(name: string): Promise<void> {
  const visitor = { clientIp: '192.0.2.1', userAgent: null }
  const cookie = await access.signIn({ name, password: PASSWORD, visitor })
  signed[name.split('@')[0]!] = { cookie, csrf: (await access.session(cookie))!.csrf }
}

beforeAll(async () => {
  fresh = await freshDatabase()
  const { db } = fresh
  const deps = { db, clock: systemClock, log: silentLog }
  org = await makeOrganisation(db, { people: ['alice', 'bob', 'carol'], domain: 'corp.test' })
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
      version: '0',
      publicUrl: '',
      secure: false,
    }),
  )
  await setPassword('alice', false)
  await setPassword('bob', false)
  await setPassword('carol', true)
  for (const name of ['alice', 'bob', 'carol']) await signIn(`${name}@corp.test`)
  const token = await access.makeSetupLink(db, 'cli:test')
  const visitor = { clientIp: '192.0.2.1', userAgent: null }
  await access.setUp({ token, name: 'boss', display: 'Boss', password: PASSWORD, locale: 'en', visitor })
  await signIn('boss')
})
afterAll(async () => {
  await http.stop()
  await access.stop()
  await fresh.drop()
})

test('made, told once, listed, revoked', async () => {
  const made = await ask('POST', PATH, 'alice', wish({ name: ' Phone ', protocols: ['imap', 'submission'] }))
  expect(made.status).toBe(200)
  expect(contract.makeAppPassword.answer.safeParse(made.json).error).toBeUndefined()
  const { password, ...rest } = made.json as { password: string; id: string }
  expect(rest).toMatchObject({ name: 'Phone', protocols: ['submission', 'imap'], lastUsedAt: null, lastPlace: null })
  await access.verifyPerson({ name: 'alice@corp.test', password, clientIp: '192.0.2.9', protocol: 'submission' })

  const listed = await ask('GET', PATH, 'alice')
  expect(contract.listAppPasswords.answer.safeParse(listed.json).error).toBeUndefined()
  expect(listed.json).toMatchObject({ items: [{ id: rest.id, lastPlace: '192.0.2.9' }], most: 50 })
  expect(listed.text).not.toContain(password)
  expect((await ask('GET', PATH, 'bob')).json).toMatchObject({ items: [] })

  expect(await ask('DELETE', `${PATH}/${rest.id}`, 'bob')).toMatchObject({ status: 404, code: 'not-found' })
  expect((await ask('DELETE', `${PATH}/${rest.id}`, 'alice')).status).toBe(204)
  expect((await ask('DELETE', `${PATH}/${rest.id}`, 'alice')).code).toBe('not-found')
  expect((await ask('GET', PATH, 'alice')).json).toMatchObject({ items: [] })
})

test.each([
  [{ current: 'not it' }, 401, 'sign-in-failed', 'current password'],
  [{ name: '' }, 400, 'bad-request', 'name'],
  [{ name: '   ' }, 400, 'bad-request', 'name'],
  [{ name: 'x'.repeat(61) }, 400, 'bad-request', 'name'],
  [{ name: 'a\nb' }, 400, 'bad-request', 'name'],
  [{ protocols: [] }, 400, 'bad-request', 'protocols'],
  [{ protocols: ['ftp'] }, 400, 'bad-request', 'protocols.0'],
  [{ more: 1 }, 400, 'bad-request', 'more'],
])('refused: %j', async (more, status, code, detail) => {
  const answer = await ask('POST', PATH, 'alice', wish(more))
  expect(answer).toMatchObject({ status, code })
  expect(answer.json.error.detail).toContain(detail)
  expect((await ask('GET', PATH, 'alice')).json).toMatchObject({ items: [] })
})

test('with a one-time password nothing of it, for an operator there is nothing, and signed out nobody', async () => {
  for (const [method, path, body] of [
    ['GET', PATH, undefined],
    ['POST', PATH, wish()],
    ['DELETE', `${PATH}/${newId(0)}`, undefined],
  ] as const) {
    expect(await ask(method, path, 'carol', body)).toMatchObject({ status: 403, code: 'password-change-needed' })
    expect(await ask(method, path, 'boss', body)).toMatchObject({ status: 404, code: 'not-found' })
    expect(await ask(method, path, null, body)).toMatchObject({ status: 401, code: 'signed-out' })
  }
})

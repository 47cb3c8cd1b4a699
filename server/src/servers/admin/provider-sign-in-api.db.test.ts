/** The identity provider over HTTP: what the page asks, the cookie that binds a sign-in to its browser, the session at its end. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { noContacts, noFourEyes } from '../../../testkit/no-contacts.ts'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation } from '../../../testkit/factories.ts'
import { startIdentityProvider, type IdentityProvider } from '../../../testkit/identity-provider.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { createAccess, type Access } from '../../core/access/index.ts'
import { systemClock } from '../../platform/clock.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { createHttp, type HttpServer } from '../http/index.ts'
import { adminRoutes } from './index.ts'

const publicUrl = 'https://mail.corp.test'
let fresh: FreshDatabase
let http: HttpServer
let access: Access
let idp: IdentityProvider

beforeAll(async () => {
  ;[fresh, idp] = await Promise.all([freshDatabase(), startIdentityProvider()])
  const { db } = fresh
  const { organisationId } = await makeOrganisation(db, { people: ['alice'], domain: 'corp.test' })
  const provider = {
    ...{ name: 'Corp ID', issuer: idp.issuer, clientId: 'holdfast', scopes: ['openid', 'email'], claim: 'email' },
    ...{ require: {}, insecureLoopback: true },
  }
  await db.query('UPDATE organisation SET sign_in = $2 WHERE organisation_id = $1', [organisationId, { provider }])
  access = createAccess({ db, clock: systemClock, log: silentLog })
  http = await createHttp({
    ...{ listen: { host: '127.0.0.1', port: 0 }, publicUrl, clock: systemClock, log: silentLog },
    ...{ metrics: createMetrics(), access, webRoot: null, ready: async () => ({ ready: true, checks: [] }) },
  })
  http.register(
    adminRoutes({
      ...{ db, clock: systemClock, access, version: '0', publicUrl, secure: true },
      continuity: {} as never,
      disk: {} as never,
      signInLinks: { ask: () => undefined },
      privateContacts: noContacts,
      fourEyes: noFourEyes,
    }),
  )
  await http.app.ready()
})
afterAll(async () => {
  await access.stop()
  await http.app.close()
  await idp.stop()
  await expectSound(fresh.db, null)
  await fresh.drop()
})

async function post(path: string, body: object, headers: Record<string, string> = {}) {
  const answer = await http.app.inject({ method: 'POST', url: `/api/v1/session${path}`, payload: body, headers })
  return { status: answer.statusCode, json: answer.json(), cookies: answer.cookies as Record<string, unknown>[] }
}
const alice = { claims: { email: 'alice@corp.test', email_verified: true } }

test('asked by the domain; begun with a cookie of our own pages; signed in by it', async () => {
  expect((await post('/provider', { domain: 'corp.test' })).json).toEqual({
    provider: { name: 'Corp ID', standing: 'answers' },
  })
  expect((await post('/provider', { domain: 'else.test' })).json).toEqual({ provider: null })
  const begun = await post('/provider/begin', { name: 'alice@corp.test' })
  const [cookie] = begun.cookies
  expect(cookie).toMatchObject({
    ...{ name: 'holdfast-provider', httpOnly: true, secure: true, sameSite: 'Strict', maxAge: 600 },
    path: '/api/v1/session/provider',
  })
  const query = idp.authorize(String(begun.json.url), alice)
  const own = { cookie: `holdfast-provider=${String(cookie!['value'])}` }
  // Another site cannot hand a sign-in of its own to this browser.
  expect(await post('/provider/finish', { query }, { ...own, 'sec-fetch-site': 'cross-site' })).toMatchObject({
    ...{ status: 403, json: { error: { code: 'csrf' } } },
  })
  expect((await post('/provider/finish', { query })).json.error.code).toBe('provider-ended')
  const inside = await post('/provider/finish', { query }, own)
  expect(inside).toMatchObject({ status: 200, json: { address: 'alice@corp.test', mustChangePassword: false } })
  expect(inside.cookies.map(({ name, value }) => [name, value !== ''])).toEqual([
    ['holdfast-provider', false],
    ['holdfast', true],
  ])
  expect((await post('/provider/finish', { query }, own)).json.error.code).toBe('provider-ended')
})

test('away: 503 with its code, and no session', async () => {
  const begun = await post('/provider/begin', { name: 'alice@corp.test' })
  const query = idp.authorize(String(begun.json.url), alice)
  idp.faults.set('token', '500')
  const own = { cookie: `holdfast-provider=${String(begun.cookies[0]!['value'])}` }
  const answer = await post('/provider/finish', { query }, own)
  expect([answer.status, answer.json.error.code]).toEqual([503, 'provider-away'])
  expect(answer.cookies.map(({ name, value }) => [name, value])).toEqual([['holdfast-provider', '']])
  expect((await post('/provider/begin', { name: 'alice@corp.test' })).json.error.code).toBe('provider-away')
})

/** SCIM over HTTP, as RFC 7644 has it, and as Entra ID and Okta speak it: what is written is what is read, and whose it is. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { createAccess } from '../../core/access/index.ts'
import { makeScimToken, revokeScimToken, scimTokens } from '../../core/directory/index.ts'
import { systemClock } from '../../platform/clock.ts'
import { silentLog } from '../../platform/log.ts'
import { createMetrics } from '../../platform/metrics.ts'
import { createHttp, type HttpServer } from '../http/index.ts'
import { scimRoutes } from './index.ts'

const USER = 'urn:ietf:params:scim:schemas:core:2.0:User'
const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'
const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group'
const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'

let fresh: FreshDatabase
let org: MadeOrganisation
let other: MadeOrganisation
let http: HttpServer
let token: string
let otherToken: string

const deps = () => ({ db: fresh.db, clock: systemClock })
const tokenFor = async (of: MadeOrganisation, more: { expiresAt?: Date; source?: string } = {}) =>
  makeScimToken(deps(), {
    organisationId: of.organisationId,
    source: more.source ?? 'scim',
    name: 'test',
    expiresAt: more.expiresAt ?? null,
    actor: 'cli:test',
  })

/** Of whatever came over the wire, what these tests look at. */
interface Answer {
  id: string
  meta: { version: string }
  emails?: unknown
  phoneNumbers?: unknown
  groups?: unknown
  active?: boolean
  scimType?: string
  attributes: unknown
  [ENTERPRISE]: { manager: unknown }
  members?: { value: string }[]
  totalResults: number
  itemsPerPage: number
  endpoint: string
  Resources: Answer[]
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
interface Wish {
  as?: string | null
  headers?: Record<string, string>
  type?: string
}
async function ask(method: Method, url: string, body?: object | string, { as = token, headers, type }: Wish = {}) {
  const answer = await http.app.inject({
    method,
    url: `/scim/v2${url}`,
    headers: {
      ...(as === null ? {} : { authorization: `Bearer ${as}` }),
      ...(body === undefined ? {} : { 'content-type': type ?? 'application/scim+json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const json = (answer.body === '' ? {} : JSON.parse(answer.body)) as Answer
  return { status: answer.statusCode, json, headers: answer.headers }
}
const patch = (url: string, ...Operations: object[]) => ask('PATCH', url, { schemas: [PATCH], Operations })
const find = (what: string, filter: string, more = '') =>
  ask('GET', `/${what}?filter=${encodeURIComponent(filter)}${more}`)
let count = 0
async function makeUser(more: object = {}): Promise<{ id: string; userName: string }> {
  const userName = `u${++count}@${org.domain}`
  const made = await ask('POST', '/Users', { schemas: [USER], userName, ...more })
  expect(made).toMatchObject({ status: 201 })
  return { id: made.json.id, userName }
}

beforeAll(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { domain: 'harbour.test' })
  other = await makeOrganisation(fresh.db, { domain: 'other.test' })
  http = await createHttp({
    ...{ listen: { host: '127.0.0.1', port: 0 }, publicUrl: 'https://mail.harbour.test/', clock: systemClock },
    ...{ log: silentLog, access: createAccess({ ...deps(), log: silentLog }), metrics: createMetrics(), webRoot: null },
    ready: () => Promise.resolve({ ready: true, checks: [] }),
  })
  http.register(scimRoutes({ ...deps(), log: silentLog, publicUrl: 'https://mail.harbour.test/' }))
  await http.app.ready()
  token = (await tokenFor(org)).token
  otherToken = (await tokenFor(other)).token
})
afterAll(async () => {
  await http.stop()
  await expectSound(fresh.db, null)
  await fresh.drop()
})

test('a user is made, read, replaced and deleted, as it was written', async () => {
  const written = {
    schemas: [USER, ENTERPRISE],
    externalId: 'b7c14771-226c-4d05-8860-134711653041',
    userName: 'Jens@Harbour.test',
    name: { formatted: 'Jens Pilot', familyName: 'Pilot', givenName: 'Jens' },
    emails: [
      { value: 'jens@harbour.test', type: 'work', primary: true },
      { value: 'jens@home.test', type: 'home' },
    ],
    active: true,
    [ENTERPRISE]: { department: 'Bridge', manager: { value: 'nobody-yet' } },
  }
  const made = await ask('POST', '/Users', { ...written, password: 'secret', favouriteColour: 'blue' })
  expect(made.status).toBe(201)
  expect(made.headers['content-type']).toBe('application/scim+json; charset=utf-8')
  const { id, meta, ...rest } = made.json
  expect(rest).toEqual(written)
  const location = `https://mail.harbour.test/scim/v2/Users/${id}`
  expect(meta).toMatchObject({ resourceType: 'User', location, version: 'W/"1"' })
  expect(made.headers).toMatchObject({ location, etag: 'W/"1"' })
  const read = await ask('GET', `/Users/${id}`)
  expect(read.json).toEqual(made.json)

  const twice = await ask('POST', '/Users', { schemas: [USER], userName: 'jENS@harbour.test' })
  expect(twice).toMatchObject({ status: 409, json: { scimType: 'uniqueness', status: '409' } })
  const put = await ask('PUT', `/Users/${id}`, { schemas: [USER], id: 'another', userName: 'jens@harbour.test' })
  expect(put.json).toEqual({ schemas: [USER], id, userName: 'jens@harbour.test', meta: expect.any(Object) as object })
  expect((await ask('DELETE', `/Users/${id}`)).status).toBe(204)
  for (const method of ['GET', 'DELETE'] as const)
    expect(await ask(method, `/Users/${id}`)).toMatchObject({
      status: 404,
      json: { schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], status: '404' },
    })
  expect((await find('Users', 'userName eq "jens@harbour.test"')).json.totalResults).toBe(0)
})

test('versions: a change needs the one it was made for, and nothing is read twice', async () => {
  const { id } = await makeUser()
  const at = (header: string, value: string) => ({ headers: { [header]: value } })
  const body = { schemas: [PATCH], Operations: [{ op: 'replace', path: 'title', value: 'Cook' }] }
  expect((await ask('PATCH', `/Users/${id}`, body, at('if-match', 'W/"7"'))).status).toBe(412)
  expect((await ask('PATCH', `/Users/${id}`, body, at('if-match', 'W/"1"'))).headers.etag).toBe('W/"2"')
  expect((await ask('PATCH', `/Users/${id}`, body)).headers.etag).toBe('W/"2"')
  expect((await ask('GET', `/Users/${id}`, undefined, at('if-none-match', 'W/"2"'))).status).toBe(304)
  expect((await ask('DELETE', `/Users/${id}`, undefined, at('if-match', '"1"'))).status).toBe(412)
  expect((await ask('DELETE', `/Users/${id}`, undefined, at('if-match', '*'))).status).toBe(204)
})

test('Entra ID: a probe for nobody is an empty list; then made, changed its way, and shut out', async () => {
  const probe = await find('Users', 'userName eq "00000000-aaaa@harbour.test"')
  expect(probe).toMatchObject({ status: 200, json: { totalResults: 0, Resources: [], itemsPerPage: 0, startIndex: 1 } })
  const { id, userName } = await makeUser({
    schemas: [USER, ENTERPRISE],
    externalId: 'ada',
    active: 'True',
    emails: [{ primary: true, type: 'work', value: 'ada@harbour.test' }],
  })
  expect((await find('Users', `userName eq "${userName.toUpperCase()}"`)).json.Resources).toMatchObject([
    { id, active: true },
  ])
  expect((await find('Users', 'externalId eq "ada"')).json.totalResults).toBe(1)
  expect((await find('Users', 'externalId eq "ADA"')).json.totalResults).toBe(0)
  const changed = await patch(
    `/Users/${id}`,
    { op: 'Add', path: 'emails[type eq "other"].value', value: 'ada.l@harbour.test' },
    { op: 'Replace', path: 'emails[type eq "work"].value', value: 'ada2@harbour.test' },
    { op: 'Add', path: `${ENTERPRISE}:department`, value: 'Engines' },
    { op: 'Add', path: `${ENTERPRISE}:manager`, value: [{ $ref: null, value: 'b' }] },
    { op: 'Add', path: 'phoneNumbers[type eq "mobile"].value', value: '+44 1' },
    {
      op: 'Add',
      value: { 'name.givenName': 'Ada', 'displayName': 'Ada L.', [`${ENTERPRISE}:costCenter`]: '42', 'meta': {} },
    },
    { op: 'Replace', path: 'active', value: 'False' },
    { op: 'Add', path: 'extension_cafe_badge', value: 'kept by nobody' },
  )
  expect(changed.json).toMatchObject({
    active: false,
    displayName: 'Ada L.',
    name: { givenName: 'Ada' },
    emails: [
      { primary: true, type: 'work', value: 'ada2@harbour.test' },
      { type: 'other', value: 'ada.l@harbour.test' },
    ],
    phoneNumbers: [{ type: 'mobile', value: '+44 1' }],
    [ENTERPRISE]: { department: 'Engines', manager: { value: 'b' }, costCenter: '42' },
  })
  await patch(
    `/Users/${id}`,
    { op: 'Remove', path: 'emails[type eq "other"].value' },
    { op: 'Remove', path: `${ENTERPRISE}:manager` },
    { op: 'Replace', path: `${ENTERPRISE}:manager`, value: 'c' },
    { op: 'Remove', path: 'phoneNumbers' },
  )
  const { json } = await ask('GET', `/Users/${id}`)
  expect(json.emails).toEqual([{ primary: true, type: 'work', value: 'ada2@harbour.test' }])
  expect(json[ENTERPRISE].manager).toEqual({ value: 'c' })
  expect(json.phoneNumbers).toBeUndefined()
})

test('Entra ID: groups, whose members come and go by path and by list', async () => {
  const [a, b, c] = [await makeUser(), await makeUser(), await makeUser()]
  const made = await ask('POST', '/Groups', { schemas: [GROUP], externalId: 'g-1', displayName: 'Deck', members: [] })
  const url = `/Groups/${made.json.id}`
  const members = async () => ((await ask('GET', url)).json.members ?? []).map(({ value }) => value)
  const add = (...all: { id: string }[]) => ({
    op: 'Add',
    path: 'members',
    value: all.map(({ id }) => ({ $ref: null, value: id })),
  })
  expect((await patch(url, add(a, b))).status).toBe(204)
  await patch(url, add(b), add(c))
  expect(await members()).toEqual([a.id, b.id, c.id])
  await patch(url, { op: 'Remove', path: `members[value eq "${a.id}"]` })
  await patch(url, { op: 'Remove', path: 'members', value: [{ value: b.id }] })
  expect(await members()).toEqual([c.id])
  const asked = `id eq "${made.json.id}" and members eq "${c.id}"`
  expect((await find('Groups', asked, '&excludedAttributes=members')).json.totalResults).toBe(1)
  expect((await find('Groups', asked.replace(c.id, a.id))).json.totalResults).toBe(0)
  expect((await find('Groups', `members[value eq "${c.id}"]`)).json.totalResults).toBe(1)
  const named = await find('Groups', 'displayName eq "deck"', '&excludedAttributes=members')
  expect(named.json.Resources[0]).not.toHaveProperty('members')
  expect((await ask('GET', `/Users/${c.id}`)).json.groups).toMatchObject([{ value: made.json.id, display: 'Deck' }])
  await patch(url, { op: 'Replace', value: { id: made.json.id, displayName: 'Upper deck' } })
  expect((await ask('GET', `${url}?attributes=displayName`)).json).toEqual({
    schemas: [GROUP],
    id: made.json.id,
    displayName: 'Upper deck',
  })
  await ask('DELETE', `/Users/${c.id}`)
  expect(await members()).toEqual([])
  await patch(url, add(a, b))
  await patch(url, { op: 'replace', path: 'members', value: [{ value: b.id, display: 'B' }] })
  expect((await ask('GET', url)).json.members).toMatchObject([{ value: b.id, display: 'B' }])
  await patch(url, { op: 'remove', path: 'members' })
  expect(await members()).toEqual([])
  expect((await patch(url, { op: 'remove', path: 'members[display co "x"]' })).json.scimType).toBe('invalidPath')
  expect((await ask('DELETE', url)).status).toBe(204)
})

test('Okta: asked for by name, pushed as a whole, deactivated and back, a group by its list', async () => {
  expect((await find('Users', 'userName eq "okta@harbour.test"', '&startIndex=1&count=100')).json.totalResults).toBe(0)
  const whole = {
    schemas: [USER],
    userName: 'okta@harbour.test',
    name: { givenName: 'Olga', familyName: 'Kta' },
    emails: [{ primary: true, value: 'okta@harbour.test', type: 'work' }],
    displayName: 'Olga Kta',
    locale: 'en-US',
    externalId: '00ujl29u0le5T6Aj10h7',
    groups: [],
    password: '1mz050nq',
    active: true,
  }
  const { json } = await ask('POST', '/Users', whole, { type: 'application/scim+json; charset=utf-8' })
  const put = await ask('PUT', `/Users/${json.id}`, { ...whole, id: json.id, meta: json.meta, title: 'Purser' })
  expect(put.json).toMatchObject({ title: 'Purser', displayName: 'Olga Kta' })
  const off = await patch(`/Users/${json.id}`, { op: 'replace', value: { active: false } })
  expect(off).toMatchObject({ status: 200, json: { active: false } })
  expect((await patch(`/Users/${json.id}`, { op: 'replace', value: { active: true } })).json.active).toBe(true)
  expect((await ask('GET', '/Users?startIndex=1&count=2')).json).toMatchObject({ itemsPerPage: 2, startIndex: 1 })
  const group = await ask('POST', '/Groups', {
    schemas: [GROUP],
    displayName: 'Galley',
    members: [{ value: json.id, display: 'okta' }],
  })
  expect(group.json.members).toMatchObject([{ value: json.id, display: 'okta' }])
  const renamed = await ask('PUT', `/Groups/${group.json.id}`, { schemas: [GROUP], displayName: 'Kitchen' })
  expect(renamed.json).toMatchObject({ displayName: 'Kitchen', members: [{ value: json.id }] })
})

test('lists: pages that together are all of them, filters of every kind, fewer attributes', async () => {
  const all = (await ask('GET', '/Users?count=500')).json
  const seen: string[] = []
  for (let startIndex = 1; startIndex <= all.totalResults; startIndex += 2)
    seen.push(...(await ask('GET', `/Users?startIndex=${startIndex}&count=2`)).json.Resources.map(({ id }) => id))
  expect(seen).toEqual(all.Resources.map(({ id }) => id))
  expect((await ask('GET', '/Users?count=0')).json).toMatchObject({ totalResults: all.totalResults, Resources: [] })
  expect((await ask('GET', '/Users?startIndex=-5&count=1')).json).toMatchObject({ startIndex: 1, itemsPerPage: 1 })
  const total = async (filter: string) => (await find('Users', filter)).json.totalResults
  expect(await total('title eq "purser"')).toBe(1)
  expect(await total('name.familyName sw "K" and active eq true')).toBe(1)
  expect(await total('emails[type eq "work" and value co "@harbour"]')).toBe(2)
  expect(await total('emails.value eq "okta@harbour.test" or userName eq "none"')).toBe(1)
  expect(await total(`${ENTERPRISE}:department eq "engines"`)).toBe(1)
  expect(await total('not (title pr)')).toBe(all.totalResults - 1)
  expect(await total('meta.created gt "2020-01-01T00:00:00Z"')).toBe(all.totalResults)
  const less = await find('Users', 'title eq "Purser"', '&attributes=userName,emails.value')
  expect(less.json.Resources[0]).toEqual({
    schemas: [USER],
    id: expect.any(String) as string,
    userName: 'okta@harbour.test',
    emails: [{ value: 'okta@harbour.test' }],
  })
  const searched = await ask('POST', '/Users/.search', { filter: 'title pr', attributes: ['title'], startIndex: 1 })
  expect(searched.json.Resources).toMatchObject([{ title: 'Purser' }])
})

test('what the server can do is said, and what it cannot', async () => {
  const { json } = await ask('GET', '/ServiceProviderConfig')
  expect(json).toMatchObject({ patch: { supported: true }, bulk: { supported: false }, etag: { supported: true } })
  const types = (await ask('GET', '/ResourceTypes')).json.Resources
  expect(types.map(({ endpoint }) => endpoint)).toEqual(['/Users', '/Groups'])
  const schemas = (await ask('GET', '/Schemas')).json.Resources
  expect(schemas.map(({ id }) => id)).toEqual([USER, ENTERPRISE, GROUP])
  expect((await ask('GET', `/Schemas/${GROUP}`)).json.attributes).toMatchObject([
    { name: 'displayName' },
    { name: 'members' },
  ])
  expect(await ask('POST', '/Bulk', {})).toMatchObject({ status: 501, json: { status: '501' } })
  expect(await ask('GET', '/Me')).toMatchObject({ status: 501 })
  for (const nowhere of ['/Nothing', '/Users/x/y', ''])
    expect(await ask('GET', nowhere)).toMatchObject({ status: 404, json: { status: '404' } })
})

test('without a good token all is one and the same 401', async () => {
  const gone = await tokenFor(org)
  await revokeScimToken(deps(), { organisationId: org.organisationId, id: gone.id, actor: 'cli:test' })
  const past = await tokenFor(org, { expiresAt: new Date(Date.now() - 1000) })
  const answers = new Set<string>()
  for (const as of [null, '', 'x', 'hfscim-', `hfscim-${'a'.repeat(43)}`, gone.token, past.token, `${token}x`])
    for (const url of ['/Users', '/Users/x', '/ServiceProviderConfig', '/nowhere', '/Bulk']) {
      const { status, json, headers } = await ask('GET', url, undefined, { as })
      answers.add(JSON.stringify([status, json, headers['www-authenticate']]))
    }
  expect([...answers]).toEqual([expect.stringContaining('401')])
  const kept = await scimTokens(fresh.db, org.organisationId)
  expect(kept.find(({ id }) => id === past.id)).toMatchObject({ lastUsedAt: null })
  expect(kept.find(({ lastUsedAt }) => lastUsedAt !== null)).toMatchObject({ source: 'scim', lastPlace: '127.0.0.1' })
})

test('each token reaches its own source alone', async () => {
  const { id, userName } = await makeUser()
  const second = (await tokenFor(org, { source: 'second' })).token
  for (const as of [otherToken, second]) {
    for (const method of ['GET', 'DELETE'] as const)
      expect((await ask(method, `/Users/${id}`, undefined, { as })).status).toBe(404)
    expect((await ask('PUT', `/Users/${id}`, { schemas: [USER], userName: 'x' }, { as })).status).toBe(404)
    const found = await ask(
      'GET',
      `/Users?filter=${encodeURIComponent(`id eq "${id}" or userName eq "${userName}"`)}`,
      undefined,
      { as },
    )
    expect(found.json.totalResults).toBe(0)
    // The same name is free there.
    expect((await ask('POST', '/Users', { schemas: [USER], userName }, { as })).status).toBe(201)
    const group = await ask('POST', '/Groups', { schemas: [GROUP], displayName: 'G', members: [{ value: id }] }, { as })
    expect(group.status).toBe(201)
  }
  expect((await ask('GET', `/Users/${id}`)).json.groups).toBeUndefined()
  const browser = { headers: { 'sec-fetch-site': 'cross-site' } }
  expect((await ask('POST', '/Users', { schemas: [USER], userName: 'y' }, browser)).status).toBe(403)
})

test.each<[string, Method, string, number, string | undefined]>([
  ['no JSON', 'POST', '{', 400, 'invalidSyntax'],
  ['no body', 'POST', '', 400, 'invalidSyntax'],
  ['a list', 'POST', '[]', 400, 'invalidSyntax'],
  ['deep nesting', 'POST', `${'['.repeat(5000)}${']'.repeat(5000)}`, 400, 'invalidSyntax'],
  ['no userName', 'POST', '{"userName":" "}', 400, 'invalidValue'],
  ['another schema', 'POST', `{"schemas":["${GROUP}"],"userName":"x"}`, 400, 'invalidValue'],
  ['a number for an address', 'POST', '{"userName":"x","emails":[["a"]]}', 400, 'invalidValue'],
  ['no boolean', 'POST', '{"userName":"x","active":"maybe"}', 400, 'invalidValue'],
  ['NUL', 'POST', '{"userName":"x\\u0000"}', 400, 'invalidValue'],
  ['half a character', 'POST', '{"userName":"x\\ud800"}', 400, 'invalidValue'],
  ['a long name', 'POST', `{"userName":"${'x'.repeat(301)}"}`, 400, 'invalidValue'],
  ['much text', 'POST', `{"userName":"x","nickName":"${'x'.repeat(5000)}"}`, 400, 'invalidValue'],
  [
    'many addresses',
    'POST',
    `{"userName":"x","emails":[${Array.from({ length: 101 }, () => '"a"').join()}]}`,
    400,
    'invalidValue',
  ],
  ['a huge body', 'POST', `{"userName":"${'x'.repeat(300_000)}"}`, 413, undefined],
  ['proto', 'POST', '{"__proto__":{"userName":"x"}}', 400, 'invalidValue'],
  ['no operations', 'PATCH', '{}', 400, 'invalidSyntax'],
  ['an unknown operation', 'PATCH', '{"Operations":[{"op":"move","path":"title"}]}', 400, 'invalidSyntax'],
  ['a bad path', 'PATCH', '{"Operations":[{"op":"add","path":"emails[type eq","value":"x"}]}', 400, 'invalidPath'],
  ['an id', 'PATCH', '{"Operations":[{"op":"replace","path":"id","value":"x"}]}', 400, 'mutability'],
  [
    'nothing to make one of',
    'PATCH',
    '{"Operations":[{"op":"replace","path":"emails[value co \\"q\\"].type","value":"x"}]}',
    400,
    'noTarget',
  ],
  ['a removal of nothing', 'PATCH', '{"Operations":[{"op":"remove"}]}', 400, 'noTarget'],
  ['no userName any more', 'PATCH', '{"Operations":[{"op":"remove","path":"userName"}]}', 400, 'invalidValue'],
  [
    'many operations',
    'PATCH',
    `{"Operations":[${Array.from({ length: 1001 }, () => '{"op":"add","path":"title","value":"x"}').join()}]}`,
    413,
    'tooMany',
  ],
])('hostile: %s', async (_name, method, body, status, scimType) => {
  const { id } = await makeUser()
  const answer = await ask(method, method === 'POST' ? '/Users' : `/Users/${id}`, body)
  expect({ status: answer.status, scimType: answer.json.scimType }).toEqual({ status, scimType })
  expect(answer.json).toMatchObject({ status: String(status), schemas: [expect.stringContaining('Error')] })
  expect((await ask('GET', `/Users/${id}`)).json.meta.version).toBe('W/"1"')
})

test.each([
  'userName', 'userName eq', 'userName eq x', 'userName zz "x"', '(userName pr', 'colour eq "x"', 'userName[a eq "b"]', '"x" eq userName',
  'userName eq "a" userName pr', '', ' and ', `${'('.repeat(50)}userName pr${')'.repeat(50)}`,
  Array.from({ length: 100 }, () => 'userName pr').join(' or '), `userName eq "${'x'.repeat(5000)}"`,
].filter((one) => one !== ''))('a filter that is none: %.40s', async (filter) => {
  expect(await find('Users', filter)).toMatchObject({ status: 400, json: { scimType: 'invalidFilter' } })
}) // prettier-ignore

test('other types, and odd queries, are told', async () => {
  expect((await ask('POST', '/Users', 'userName=x', { type: 'application/x-www-form-urlencoded' })).status).toBe(415)
  expect((await ask('GET', '/Users?count=many')).json.scimType).toBe('invalidValue')
  expect((await ask('GET', '/Users?filter=a&filter=b')).json.scimType).toBe('invalidValue')
  expect((await find('Users', 'userName eq "a\\u0000"')).json.totalResults).toBe(0)
})

test('a hundred thousand members are taken, read and changed; one more is not', async () => {
  const id = (i: number) => `00000000-0000-7000-8000-${String(i).padStart(12, '0')}`
  const members = Array.from({ length: 100_000 }, (_, i) => ({ value: id(i) }))
  const made = await ask('POST', '/Groups?excludedAttributes=members', {
    schemas: [GROUP],
    displayName: 'Everybody',
    members,
  })
  expect(made.status).toBe(201)
  const url = `/Groups/${made.json.id}`
  expect((await patch(url, { op: 'Add', path: 'members', value: [{ value: 'one-more' }] })).status).toBe(403)
  expect((await patch(url, { op: 'Remove', path: `members[value eq "${id(5)}"]` })).status).toBe(204)
  expect((await patch(url, { op: 'Add', path: 'members', value: [{ value: 'one-more' }] })).status).toBe(204)
  expect((await ask('GET', url)).json.members!.length).toBe(100_000)
  const list = (await ask('GET', '/Groups')).json
  expect(list.itemsPerPage).toBeLessThanOrEqual(list.totalResults)
  const more = { schemas: [GROUP], displayName: 'More', members: [...members, { value: 'x' }] }
  expect((await ask('POST', '/Groups', more)).status).toBe(413)
  expect((await ask('DELETE', url)).status).toBe(204)
}, 30_000)

import { expect, test } from 'vitest'
import { ApiError } from '../api.ts'
import { createJmap, expand, fromCall, JmapError, sameOrigin } from './client.ts'

const session = {
  capabilities: { 'urn:ietf:params:jmap:core': {}, 'urn:ietf:params:jmap:mail': {} },
  accounts: { a1: { name: 'a', isReadOnly: false } },
  primaryAccounts: { 'urn:ietf:params:jmap:mail': 'a1' },
  username: 'alice',
  apiUrl: 'https://elsewhere.example:8080/jmap',
  downloadUrl: '/jmap/download/{accountId}/{blobId}/{name}?type={type}',
  uploadUrl: '/jmap/upload/{accountId}/',
  eventSourceUrl: '/jmap/events?types={types}',
  state: 's1',
}
type Asked = { url: string; body: { using: string[]; methodCalls: [string, Record<string, unknown>, string][] } | null }

function fake(answers: (body: Asked['body']) => { status?: number; body: unknown }) {
  const asked: Asked[] = []
  const client = createJmap((url, init) => {
    const body = typeof init.body === 'string' ? (JSON.parse(init.body) as Asked['body']) : null
    asked.push({ url, body })
    if (url === '/.well-known/jmap') return Promise.resolve(new Response(JSON.stringify(session)))
    const answer = answers(body)
    return Promise.resolve(new Response(JSON.stringify(answer.body), { status: answer.status ?? 200 }))
  })
  return { asked, client }
}
const ok = (methodResponses: unknown[], sessionState = 's1') => ({ body: { methodResponses, sessionState } })

test('a batch fills in the account, keeps back-references, uses only offered capabilities, answers in order', async () => {
  const { asked, client } = fake(() =>
    ok([
      ['Email/get', { list: [1] }, 'c1'],
      ['Email/query', { ids: ['x'] }, 'c0'],
    ]),
  )
  const [first, second] = await client.run([
    ['Email/query', { limit: 1 }],
    ['Email/get', { '#ids': fromCall(0, 'Email/query', '/ids') }],
  ])
  expect(first).toEqual({ ids: ['x'] })
  expect(second).toEqual({ list: [1] })
  expect(asked[1]!.url).toBe('/jmap')
  expect(asked[1]!.body!.using).toEqual(['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'])
  expect(asked[1]!.body!.methodCalls[1]).toEqual([
    'Email/get',
    { 'accountId': 'a1', '#ids': { resultOf: 'c0', name: 'Email/query', path: '/ids' } },
    'c1',
  ])
})

test('a method-level error is thrown with its type', async () => {
  const { client } = fake(() => ok([['error', { type: 'cannotCalculateChanges' }, 'c0']]))
  await expect(client.one('Email/changes', {})).rejects.toMatchObject({
    name: 'JmapError',
    type: 'cannotCalculateChanges',
  })
})

test('an answer that is missing is an error, never undefined', async () => {
  const { client } = fake(() => ok([]))
  await expect(client.one('Email/get', {})).rejects.toBeInstanceOf(JmapError)
})

test('an implicit second answer under the same id does not hide the first (RFC 8621 section 7.5)', async () => {
  const { client } = fake(() =>
    ok([
      ['EmailSubmission/set', { created: { s: { id: '1' } } }, 'c0'],
      ['Email/set', { updated: {} }, 'c0'],
    ]),
  )
  expect(await client.one('EmailSubmission/set', {})).toEqual({ created: { s: { id: '1' } } })
})

test('the session is asked once, and again after its state changed', async () => {
  let state = 's1'
  const { asked, client } = fake(() => ok([['Mailbox/get', {}, 'c0']], state))
  await client.one('Mailbox/get', {})
  await client.one('Mailbox/get', {})
  expect(asked.filter(({ url }) => url === '/.well-known/jmap')).toHaveLength(1)
  state = 's2'
  await client.one('Mailbox/get', {})
  await client.one('Mailbox/get', {})
  expect(asked.filter(({ url }) => url === '/.well-known/jmap')).toHaveLength(2)
})

test('HTTP errors keep the code of the server', async () => {
  const { client } = fake(() => ({ status: 503, body: { error: { code: 'database-unavailable', text: 'x' } } }))
  const thrown = await client.one('Mailbox/get', {}).catch((error: unknown) => error)
  expect(thrown).toBeInstanceOf(ApiError)
  expect(thrown).toMatchObject({ code: 'database-unavailable', status: 503 })
})

test('addresses: encoded, and always on our own origin', async () => {
  const { client } = fake(() => ok([]))
  expect(await client.downloadUrl('M1', 'text/html', '../../x y.html')).toBe(
    '/jmap/download/a1/M1/..%2F..%2Fx%20y.html?type=text%2Fhtml',
  )
  expect(expand('/{a}/{b}', { a: 'é/' })).toBe('/%C3%A9%2F/')
  expect(sameOrigin('http://h:1/a?b')).toBe('/a?b')
  expect(sameOrigin('http://h')).toBe('/')
  expect(sameOrigin('/a')).toBe('/a')
})

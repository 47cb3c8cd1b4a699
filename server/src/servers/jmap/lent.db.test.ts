/** Somebody else's mailbox, opened by a second person: one more account that is read, written down, and never changed. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { makePerson } from '../../../testkit/factories.ts'
import { jmapFixture, type JmapFixture } from '../../../testkit/jmap-fixture.ts'
import type { By } from '../../core/four-eyes/index.ts'
import { Role } from '../../platform/codes.ts'
import type { Arguments } from '../../protocols/jmap/index.ts'
import { readingOf } from './lent.ts'

const REASON = 'He left without a handover and a customer waits'
let it: JmapFixture
let bob: string
let org: string
beforeAll(async () => {
  it = await jmapFixture()
  org = it.org.organisationId
  for (const name of ['boss', 'carol']) it.org.people[name] = await makePerson(it.fresh.db, it.org, name)
  bob = it.owner('bob').personId
  await it.fresh.db.query(
    `UPDATE person SET role = $1, created_at = now() - interval '1 year', role_since = now() - interval '1 year' WHERE name <> 'Bob'`,
    [Role.admin],
  )
})
beforeEach(() => it.signIn('alice'))
afterEach(() => it.fresh.db.query('DELETE FROM mailbox_access'))
afterAll(() => it.close())

const by = (name: string): By => {
  const { personId: subjectId } = it.owner(name)
  return { actor: `person:${subjectId}`, kind: 'person', subjectId, organisationId: org }
}
async function open(purpose: 'read' | 'handOver' = 'read'): Promise<string> {
  const { accessId } = await it.fourEyes.ask({
    ...{ organisationId: org, mailboxId: bob, by: by('alice'), purpose, reason: REASON, minutes: 60 },
  })
  await it.fourEyes.decide({ organisationId: org, accessId }, by('boss'), { approve: true, note: '' })
  return accessId
}
const mail = (n: string): string =>
  `From: Joe <joe@outside.test>\nTo: bob@corp.test\nSubject: Mail ${n}\nMessage-ID: <${n}@outside.test>\n\nHello ${n}\n`
const typeOf = async (name: string, args: object): Promise<string> => {
  const [answer] = await it.call([name, { accountId: bob, ...args }])
  return answer![0] === 'error' ? String(answer![1]['type']) : 'taken'
}
const accounts = async (): Promise<Record<string, object>> =>
  (await it.app.inject({ method: 'GET', url: '/jmap/session' })).json<{ accounts: Record<string, object> }>().accounts
/** What the audit got since the last call. */
async function written(): Promise<{ act: string; subject: string; detail: Record<string, unknown> }[]> {
  const rows = await it.fresh.db.query<{ act: string; subject: string; detail: Record<string, unknown> }>(
    `SELECT action AS act, subject, detail FROM audit WHERE action IN ('message-read', 'mailbox-listed', 'mailbox-searched', 'mailbox-access-opened') AND seq > $1 ORDER BY seq`,
    [seen],
  )
  const [last] = await it.fresh.db.query<{ seq: number }>('SELECT max(seq) AS seq FROM audit')
  seen = last?.seq ?? seen
  return rows
}
let seen = 0
const rowsOf = async (): Promise<unknown> => {
  const [placement] = await it.fresh.db.query<{ text: string }>(
    "SELECT string_agg(p::text, '|' ORDER BY p::text) AS text FROM placement p WHERE person_id = $1",
    [bob],
  )
  const [folder] = await it.fresh.db.query<{ text: string }>(
    "SELECT string_agg(f::text, '|' ORDER BY f::text) AS text FROM folder f WHERE person_id = $1",
    [bob],
  )
  return { placement, folder }
}

test('closed until it is approved, and no other’s; a hand-over opens nothing to read', async () => {
  expect(Object.keys(await accounts())).toEqual([it.owner('alice').personId])
  expect(await typeOf('Mailbox/get', { ids: null })).toBe('accountNotFound')
  await open('handOver')
  expect(await typeOf('Mailbox/get', { ids: null })).toBe('accountNotFound')
  await open()
  expect((await accounts())[bob]).toMatchObject({ name: 'Bob', isPersonal: false, isReadOnly: true })
  for (const name of ['boss', 'carol']) {
    it.signIn(name)
    expect(await typeOf('Mailbox/get', { ids: null })).toBe('accountNotFound')
  }
})

test('what is read is written down before it is shown, and leaves no trace in the mailbox', async () => {
  const accessId = await open()
  const copies = [await it.receive(mail('one'), ['bob']), await it.receive(mail('two'), ['bob'])]
  const before = await rowsOf()
  await written()
  await it.one('Mailbox/get', { accountId: bob, ids: null })
  expect(await written()).toMatchObject([{ act: 'mailbox-access-opened', subject: `person:${bob}` }])
  await it.one('Email/query', { accountId: bob, filter: { inMailbox: 'm1' } })
  expect(await written()).toEqual([])
  await it.one('Email/get', { accountId: bob, ids: copies, properties: ['id', 'subject', 'preview'] })
  expect(await written()).toMatchObject([{ act: 'mailbox-listed', detail: { access: accessId, count: 2 } }])
  const { list } = await it.one('Email/get', { accountId: bob, ids: [copies[0]], fetchTextBodyValues: true })
  const [read, ...more] = await written()
  expect(read).toMatchObject({ act: 'message-read', detail: { access: accessId, mailbox: bob, how: 'page' } })
  expect(more).toEqual([])
  await it.one('Email/query', { accountId: bob, filter: { operator: 'AND', conditions: [{ text: 'salary' }] } })
  expect((await written())[0]!.detail['search']).toContain('salary')
  const { blobId } = list[0] as { blobId: string }
  const file = await it.app.inject({ method: 'GET', url: `/jmap/download/${bob}/${blobId}/mail.eml` })
  expect(file.body).toContain('Hello one')
  expect(await written()).toMatchObject([{ act: 'message-read', detail: { how: 'download' } }])
  expect(await rowsOf()).toEqual(before)
})

test('nothing changes, nothing is sent, nothing is added; no whole mailbox at once', async () => {
  await open()
  const copyId = await it.receive(mail('three'), ['bob'])
  const before = await rowsOf()
  for (const [name, args] of [
    ['Email/set', { update: { [copyId]: { 'keywords/$seen': true } } }],
    ['Email/set', { destroy: [copyId] }],
    ['Mailbox/set', { create: { x: { name: 'Mine' } } }],
    ['Email/import', { emails: {} }],
    ['EmailSubmission/set', { create: {} }],
  ] as const)
    expect(await typeOf(name, args)).toBe('accountReadOnly')
  for (const name of ['Identity/get', 'EmailSubmission/get'])
    expect(await typeOf(name, { ids: null })).toBe('accountNotSupportedByMethod')
  expect((await it.app.inject({ method: 'POST', url: `/jmap/upload/${bob}`, payload: 'x' })).statusCode).toBe(403)
  const many = Array.from({ length: 51 }, () => copyId)
  expect(await typeOf('Email/get', { ids: many, fetchAllBodyValues: true })).toBe('requestTooLarge')
  expect(await rowsOf()).toEqual(before)
  // Nor by the way of one's own account.
  expect((await it.one('Email/get', { ids: [copyId] })).notFound).toEqual([copyId])
  const { list } = await it.one('Identity/get', { ids: null })
  expect((list as { email: string }[]).map(({ email }) => email)).toEqual(['alice@corp.test'])
})

test('an id in other clothes is written down all the same', async () => {
  await open()
  const copyId = await it.receive(mail('clothed'), ['bob'])
  await written()
  const answer = await it.app.inject({
    method: 'POST',
    url: '/jmap',
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify({
      using: ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'],
      createdIds: { k: copyId },
      methodCalls: [
        ['Email/get', { accountId: bob, ids: ['#k'], fetchTextBodyValues: true }, 'a'],
        ['Email/query', { accountId: bob }, 'q'],
        ['Email/get', { 'accountId': bob, '#ids': { resultOf: 'q', name: 'Email/query', path: '/ids' } }, 'b'],
      ],
    }),
  })
  expect(answer.body).toContain('Hello clothed')
  const [placed] = await it.fresh.db.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM placement WHERE person_id = $1 AND tombstone IS NULL',
    [bob],
  )
  expect((await written()).filter(({ act }) => act === 'message-read')).toHaveLength(1 + placed!.n)
})

test('it ends with the access, in the middle of a request too', async () => {
  const accessId = await open()
  const copyId = await it.receive(mail('four'), ['bob'])
  expect(await typeOf('Email/get', { ids: [copyId] })).toBe('taken')
  const { list } = await it.one('Email/get', { accountId: bob, ids: [copyId] })
  await it.fourEyes.end({ organisationId: org, accessId }, by('boss'))
  expect(await typeOf('Email/get', { ids: [copyId] })).toBe('accountNotFound')
  const { blobId } = list[0] as { blobId: string }
  expect((await it.app.inject({ method: 'GET', url: `/jmap/download/${bob}/${blobId}/x` })).statusCode).toBe(404)
  expect(Object.keys(await accounts())).toEqual([it.owner('alice').personId])
})

test('what counts as reading', () => {
  const reading = (name: string, args: Arguments) => readingOf(name, args, new Map())
  expect(reading('Email/get', { ids: ['a'] })).toEqual({ what: 'read', emails: ['a'] })
  expect(reading('Email/get', { ids: ['a'], properties: ['textBody'] })).toMatchObject({ what: 'read' })
  expect(reading('Email/get', { ids: ['a'], properties: ['header:Received:asRaw'] })).toMatchObject({ what: 'read' })
  expect(reading('Email/get', { ids: ['a'], properties: ['subject'] })).toMatchObject({ what: 'list' })
  expect(reading('Email/get', { ids: ['a'], properties: ['subject'], fetchAllBodyValues: true })).toMatchObject({
    what: 'read',
  })
  expect(reading('Email/query', { filter: { inMailbox: 'm1' } })).toBeNull()
  expect(reading('Email/query', { filter: null })).toBeNull()
  for (const filter of [{ from: 'x' }, { operator: 'NOT', conditions: [{ body: 'x' }] }])
    expect(reading('Email/query', { filter })).toMatchObject({ what: 'search' })
  expect(reading('Thread/get', { ids: ['a'] })).toBeNull()
})

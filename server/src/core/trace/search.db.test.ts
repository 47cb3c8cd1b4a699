/** A search that takes long says how far back it came, and going on finds all of it, once. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { firstIdAt, idTime, type Id } from '../../platform/ids.ts'
import { searchTrace } from './index.ts'

const START = Date.parse('2026-11-02T08:00:00Z')
const N = 30
const ids = Array.from({ length: N }, (_, i) => firstIdAt(START + i * 60_000))
let fresh: FreshDatabase
let org: MadeOrganisation

beforeAll(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: ['alice'] })
  const other = await makeOrganisation(fresh.db, { people: ['eve'] })
  for (const { organisationId, routeId } of [org, other])
    await fresh.db.query(
      `WITH m AS (SELECT id, i FROM unnest($3::uuid[]) WITH ORDINALITY AS t(id, i)), d AS (
         INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, route_id, state, next_attempt, accepted_at, finished_at)
         SELECT $1, id, id, CASE WHEN i = 2 THEN 'Alice@corp.test' ELSE 'bob@corp.test' END, $2, 14, now(), now(), now() FROM m)
       INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, header_from, subject,
         message_id_header, size, sha256, body_store, prefix)
       SELECT $1, id, now(), 1, CASE WHEN i = 5 THEN 'ALICE@corp.test' ELSE 'x@else.test' END,
         CASE WHEN i = 29 THEN 'Alice <alice@corp.test>' END, 'Subject ' || i, '<' || i || '@else.test>', 1, 'x', 1, '' FROM m`,
      [organisationId, routeId, ids],
    )
})
afterAll(() => fresh.drop())

const page = (q: string, more: { after?: Id | null; limit?: number; stretch?: number } = {}) =>
  searchTrace(fresh.db, {
    organisationId: org.organisationId,
    q,
    after: null,
    limit: 50,
    forMs: 0,
    stretch: 7,
    ...more,
  })

test('each page looks at a bounded number of messages, says how far it came, and the next goes on', async () => {
  const found: Id[] = []
  const stops: (number | null)[] = []
  let after: Id | null = null
  do {
    const { items, next, searchedTo } = await page('alice@corp.test', { after })
    found.push(...items.map(({ messageId }) => messageId))
    stops.push(searchedTo)
    expect(searchedTo).toBe(next === null ? null : idTime(next))
    after = next
  } while (after !== null)
  expect(found).toEqual([ids[28], ids[4], ids[1]])
  expect(stops).toEqual([23, 16, 9, 2].map((i) => START + i * 60_000).concat(null as never))
})

test('with time enough it goes to the end; a full page is no search that stopped', async () => {
  const all = await searchTrace(fresh.db, {
    organisationId: org.organisationId,
    q: 'alice@corp.test',
    after: null,
    limit: 50,
    stretch: 7,
  })
  expect(all).toMatchObject({ items: [{}, {}, {}], next: null, searchedTo: null })
  const two = await searchTrace(fresh.db, { organisationId: org.organisationId, q: 'x@else', after: null, limit: 2 })
  expect(two.items).toEqual([])
  const newest = await page('', { limit: 2 })
  expect(newest).toMatchObject({
    items: [{ messageId: ids[29] }, { messageId: ids[28] }],
    next: ids[28],
    searchedTo: null,
  })
  expect((await page('', { limit: 2, after: newest.next })).items.map(({ messageId }) => messageId)).toEqual([
    ids[27],
    ids[26],
  ])
})

test('by Message-ID, subject, own id and delivery id', async () => {
  for (const q of ['<3@else.test>', '3@else.test', 'subject 3', ids[2]!]) {
    const { items } = await page(q, { stretch: 100 })
    expect(items.map(({ messageId }) => messageId)).toContain(ids[2])
  }
  expect((await page('100%', { stretch: 100 })).items).toEqual([])
})

test('by the queue id of the next server', async () => {
  await fresh.db.query(
    `INSERT INTO attempt (organisation_id, delivery_id, attempt_no, outcome, reason, remote_id) VALUES ($1, $2, 1, 1, 'delivered', '4cXyZ1')`,
    [org.organisationId, ids[3]!],
  )
  const found = await page('4cXyZ1', { stretch: 1_000 })
  expect(found.items.map(({ messageId }) => messageId)).toEqual([ids[3]])
  expect((await page('4cXyZ2', { stretch: 1_000 })).items).toEqual([])
})

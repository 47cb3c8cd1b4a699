/**
 * What is asked every second, by every page or by every sweep does not read whole tables: with twenty thousand rows, after
 * ANALYZE and with PostgreSQL's own settings, on every version that is promised (the run on 15 sets
 * HOLDFAST_TEST_DATABASE_URL).
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../testkit/database.ts'
import { makeOrganisation, makePerson, type MadeOrganisation } from '../../testkit/factories.ts'
import { plansOf } from '../../testkit/plans.ts'
import type { Sql } from '../platform/db/database.ts'
import { firstIdAt, NIL_ID, type Id } from '../platform/ids.ts'
import { refusedWithoutNotice } from './bounces.ts'
import { byKey } from './by-key.ts'
import { claimDue, expireLeases } from './claims.ts'
import { listDelayed } from './delays.ts'
import { personStanding } from './overview.ts'
import { listEmails, positionOf, type MailList } from './mailbox-list.ts'
import { countThreads, readThreads } from './mailbox-threads.ts'
import { countDeletedButOwed, countSentOwed, owedBalance } from './owed.ts'
import { listDeliveries } from './queue-view.ts'
import { claimOfPersons, claimOldestPerPerson, peopleWithOpen, returnRest } from './returns.ts'
import { furtherBack, messageNamed, searchStretch } from './trace-search.ts'
import { bodyRows, firstStretch, movePage, packableStretch } from './pack-moves.ts'
import { endDeadPacks, insertPack, livingIn } from './packs.ts'
import { dropBytes, letGo, ownerlessPage, unlinkedPage } from './sweep.ts'

const N = 20_000
const DAY = 86_400_000
const NOW = Date.now()
let fresh: FreshDatabase
let org: MadeOrganisation
const people: Id[] = []

/** Ids of kind `k` (a hexadecimal digit) over the last ten days, as SQL of `i`. */
const id = (k: string, i = 'i'): string =>
  `(lpad(to_hex(${NOW - 10 * DAY} + ${i} * ${(10 * DAY) / N}), 12, '0') || '7${k}008000' || lpad(to_hex(${i}), 12, '0'))::uuid`

beforeAll(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: ['alice'] })
  people.push(org.people.alice!.personId)
  for (let i = 1; i < 200; i++) people.push((await makePerson(fresh.db, org, `person${i}`)).personId)
  const rows = (text: string): Promise<unknown> =>
    fresh.db.query(text.replaceAll('$i', `generate_series(1, ${N}) AS i`), [org.organisationId, org.routeId, people])
  const all = `CROSS JOIN (SELECT $1::uuid AS o, $2::uuid AS r, $3::uuid[] AS people) a`
  const who = 'people[1 + i % 200]'
  await rows(
    `INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, header_from, subject, message_id_header,
       size, sha256, body_store, prefix)
     SELECT o, ${id('1')}, now(), 1, 'sender' || i % 500 || '@outside.test', 'Sender <from' || i % 500 || '@outside.test>',
       'Subject number ' || i, '<' || i || '@outside.test>', 1, '\\x00', 1, '\\x' FROM $i ${all}`,
  )
  await rows(`INSERT INTO body (organisation_id, body_id, bytes) SELECT o, ${id('1')}, 'x' FROM $i ${all}`)
  // One in ten is open.
  await rows(
    `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, next_attempt, accepted_at, finished_at)
     SELECT o, ${id('2')}, ${id('1')}, 'Person' || i % 200 || '@corp.test', ${who}, r, CASE WHEN i % 10 = 0 THEN 2 ELSE 10 END, now(), now(),
       CASE WHEN i % 10 <> 0 THEN now() END FROM $i ${all}`,
  )
  await rows(
    `INSERT INTO copy (organisation_id, copy_id, message_id, person_id, source, expires_at, policy, thread_id)
     SELECT o, ${id('3')}, ${id('1')}, ${who}, 1, 'infinity', 'owed', ${id('3')} FROM $i ${all}`,
  )
  // One large mailbox among small ones; two messages a thread.
  const placed = (person: string, k: string, folder: string): Promise<unknown> =>
    rows(
      `INSERT INTO placement (organisation_id, person_id, folder_no, uid, copy_id, message_id, thread_id, created_modseq, modseq, size)
       SELECT o, ${person}, ${folder}, ${k === '6' ? N : 0} + i, ${id(k)}, ${id('1')}, ${id('7', 'i / 2 * 2')}, i, i, 1 FROM $i ${all}`,
    )
  await placed(who, '3', '1')
  await placed('people[1]', '6', '(ARRAY[1, 1, 4, 6])[1 + i % 4]')
  // A return under way brings all of it home.
  const event = '00000000-0000-7000-8000-000000000001'
  await fresh.db.query(
    `INSERT INTO return_event (organisation_id, return_event_id, route_id, recovering_at) VALUES ($1, $2, $3, now())`,
    [org.organisationId, event, org.routeId],
  )
  await fresh.db.query('UPDATE route_mode SET return_event_id = $2 WHERE route_id = $1', [org.routeId, event])
  await rows(
    `INSERT INTO ledger (organisation_id, ledger_id, return_event_id, route_id, person_id, delivery_id, message_id, attempt_no, outcome, proof)
     SELECT o, ${id('4')}, '${event}', r, ${who}, ${id('2')}, ${id('1')}, 1, CASE WHEN i / 200 % 20 = 0 THEN 5 ELSE 1 END, 'Ok' FROM $i ${all}`,
  )
  await rows(
    `INSERT INTO owed_item (organisation_id, owed_id, route_id, person_id, kind, copy_id, state, reason, finished_at)
     SELECT o, ${id('5')}, r, ${who}, 1, ${id('3')}, 1 + i / 200 % 4, 'accepted', CASE WHEN i / 200 % 4 > 0 THEN now() END FROM $i ${all}`,
  )
  await fresh.db.query('VACUUM ANALYZE')
})
afterAll(() => fresh.drop())

const BIG = ['message', 'delivery', 'copy', 'ledger', 'owed_item', 'placement', 'body_\\d+', 'body_default']

/** Every statement of `work` finds its rows in the large tables by an index. */
async function expectIndexed(work: (sql: Sql) => Promise<unknown>, by: Sql = fresh.db): Promise<void> {
  const plans = await plansOf(by, work)
  expect(plans.length).toBeGreaterThan(0)
  for (const plan of plans) expect(plan).not.toMatch(new RegExp(`Seq Scan on (${BIG.join('|')})\\b`))
}

test('what is asked every second or two, whatever waits', async () => {
  const { organisationId, routeId } = org
  // Of a closed route nothing is claimed, so all of this is asked beside the two thousand that wait.
  const claim = { nodeId: NIL_ID, leaseSeconds: 60 }
  const many = [NIL_ID, ...Array.from({ length: 1000 }, (_, n) => firstIdAt(n + 1))]
  const limits = many.map(() => 80)
  await byKey(fresh.db, (keyed) => expectIndexed((sql) => claimDue(sql, { ...claim, routeIds: many, limits }), keyed))
  const some = { ...claim, organisationId, routeId, limit: 20 }
  // Undone: other tests count what is open.
  const undone = new Error('undone')
  await byKey(fresh.db, async (keyed) => {
    await expectIndexed((sql) => claimOldestPerPerson(sql, some), keyed)
    await expectIndexed((sql) => claimOfPersons(sql, { ...some, personIds: people.slice(0, 9) }), keyed)
    throw undone
  }).catch((error: unknown) => expect(error).toBe(undone))
  await byKey(fresh.db, (keyed) => expectIndexed((sql) => returnRest(sql, routeId), keyed))
  await expectIndexed((sql) => peopleWithOpen(sql, organisationId, null))
  await expectIndexed((sql) => refusedWithoutNotice(sql, 50))
  await expectIndexed((sql) =>
    expireLeases(sql, { nodeId: NIL_ID, waits: [], defaultWait: 900, limit: 1000, newId: () => NIL_ID }),
  )
})

test('delays: by the people without a mailbox, not by what waits', async () => {
  const { organisationId } = org
  await fresh.db.query('UPDATE domain SET warn_after_hours = 4 WHERE organisation_id = $1', [organisationId])
  await expectIndexed((sql) => listDelayed(sql, { afterSeconds: 14_400, limit: 50 }))
  const [plan] = await plansOf(fresh.db, (sql) => listDelayed(sql, { afterSeconds: 14_400, limit: 50 }))
  expect(plan).toMatch(/using delivery_open_person/)
  await fresh.db.query('UPDATE domain SET warn_after_hours = NULL WHERE organisation_id = $1', [organisationId])
})

test('a page of the queue: the page first, then its messages', async () => {
  const page = { organisationId: org.organisationId, routeId: null, q: null, after: null, limit: 50, newestFirst: true }
  for (const states of [[0, 1, 2, 3], [10]]) await expectIndexed((sql) => listDeliveries(sql, { ...page, states }))
  expect(await listDeliveries(fresh.db, { ...page, states: [2] })).toHaveLength(50)
})

test("what every signed-in person's page asks", async () => {
  const { organisationId } = org
  await expectIndexed((sql) => personStanding(sql, organisationId, people[7]!))
  expect(await personStanding(fresh.db, organisationId, people[7]!)).toMatchObject({ home: 95, sentHere: 50 })
  await expectIndexed((sql) => countSentOwed(sql, organisationId, people[7]!))
  await expectIndexed((sql) => countDeletedButOwed(sql, organisationId, people[7]!))
})

test('what a deletion asks', async () => {
  // Within an hour a return may write the whole ledger.
  const of = { organisationId: org.organisationId, personId: people[9]!, sinceLedgerId: NIL_ID }
  await expectIndexed((sql) => owedBalance(sql, of))
})

test('a stretch of a search for messages, whatever is asked', async () => {
  const { organisationId } = org
  const from = await furtherBack(fresh.db, organisationId, null, 500)
  await expectIndexed((sql) => furtherBack(sql, organisationId, null, 500))
  const ask = { address: 'person7@corp.test', messageIdHeader: '7@outside.test', subject: '%' }
  await expectIndexed((sql) => searchStretch(sql, { organisationId, from, to: null }, ask, 50))
  await expectIndexed((sql) => messageNamed(sql, organisationId, from!))
  expect(await searchStretch(fresh.db, { organisationId, from, to: null }, { address: ask.address }, 50)).toHaveLength(
    2,
  )
})

test('the pages of the sweep', async () => {
  const from = { organisationId: NIL_ID, id: NIL_ID }
  const before = firstIdAt(Date.now())
  await expectIndexed((sql) => unlinkedPage(sql, 'body', { from, before, limit: 500 }))
  await expectIndexed((sql) => unlinkedPage(sql, 'body_chunk', { from, before, limit: 500 }))
  await expectIndexed((sql) => ownerlessPage(sql, { from, before, limit: 500 }))
  const page = await ownerlessPage(fresh.db, { from, before, limit: 5 })
  const some = [page.last]
  await expectIndexed((sql) => dropBytes(sql, 'body', some))
  await expectIndexed((sql) => letGo({ ...fresh.db, transaction: (work) => work(sql) }, some))
})

test('the pages of packing', async () => {
  const { organisationId } = org
  const want = { from: firstStretch, before: firstIdAt(Date.now()), limit: 500 }
  await expectIndexed((sql) => packableStretch(sql, want))
  const { movable } = await packableStretch(fresh.db, want)
  expect(movable.length).toBeGreaterThan(400)
  const ids = movable.map(({ messageId }) => messageId)
  await expectIndexed((sql) => bodyRows(sql, organisationId, ids))
  const pack = { organisationId, firstId: ids[0]!, lastId: ids.at(-1)!, bytes: ids.length }
  const [first, second] = ['a', 'b'].map((blobKey) => ({ ...pack, blobKey }))
  for (const one of [first!, second!]) await insertPack(fresh.db, one)
  const placed = ids.map((messageId, offset) => ({ messageId, offset }))
  await expectIndexed((sql) => movePage(sql, { organisationId, from: null, to: 'a', placed }))
  await expectIndexed((sql) => livingIn(sql, first!))
  await expectIndexed((sql) => movePage(sql, { organisationId, from: 'a', to: 'b', placed }))
  await expectIndexed((sql) => endDeadPacks(sql))
})

describe('a large mailbox', () => {
  const owner = () => ({ organisationId: org.organisationId, personId: people[0]! })
  const newest: MailList['sort'] = [{ by: 'receivedAt', ascending: false }]
  const inbox = { kind: 'folder', folderNos: [1] } as const

  test.each([
    ['of one folder', inbox],
    ['of all but Trash', { kind: 'not', of: { kind: 'folder', folderNos: [4] } }],
    ['unread', { kind: 'and', of: [inbox, { kind: 'not', of: { kind: 'flag', bit: 1 } }] }],
  ] as [string, MailList['filter']][])('pages %s go along an index and stop', async (_, filter) => {
    for (const collapse of [false, true]) {
      const list = { filter, sort: newest, collapse }
      const [plan] = await plansOf(fresh.db, (sql) =>
        listEmails(sql, owner(), list, { limit: 50, offset: 0, from: null }),
      )
      expect(plan).toMatch(/Limit.*Index (Only )?Scan (Backward )?using placement_copy/s)
      expect(plan).not.toMatch(/Seq Scan on placement|Hash/)
      if (collapse) expect(plan).toMatch(/using placement_thread/)
    }
  })

  test('the place of a message in it is counted by an index, its threads by theirs', async () => {
    const list = { filter: inbox, sort: newest, collapse: false }
    const [first] = await listEmails(fresh.db, owner(), list, { limit: 1, offset: 5000, from: null })
    for (const collapse of [false, true]) {
      const [plan] = await plansOf(fresh.db, (sql) => positionOf(sql, owner(), { ...list, collapse }, first!.copyId))
      expect(plan).not.toMatch(/Seq Scan on placement/)
    }
    expect(await positionOf(fresh.db, owner(), list, first!.copyId)).toBe(5000)
    const [threads] = await plansOf(fresh.db, (sql) => countThreads(sql, owner(), 33))
    expect(threads).toMatch(/Index Only Scan using placement_thread/)
    const [thread] = await plansOf(fresh.db, (sql) => readThreads(sql, owner(), [first!.threadId]))
    expect(thread).toMatch(/using placement_thread/)
  })
})

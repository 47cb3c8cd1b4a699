/**
 * Parts of lists (RFC 8620 section 5.5) and threads in them (RFC 8621 section 4.4.3): whatever way the database goes, the
 * page is the one that a plain reading of the whole mailbox gives.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jmapFixture, type JmapFixture } from '../../../testkit/jmap-fixture.ts'
import { firstIdAt, type Id } from '../../platform/ids.ts'

interface Row {
  copyId: Id
  threadId: Id
  folderNo: number
  flags: number
  size: number
  subject: string
}

const START = Date.parse('2026-11-02T08:00:00Z')
const N = 120
let it: JmapFixture
const rows: Row[] = []

beforeAll(async () => {
  it = await jmapFixture()
  const { organisationId, personId } = it.owner('alice')
  for (let i = 0; i < N; i++)
    rows.push({
      copyId: firstIdAt(START + i * 60_000),
      threadId: firstIdAt(START + ((i * 7) % 40)),
      folderNo: [1, 1, 1, 4, 6][(i * 13) % 5]!,
      flags: i % 3 === 0 ? 0 : 1,
      size: (i * 17) % 11,
      subject: `Subject ${(i * 31) % 9}`,
    })
  await it.fresh.db.query(
    `WITH r AS (SELECT * FROM jsonb_to_recordset($3::jsonb)
       AS t("copyId" uuid, "threadId" uuid, "folderNo" int, flags int, size int, subject text, i int)),
     m AS (INSERT INTO message (organisation_id, message_id, received_at, direction, envelope_from, subject, size, sha256, body_store, prefix)
       SELECT $1, "copyId", now(), 1, '', subject, 1, sha256('x'), 1, '' FROM r),
     b AS (INSERT INTO body (organisation_id, body_id, bytes) SELECT $1, "copyId", 'x' FROM r),
     c AS (INSERT INTO copy (organisation_id, copy_id, message_id, person_id, source, expires_at, policy, thread_id)
       SELECT $1, "copyId", "copyId", $2, 4, 'infinity', 'owed', "threadId" FROM r),
     p AS (INSERT INTO placement (organisation_id, person_id, folder_no, uid, copy_id, message_id, thread_id, flags,
         created_modseq, modseq, size)
       SELECT $1, $2, "folderNo", i + 1, "copyId", "copyId", "threadId", flags, 1, 1, size FROM r
       UNION ALL -- where it was before it was moved
       SELECT $1, $2, 3, i + 1, "copyId", "copyId", "threadId", flags, 1, 1, size FROM r)
     UPDATE folder SET uidnext = 1000, modseq = 10 WHERE organisation_id = $1 AND person_id = $2`,
    [organisationId, personId, JSON.stringify(rows.map((row, i) => ({ ...row, i })))],
  )
  await it.fresh.db.query('UPDATE placement SET tombstone = now(), modseq = 2 WHERE folder_no = 3')
  await it.fresh.db.query(
    `UPDATE folder f SET (total, unseen, bytes) = (SELECT count(*), count(*) FILTER (WHERE flags & 1 = 0), coalesce(sum(size), 0)
       FROM placement p WHERE p.organisation_id = f.organisation_id AND p.person_id = f.person_id
         AND p.folder_no = f.folder_no AND p.tombstone IS NULL)`,
  )
})
afterAll(() => it.close())

const box = (folderNo: number): string => `m${folderNo}`
const FILTERS: [object | null, (row: Row) => boolean][] = [
  [null, () => true],
  [{ inMailbox: box(1) }, ({ folderNo }) => folderNo === 1],
  [{ inMailboxOtherThan: [box(4), box(5)] }, ({ folderNo }) => folderNo !== 4],
  [{ inMailbox: box(1), notKeyword: '$seen' }, ({ folderNo, flags }) => folderNo === 1 && flags === 0],
  [
    { operator: 'OR', conditions: [{ inMailbox: box(6) }, { hasKeyword: '$seen' }] },
    ({ folderNo, flags }) => folderNo === 6 || flags === 1,
  ],
  [{ subject: 'subject 3' }, ({ subject }) => subject === 'Subject 3'],
  // What only the message tells: every candidate is looked into.
  [{ hasAttachment: false, inMailbox: box(1) }, ({ folderNo }) => folderNo === 1],
]
const byId = (a: Row, b: Row): number => (a.copyId < b.copyId ? -1 : 1)
const SORTS: [object[] | null, (a: Row, b: Row) => number][] = [
  [null, (a, b) => byId(b, a)],
  [[{ property: 'receivedAt', isAscending: true }], byId],
  [[{ property: 'size', isAscending: false }], (a, b) => b.size - a.size || byId(b, a)],
  [
    [{ property: 'subject' }, { property: 'receivedAt', isAscending: false }],
    (a, b) => (a.subject === b.subject ? byId(b, a) : a.subject < b.subject ? -1 : 1),
  ],
]

test('pages by position and by anchor, whole and by threads, in any order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        filter: fc.constantFrom(...FILTERS),
        sort: fc.constantFrom(...SORTS),
        collapseThreads: fc.boolean(),
        calculateTotal: fc.boolean(),
        position: fc.integer({ min: -50, max: 50 }),
        anchor: fc.option(fc.integer({ min: 0, max: N - 1 })),
        anchorOffset: fc.integer({ min: -20, max: 20 }),
        limit: fc.option(fc.integer({ min: 0, max: 30 })),
      }),
      async ({ filter, sort, anchor, limit, ...args }) => {
        const seen = new Set<Id>()
        const list = rows
          .filter(filter[1])
          .sort(sort[1])
          .filter(({ threadId }) => !args.collapseThreads || (!seen.has(threadId) && seen.add(threadId)))
          .map(({ copyId }) => copyId)
        const anchorId = anchor === null ? null : rows[anchor]!.copyId
        const at = anchorId === null ? 0 : list.indexOf(anchorId)
        const [answer] = await it.call([
          'Email/query',
          { ...args, filter: filter[0], sort: sort[0], anchor: anchorId, limit },
        ])
        if (at < 0) {
          expect(answer![1].type).toBe('anchorNotFound')
          return
        }
        const start =
          anchorId === null ? (args.position < 0 ? list.length + args.position : args.position) : at + args.anchorOffset
        const position = Math.max(0, start)
        expect(answer![1]).toMatchObject({
          position,
          ids: list.slice(position, limit === null ? undefined : position + limit),
        })
        expect(answer![1].total).toBe(args.calculateTotal ? list.length : undefined)
      },
    ),
    { numRuns: 300 },
  )
})

test('threads are counted in each folder they are in, unread where any message of them is', async () => {
  const answer = await it.one('Mailbox/get', { properties: ['totalThreads', 'unreadThreads'] })
  const list = answer.list as { id: string; totalThreads: number; unreadThreads: number }[]
  const unread = new Set(rows.filter(({ flags }) => flags === 0).map(({ threadId }) => threadId))
  for (const folderNo of [1, 2, 3, 4, 6]) {
    const threads = [...new Set(rows.filter((row) => row.folderNo === folderNo).map(({ threadId }) => threadId))]
    expect(list.find(({ id }) => id === box(folderNo))).toMatchObject({
      totalThreads: threads.length,
      unreadThreads: threads.filter((thread) => unread.has(thread)).length,
    })
  }
  const { threadId } = rows[3]!
  const [thread] = (await it.one('Thread/get', { ids: [threadId] })).list as { emailIds: Id[] }[]
  expect(thread!.emailIds).toEqual(rows.filter((row) => row.threadId === threadId).map(({ copyId }) => copyId))
})

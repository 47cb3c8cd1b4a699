/**
 * Mailboxes under change: a client that applies Email/changes always ends with what the server has, whatever happens and
 * however small its pages; counters equal contents while mail arrives and is moved at the same time; states of strangers
 * and of another epoch are refused.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jmapFixture, type JmapFixture } from '../../../testkit/jmap-fixture.ts'
import type { Id } from '../../platform/ids.ts'
import { formatState, parseState, wholePoint, type MailState } from './state.ts'
import type { MailOwner } from './index.ts'

let it: JmapFixture
beforeAll(async () => {
  it = await jmapFixture()
})
afterAll(() => it.close())

async function liveIds(owner: MailOwner): Promise<Id[]> {
  const rows = await it.fresh.db.query<{ id: Id }>(
    'SELECT copy_id AS id FROM placement WHERE person_id = $1 AND tombstone IS NULL ORDER BY copy_id',
    [owner.personId],
  )
  return rows.map(({ id }) => id)
}

async function expectCounters(owner: MailOwner): Promise<void> {
  const wrong = await it.fresh.db.query(
    `SELECT f.folder_no, f.total, f.unseen, f.bytes, f.uidnext, f.modseq, c.* FROM folder f LEFT JOIN LATERAL (
       SELECT count(*) FILTER (WHERE tombstone IS NULL) AS n, count(*) FILTER (WHERE tombstone IS NULL AND flags & 1 = 0) AS u,
         coalesce(sum(size) FILTER (WHERE tombstone IS NULL), 0) AS b, max(uid) AS uid, max(p.modseq) AS m
       FROM placement p WHERE p.person_id = f.person_id AND p.folder_no = f.folder_no) c ON true
     WHERE f.person_id = $1 AND (f.total <> c.n OR f.unseen <> c.u OR f.bytes <> c.b OR f.uidnext <= coalesce(c.uid, 0) OR f.modseq < coalesce(c.m, 0))`,
    [owner.personId],
  )
  expect(wrong).toEqual([])
  const twice = await it.fresh.db.query(
    'SELECT copy_id FROM placement WHERE person_id = $1 AND tombstone IS NULL GROUP BY copy_id HAVING count(*) > 1',
    [owner.personId],
  )
  expect(twice).toEqual([])
}

/** Reads changes to the end in pages of `page`, as a client does. */
async function catchUp(owner: MailOwner, client: { ids: Set<Id>; state: MailState }, page: number): Promise<void> {
  for (let i = 0; ; i++) {
    const changes = await it.mailbox.emailChanges(owner, client.state, page)
    expect(changes).not.toBeNull()
    const { created, updated, destroyed, hasMore, newState } = changes!
    expect(created.length + updated.length + destroyed.length).toBeLessThanOrEqual(page)
    for (const id of created) client.ids.add(id)
    for (const id of updated) expect(client.ids.has(id)).toBe(true)
    for (const id of destroyed) client.ids.delete(id)
    const text = await it.mailbox.formatState('e', newState)
    client.state = (await it.mailbox.parseState('e', text))!
    if (!hasMore) return
    if (i > 500) throw new Error('changes do not end')
  }
}

const text = 'From: a@b.test\nSubject: s\n\nbody\n'

test('a client that applies changes has what the server has', async () => {
  const owner = it.owner('alice')
  type Step =
    | { kind: 'receive' }
    | { kind: 'move'; pick: number; to: number }
    | { kind: 'flag'; pick: number; on: boolean }
    | { kind: 'destroy'; pick: number }
    | { kind: 'sync' }
  const pick = fc.nat(1000)
  const step = fc.oneof(
    fc.constant<Step>({ kind: 'receive' }),
    fc.record({ kind: fc.constant('move' as const), pick, to: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ kind: fc.constant('flag' as const), pick, on: fc.boolean() }),
    fc.record({ kind: fc.constant('destroy' as const), pick }),
    fc.constant<Step>({ kind: 'sync' }),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 30 }),
      fc.integer({ min: 1, max: 4 }),
      async (steps, page) => {
        const client = { ids: new Set(await liveIds(owner)), state: await it.mailbox.state(owner) }
        for (const one of [...steps, { kind: 'sync' as const }]) {
          const ids = await liveIds(owner)
          const id = 'pick' in one ? ids[one.pick % Math.max(1, ids.length)] : undefined
          if (one.kind === 'receive') await it.receive(text)
          else if (one.kind === 'sync') {
            await catchUp(owner, client, page)
            expect([...client.ids].sort()).toEqual(await liveIds(owner))
          } else if (id === undefined) continue
          else if (one.kind === 'move') await it.mailbox.update(owner, [{ copyId: id, moveTo: one.to }])
          else if (one.kind === 'destroy') await it.mailbox.update(owner, [{ copyId: id, destroy: true }])
          else
            await it.mailbox.update(owner, [
              {
                copyId: id,
                keywords: { kind: 'patch', add: one.on ? ['$seen'] : [], remove: one.on ? [] : ['$seen'] },
              },
            ])
        }
        await expectCounters(owner)
      },
    ),
    { numRuns: 25 },
  )
})

test('pages interleaved with changes still end right', async () => {
  const owner = it.owner('alice')
  const client = { ids: new Set(await liveIds(owner)), state: await it.mailbox.state(owner) }
  const ids = await Promise.all(Array.from({ length: 12 }, () => it.receive(text)))
  for (let i = 0; i < ids.length; i++) {
    const changes = (await it.mailbox.emailChanges(owner, client.state, 1))!
    for (const id of changes.created) client.ids.add(id)
    for (const id of changes.destroyed) client.ids.delete(id)
    client.state = changes.newState
    // Moved to a folder that was read already, to one that was not, destroyed.
    await it.mailbox.update(owner, [
      i % 3 === 2 ? { copyId: ids[i]!, destroy: true } : { copyId: ids[i]!, moveTo: i % 2 === 0 ? 6 : 2 },
    ])
    if (i > 3) await it.mailbox.update(owner, [{ copyId: ids[i - 2]!, moveTo: 1 }])
  }
  await catchUp(owner, client, 2)
  expect([...client.ids].sort()).toEqual(await liveIds(owner))
})

test('moves, flags and arrivals at once: nothing lost, nothing twice, counters right', async () => {
  const owner = it.owner('bob')
  const ids = await Promise.all(Array.from({ length: 30 }, () => it.receive(text, ['bob'])))
  const random = (n: number): number => Math.floor(Math.random() * n)
  // so many that a message is often somewhere else by the time its folder is locked
  const movers = Array.from({ length: 12 }, async () => {
    for (let i = 0; i < 15; i++) {
      const copyIds = Array.from({ length: 8 }, () => ids[random(ids.length)]!)
      await it.mailbox.update(
        owner,
        [...new Set(copyIds)].map((copyId) => ({
          copyId,
          moveTo: 1 + random(6),
          keywords: { kind: 'patch' as const, add: random(2) ? ['$seen'] : [], remove: ['$flagged'] },
        })),
      )
    }
  })
  const senders = Array.from({ length: 4 }, async () => {
    for (let i = 0; i < 15; i++) await it.receive(text, ['alice', 'bob'])
  })
  await Promise.all([...movers, ...senders])
  await expectCounters(owner)
  await expectCounters(it.owner('alice'))
  const live = await liveIds(owner)
  expect(live).toHaveLength(90)
  expect(live).toEqual(expect.arrayContaining(ids))
})

test('somebody else cannot touch it', async () => {
  const id = await it.receive(text)
  expect([...(await it.mailbox.update(it.owner('bob'), [{ copyId: id, destroy: true }])).values()]).toEqual([
    'not-found',
  ])
  expect((await it.mailbox.emails(it.owner('bob'), [id])).rows).toEqual([])
  expect((await it.mailbox.emails(it.owner('alice'), [id])).rows).toHaveLength(1)
})

test('deleting cancels what is owed, undo makes it owed again, in the same commit', async () => {
  const owner = it.owner('alice')
  const id = await it.receive(text)
  const deliveryId = id
  await it.fresh.db.query(
    `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, next_attempt, accepted_at)
     SELECT organisation_id, $1, message_id, 'alice@corp.test', person_id, $2, 0, now(), now() FROM copy WHERE copy_id = $1`,
    [deliveryId, it.org.routeId],
  )
  await it.fresh.db.query('UPDATE copy SET delivery_id = $1 WHERE copy_id = $1', [id])
  const stateOf = async () =>
    (await it.fresh.db.query<{ state: number }>('SELECT state FROM delivery WHERE delivery_id = $1', [deliveryId]))[0]!
      .state
  await it.mailbox.update(owner, [{ copyId: id, moveTo: 4 }])
  expect(await stateOf()).toBe(14)
  await it.mailbox.update(owner, [{ copyId: id, moveTo: 1 }])
  expect(await stateOf()).toBe(0)
  await it.mailbox.update(owner, [{ copyId: id, destroy: true }])
  expect(await stateOf()).toBe(14)
})

test('states: read back as written; of another kind, epoch or shape refused; of the future not known', async () => {
  const owner = it.owner('alice')
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.nat(), fc.option(fc.tuple(fc.nat(), fc.nat()))), {
        maxLength: 20,
      }),
      (list) => {
        const state = new Map(
          list.map(([no, modseq, part]) => [no, part ? { modseq, uid: part[0], base: part[1] } : wholePoint(modseq)]),
        )
        expect(new Map(parseState('e', 3, formatState('e', 3, state)))).toEqual(
          new Map([...state].sort((a, b) => a[0] - b[0])),
        )
        expect(parseState('b', 3, formatState('e', 3, state))).toBeNull()
        expect(parseState('e', 4, formatState('e', 3, state))).toBeNull()
      },
    ),
  )
  fc.assert(fc.property(fc.string(), (any) => void parseState('e', 1, any)))
  expect(await it.mailbox.emailChanges(owner, new Map([[1, wholePoint(10_000_000)]]), 10)).toBeNull()
  expect(await it.mailbox.emailChanges(owner, new Map([[77, wholePoint(1)]]), 10)).toBeNull()
})

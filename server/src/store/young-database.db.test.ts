/**
 * Accepting and writing outcomes cost the same in a young database: their connections are opened when its tables are
 * empty and nobody has gathered statistics, and a plan made then must not read every open delivery for each key later.
 */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../testkit/database.ts'
import { plainIncoming } from '../../testkit/incoming.ts'
import { makeOrganisation, type MadeOrganisation } from '../../testkit/factories.ts'
import { expectSound } from '../../testkit/sound.ts'
import { AttemptOutcome, DeliveryState } from '../platform/codes.ts'
import type { DedicatedSql } from '../platform/db/database.ts'
import { newId } from '../platform/ids.ts'
import { ACCEPT_SETTINGS, insertBatch, type AcceptRow } from './accept.ts'
import { renewLeases } from './claims.ts'
import { OUTCOME_SETTINGS, writeOutcomes } from './outcomes.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let accept: DedicatedSql
let outcomes: DedicatedSql
const nodeId = newId(Date.now())

beforeAll(async () => {
  fresh = await freshDatabase()
  org = await makeOrganisation(fresh.db, { people: ['alice'] })
  await fresh.db.query('ALTER TABLE delivery SET (autovacuum_enabled = off)')
  await fresh.db.query('INSERT INTO node (node_id, roles) VALUES ($1, $2)', [nodeId, 'deliver'])
  accept = await fresh.db.dedicated('accept', ACCEPT_SETTINGS)
  outcomes = await fresh.db.dedicated('outcomes', OUTCOME_SETTINGS)
})
afterAll(async () => {
  await accept.close()
  await outcomes.close()
  await expectSound(fresh.db, null)
  await fresh.drop()
})

const message = (): AcceptRow =>
  plainIncoming({
    organisationId: org.organisationId,
    messageId: newId(Date.now()),
    receivedAt: Date.now(),
    sha256: createHash('sha256').update('x').digest(),
    deliveries: [
      {
        deliveryId: newId(Date.now()),
        recipient: 'stranger@corp.test',
        personId: null,
        routeId: org.routeId,
        notify: 0,
        orcpt: null,
        hot: true,
        held: false,
        parked: null,
      },
    ],
  })

async function acceptSome(n: number): Promise<AcceptRow[]> {
  const batch = Array.from({ length: n }, message)
  await insertBatch(accept, batch, { nodeId, seconds: 600 })
  return batch
}

const write = (batch: readonly AcceptRow[]): Promise<unknown> =>
  writeOutcomes(
    outcomes,
    nodeId,
    batch.map((m) => ({
      organisationId: m.organisationId,
      deliveryId: m.deliveries[0]!.deliveryId,
      outcome: AttemptOutcome.delivered,
      state: DeliveryState.delivered,
      reason: 'delivered',
      againIn: null,
      host: null,
      code: 250,
      enhanced: null,
      reply: 'Ok',
      remoteId: null,
      tls: null,
      tookMs: 1,
      at: Date.now(),
      ledgerId: newId(Date.now()),
      returnEventId: null,
      byReturn: false,
    })),
  )

/** Entries of indexes of `delivery` and rows of scans that `work` read on that connection. */
async function readBy(sql: DedicatedSql, work: () => Promise<unknown>): Promise<number> {
  const read = async (): Promise<number> => {
    await sql.query('SELECT pg_stat_force_next_flush()')
    await sql.query('SELECT 1 AS one')
    const [row] = await fresh.db.query<{ n: number }>(
      `SELECT (coalesce(sum(i.idx_tup_read), 0) + (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'delivery'))::int AS n
       FROM pg_stat_user_indexes i WHERE i.relname = 'delivery'`,
    )
    return row!.n
  }
  const before = await read()
  await work()
  return (await read()) - before
}

test('an outcome reads its own delivery, however many are open', async () => {
  // the statements are planned now, over nothing
  await write(await acceptSome(1))
  const open = await acceptSome(3000)
  const read = await readBy(outcomes, () => write(open.slice(0, 50)))
  expect(read).toBeGreaterThan(0)
  expect(read).toBeLessThan(50 * 10)
})

test('so does a lease that is renewed', async () => {
  const mine = await acceptSome(50)
  const renew = (some: readonly AcceptRow[]): Promise<unknown> =>
    renewLeases(outcomes, {
      organisationIds: some.map((m) => m.organisationId),
      deliveryIds: some.map((m) => m.deliveries[0]!.deliveryId),
      nodeId,
      leaseSeconds: 600,
    })
  const read = await readBy(outcomes, () => renew(mine))
  expect(read).toBeGreaterThan(0)
  expect(read).toBeLessThan(50 * 10)
})

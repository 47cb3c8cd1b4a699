/**
 * Whoever gets an emergency mailbox while mail waits finds it there at once (promise 4: whatever waits for a protected
 * person is visible to that person). Part of the transaction that widens the scope. What has a copy without a place gets
 * the place; what has none gets a copy that ends when nothing is owed.
 */
import { CopySource, StandardFolder } from '../platform/codes.ts'
import { int8Array, uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { PROTECTED } from './protected.ts'

export interface WaitingUnseen {
  deliveryId: Id
  messageId: Id
  personId: Id
  /** null: nobody gave the person a right to it yet */
  copyId: Id | null
  receivedAt: Date
  /** what a thread is known by, as far as it is kept beside the message */
  threadRoot: string | null
  size: number
}

/**
 * Open mail of people who have an emergency mailbox now and had none when it came, or which was kept from them, oldest
 * first: all of an organisation, or one delivery.
 */
export function waitingUnseen(sql: Sql, organisationId: Id, deliveryId: Id | null): Promise<WaitingUnseen[]> {
  return sql.query<WaitingUnseen>(
    `SELECT DISTINCT ON (d.message_id, d.person_id) d.delivery_id AS "deliveryId", d.message_id AS "messageId",
       d.person_id AS "personId", c.copy_id AS "copyId", m.received_at AS "receivedAt",
       coalesce(m.in_reply_to, m.message_id_header) AS "threadRoot", m.size + octet_length(m.prefix) AS size
     FROM delivery d JOIN person p USING (organisation_id, person_id) JOIN message m USING (organisation_id, message_id)
     LEFT JOIN copy c ON c.organisation_id = d.organisation_id AND c.message_id = d.message_id AND c.person_id = d.person_id
     WHERE d.organisation_id = $1 AND d.state < 10 AND c.placed IS NOT TRUE AND ${PROTECTED}
       ${deliveryId === null ? '' : 'AND d.delivery_id = $2'}
     ORDER BY d.message_id, d.person_id, d.delivery_id`,
    deliveryId === null ? [organisationId] : [organisationId, deliveryId],
  )
}

export type PlacedCopy = Omit<WaitingUnseen, 'copyId'> & { copyId: Id; isNew: boolean; threadId: Id }

/** Makes the copies that are new and gives each a place in the Inbox, with the folder's counters. */
export async function placeCopies(sql: Sql, organisationId: Id, copies: readonly PlacedCopy[]): Promise<void> {
  const fresh = copies.filter((copy) => copy.isNew)
  const column = (rows: readonly PlacedCopy[], pick: (row: PlacedCopy) => Id): Buffer => uuidArray(rows.map(pick))
  await sql.query(
    `INSERT INTO copy (organisation_id, copy_id, message_id, person_id, source, expires_at, policy, delivery_id, thread_id, placed)
     SELECT $1, t.c, t.m, t.p, ${CopySource.received}, 'infinity', 'owed', t.d, t.t, false
     FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[]) AS t(c, m, p, d, t)`,
    [
      organisationId,
      column(fresh, (row) => row.copyId),
      column(fresh, (row) => row.messageId),
      column(fresh, (row) => row.personId),
      column(fresh, (row) => row.deliveryId),
      column(fresh, (row) => row.threadId),
    ],
  )
  await sql.query(
    `WITH want AS (
       SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::int8[]) WITH ORDINALITY AS t(p, c, m, s, ord)
     ), counted AS (
       SELECT p, count(*) AS n, sum(s) AS b FROM want GROUP BY p ORDER BY p
     ), fld AS (
       UPDATE folder SET uidnext = uidnext + n, modseq = modseq + 1, total = total + n, unseen = unseen + n, bytes = bytes + b
       FROM counted WHERE organisation_id = $1 AND person_id = p AND folder_no = ${StandardFolder.inbox} AND removed_modseq IS NULL
       RETURNING p, uidnext - n AS base, modseq
     ), plc AS (
       INSERT INTO placement (organisation_id, person_id, folder_no, uid, copy_id, message_id, thread_id, created_modseq, modseq, size)
       SELECT $1, w.p, ${StandardFolder.inbox}, base + row_number() OVER (PARTITION BY w.p ORDER BY w.ord) - 1, w.c, w.m, c.thread_id,
         modseq, modseq, w.s
       FROM want w JOIN fld USING (p) JOIN copy c ON c.organisation_id = $1 AND c.copy_id = w.c RETURNING copy_id)
     UPDATE copy SET placed = true FROM plc WHERE copy.organisation_id = $1 AND copy.copy_id = plc.copy_id`,
    [
      organisationId,
      column(copies, (row) => row.personId),
      column(copies, (row) => row.copyId),
      column(copies, (row) => row.messageId),
      int8Array(copies.map((row) => row.size)),
    ],
  )
}

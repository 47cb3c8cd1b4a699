/**
 * A refusal of the primary that its sender is about to hear in the session: the outcome, the note that no notice is due
 * any more, and the places of the message in mailboxes, in one transaction. Folders are locked first and in the order of
 * their keys, as accept takes them, and deliveries after them, as a deletion does.
 */
import { DeliveryState, DsnSent } from '../platform/codes.ts'
import { int4Array, uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { writeOutcomes, type OutcomeRow } from './outcomes.ts'

/** Where a copy of the message was placed when it was accepted. */
export interface PlacedAt {
  organisationId: Id
  personId: Id
  folderNo: number
  copyId: Id
}

/**
 * False: not all of these deliveries were ours to end any more, so somebody may go on with one of them; the caller must
 * undo the transaction.
 */
export async function passOn(
  sql: Sql,
  nodeId: Id,
  outcomes: readonly OutcomeRow[],
  places: readonly PlacedAt[],
): Promise<boolean> {
  const at = [
    uuidArray(places.map((one) => one.organisationId)),
    uuidArray(places.map((one) => one.personId)),
    int4Array(places.map((one) => one.folderNo)),
  ]
  if (places.length > 0)
    await sql.query(
      `SELECT 1 AS one FROM folder WHERE (organisation_id, person_id, folder_no) IN
         (SELECT o, p, f FROM unnest($1::uuid[], $2::uuid[], $3::int4[]) AS t(o, p, f))
       ORDER BY organisation_id, person_id, folder_no FOR UPDATE`,
      at,
    )
  // By key and planned for this batch, as on the connection of the outcomes (OUTCOME_SETTINGS).
  await sql.query(
    `SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_seqscan', 'off', true),
       set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`,
  )
  if ((await writeOutcomes(sql, nodeId, outcomes)).length < outcomes.length) return false
  const told = await sql.query(
    `UPDATE delivery d SET dsn_sent = dsn_sent | ${DsnSent.final}, reason = 'passed-on'
     FROM unnest($1::uuid[], $2::uuid[]) AS t(o, i)
     WHERE d.organisation_id = t.o AND d.delivery_id = t.i AND d.state = ${DeliveryState.refused} RETURNING 1 AS one`,
    [uuidArray(outcomes.map((one) => one.organisationId)), uuidArray(outcomes.map((one) => one.deliveryId))],
  )
  if (told.length < outcomes.length) return false
  if (places.length > 0) await withdraw(sql, [...at, uuidArray(places.map((one) => one.copyId))])
  return true
}

/**
 * A place that is as accept made it gets a tombstone. What the person has done anything with (read, flagged, moved, moved
 * and brought back) stays where the person has it; what was deleted has its tombstone.
 */
async function withdraw(sql: Sql, at: readonly Buffer[]): Promise<void> {
  await sql.query(
    `WITH plc AS (
       UPDATE placement l SET tombstone = now(), modseq = d.modseq + 1
       FROM unnest($1::uuid[], $2::uuid[], $3::int4[], $4::uuid[]) AS t(o, p, f, c)
         JOIN folder d ON d.organisation_id = t.o AND d.person_id = t.p AND d.folder_no = t.f
       WHERE l.organisation_id = t.o AND l.person_id = t.p AND l.folder_no = t.f AND l.copy_id = t.c
         AND l.tombstone IS NULL AND l.modseq = l.created_modseq
         AND NOT EXISTS (SELECT FROM placement b WHERE b.organisation_id = t.o AND b.person_id = t.p AND b.folder_no = t.f
           AND b.copy_id = t.c AND b.tombstone IS NOT NULL)
       RETURNING l.organisation_id o, l.person_id p, l.folder_no f, l.size, l.flags
     ), gone AS (
       SELECT o, p, f, count(*) n, count(*) FILTER (WHERE flags & 1 = 0) un, sum(size) b FROM plc GROUP BY o, p, f)
     UPDATE folder SET modseq = modseq + 1, total = total - n, unseen = unseen - un, bytes = bytes - b
     FROM gone WHERE organisation_id = o AND person_id = p AND folder_no = f`,
    at,
  )
}

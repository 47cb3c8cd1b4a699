/**
 * Submissions that wait for their time (RFC 4865). Waiting, just leaving, canceled: one row says which, and each step is an
 * update of that row from the state before, so that of two that want it one wins.
 */
import { Direction, FolderRole, UndoStatus } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import type { MailOwner } from './mailbox.ts'
import { ROW, type SubmissionRow } from './submissions.ts'

export interface WaitingRow extends SubmissionRow, MailOwner {
  envelope: object
  releaseAt: Date
  protocol: string
  /** who wrote it, where the mailbox is a shared one */
  by: Id | null
  /** how long it is over its time */
  lateSeconds: number
}

/** Of everybody, what is due, the longest due first. */
export function listDue(sql: Sql, limit: number): Promise<WaitingRow[]> {
  return sql.query<WaitingRow>(
    `SELECT ${ROW}, organisation_id AS "organisationId", person_id AS "personId", s.protocol, s.actor_id AS by,
       extract(epoch FROM now() - s.release_at)::float8 AS "lateSeconds"
     FROM submission s WHERE undo_status = ${UndoStatus.waiting} AND due_at <= now() ORDER BY due_at LIMIT $1`,
    [limit],
    'submissions-due',
  )
}

/**
 * It is about to leave under this message id; false: it waits no more. From now on it counts as a try of this moment. Run
 * it with the draft's placement locked.
 */
export async function claimWaiting(sql: Sql, owner: MailOwner, submissionId: Id, messageId: Id): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE submission SET undo_status = ${UndoStatus.pending}, message_id = $4, sent_at = now(), changed_at = now()
     WHERE organisation_id = $1 AND person_id = $2 AND submission_id = $3 AND undo_status = ${UndoStatus.waiting} AND due_at <= now()
     RETURNING 1 AS one`,
    [owner.organisationId, owner.personId, submissionId, messageId],
  )
  return rows.length > 0
}

/** It does not leave; false: it waits no more. */
export async function cancelWaiting(sql: Sql, owner: MailOwner, submissionId: Id): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE submission SET undo_status = ${UndoStatus.canceled}, changed_at = now()
     WHERE organisation_id = $1 AND person_id = $2 AND submission_id = $3 AND undo_status = ${UndoStatus.waiting} RETURNING 1 AS one`,
    [owner.organisationId, owner.personId, submissionId],
  )
  return rows.length > 0
}

/** What could not be sent just now is tried again then. */
export async function postpone(sql: Sql, owner: MailOwner, submissionId: Id, seconds: number): Promise<void> {
  await sql.query(
    `UPDATE submission SET due_at = now() + make_interval(secs => $4)
     WHERE organisation_id = $1 AND person_id = $2 AND submission_id = $3 AND undo_status = ${UndoStatus.waiting}`,
    [owner.organisationId, owner.personId, submissionId, seconds],
  )
}

/**
 * After an import of something that may have gone on after the export: what was to be sent meanwhile may have been sent
 * there. It is a draft again, for its author to decide; how many.
 */
export async function cancelOverdue(sql: Sql): Promise<number> {
  const rows = await sql.query(
    `UPDATE submission SET undo_status = ${UndoStatus.canceled}, changed_at = now()
     WHERE undo_status = ${UndoStatus.waiting} AND release_at <= now() RETURNING 1 AS one`,
  )
  return rows.length
}

/** Those of these copies that wait to be sent to others than these: nothing else leaves from them until then. */
export async function waitForOthers(
  sql: Sql,
  owner: MailOwner,
  copyIds: readonly Id[],
  envelopeDigest: Buffer | null,
): Promise<Set<Id>> {
  const rows = await sql.query<{ copyId: Id }>(
    `SELECT copy_id AS "copyId" FROM submission WHERE organisation_id = $1 AND person_id = $2 AND copy_id = ANY ($3::uuid[])
       AND undo_status = ${UndoStatus.waiting} AND envelope_digest IS DISTINCT FROM $4::bytea`,
    [owner.organisationId, owner.personId, [...copyIds], envelopeDigest],
  )
  return new Set(rows.map(({ copyId }) => copyId))
}

/** Where a copy lies: who deleted what was to be sent does not want it sent. */
export async function isInTrash(sql: Sql, owner: MailOwner, copyId: Id): Promise<boolean> {
  const rows = await sql.query(
    `SELECT 1 AS one FROM placement p JOIN folder f USING (organisation_id, person_id, folder_no)
     WHERE p.organisation_id = $1 AND p.person_id = $2 AND p.copy_id = $3 AND p.tombstone IS NULL AND f.role = ${FolderRole.trash}`,
    [owner.organisationId, owner.personId, copyId],
  )
  return rows.length > 0
}

/**
 * A copy that is to leave later is kept beyond that time as long as any; its bytes are counted on the day on which it ends
 * then. In the transaction that wrote the submission.
 */
export async function keepUntilReleased(sql: Sql, owner: MailOwner, submissionId: Id): Promise<void> {
  await sql.query(
    `WITH one AS (
       SELECT c.organisation_id, c.copy_id, c.person_id, c.expires_at AS ends, m.size, m.direction,
         s.release_at + make_interval(days => o.retention_days) AS longer
       FROM submission s JOIN copy c USING (organisation_id, copy_id) JOIN message m ON m.organisation_id = c.organisation_id
         AND m.message_id = c.message_id JOIN organisation o ON o.organisation_id = s.organisation_id
       WHERE s.organisation_id = $1 AND s.person_id = $2 AND s.submission_id = $3
     ), days AS (
       SELECT *, (ends AT TIME ZONE 'UTC')::date AS old_day, (longer AT TIME ZONE 'UTC')::date AS new_day FROM one WHERE longer > ends
     ), kept AS (
       UPDATE copy c SET expires_at = d.longer FROM days d WHERE c.organisation_id = d.organisation_id AND c.copy_id = d.copy_id
     ), moved AS (
       SELECT * FROM days WHERE direction = ${Direction.draft} AND old_day <> new_day
     ), taken AS (
       UPDATE own_content k SET bytes = k.bytes - d.size FROM moved d
       WHERE k.organisation_id = d.organisation_id AND k.person_id = d.person_id AND k.ends_on = d.old_day
     )
     INSERT INTO own_content AS k (organisation_id, person_id, ends_on, bytes)
     SELECT organisation_id, person_id, new_day, size FROM moved
     ON CONFLICT (organisation_id, person_id, ends_on) DO UPDATE SET bytes = k.bytes + excluded.bytes`,
    [owner.organisationId, owner.personId, submissionId],
  )
}

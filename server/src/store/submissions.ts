/** What people sent: the link from the author's copy to the message that left. What waits for its time: waiting.ts. */
import { CopySource, UndoStatus } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import { firstIdAt, type Id } from '../platform/ids.ts'
import type { MailOwner } from './mailbox.ts'
import { wholeReply } from './outcomes.ts'
import { SHARED_ADDRESSES } from './shared.ts'

export interface SubmissionRow {
  submissionId: Id
  copyId: Id
  messageId: Id
  identityAddress: string
  sentAt: Date
  undoStatus: number
  envelope: object | null
  /** null: it left, or was to leave, at once */
  releaseAt: Date | null
}

export const ROW = `s.submission_id AS "submissionId", s.copy_id AS "copyId", s.message_id AS "messageId",
  s.identity_address AS "identityAddress", s.sent_at AS "sentAt", s.undo_status AS "undoStatus",
  s.envelope, s.release_at AS "releaseAt"`

export interface NewSubmission {
  submissionId: Id
  copyId: Id
  messageId: Id
  identityAddress: string
  envelopeDigest: Buffer | null
  /** how many the author named; counted against the hourly allowance from this row on */
  recipients: number
  envelope: object | null
  protocol: string
}

/** When it is to leave, by the database's clock. */
export type ReleaseTime = { seconds: number } | { until: number } | null

/** Not decided yet; as in the index submission_pending. */
const OPEN = `${UndoStatus.pending}, ${UndoStatus.waiting}`

/**
 * Written before the message is accepted (`pending`), so that a try that was cut off is found and not sent again. False:
 * another try of this draft is pending, or this sending has left already. Run it with the draft's placement locked.
 */
export async function insertSubmission(
  sql: Sql,
  owner: MailOwner,
  s: NewSubmission,
  release: ReleaseTime = null,
): Promise<boolean> {
  // Locked, and so read as they are after whatever is just being done to them: between a look for final ones and the
  // index's word about pending ones, one could pass from the second to the first.
  const others = await sql.query<{ isSame: boolean }>(
    `SELECT undo_status IN (${OPEN}) OR envelope_digest IS NOT DISTINCT FROM $4::bytea AS "isSame" FROM submission
     WHERE organisation_id = $1 AND person_id = $2 AND copy_id = $3 AND undo_status <> ${UndoStatus.canceled} FOR UPDATE`,
    [owner.organisationId, owner.personId, s.copyId, s.envelopeDigest],
  )
  if (others.some(({ isSame }) => isSame)) return false
  const rows = await sql.query(
    `INSERT INTO submission (organisation_id, submission_id, person_id, copy_id, message_id, identity_address, envelope_digest, recipients,
       undo_status, envelope, protocol, actor_id, release_at, due_at)
     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $14, at, at FROM (SELECT CASE WHEN $12::float8 IS NOT NULL THEN
       now() + make_interval(secs => $12) ELSE to_timestamp($13::float8 / 1000) END AS at) release
     ON CONFLICT (organisation_id, copy_id) WHERE undo_status IN (${OPEN}) DO NOTHING RETURNING 1 AS one`,
    [
      owner.organisationId,
      s.submissionId,
      owner.personId,
      s.copyId,
      s.messageId,
      s.identityAddress,
      s.envelopeDigest,
      s.recipients,
      release ? UndoStatus.waiting : UndoStatus.pending,
      s.envelope,
      s.protocol,
      release && 'seconds' in release ? release.seconds : null,
      release && 'until' in release ? release.until : null,
      owner.actorId ?? null,
    ],
  )
  return rows.length > 0
}

export async function finishSubmission(sql: Sql, owner: MailOwner, submissionId: Id): Promise<void> {
  await sql.query(
    `UPDATE submission SET undo_status = ${UndoStatus.final}, changed_at = now() WHERE organisation_id = $1 AND person_id = $2 AND submission_id = $3`,
    [owner.organisationId, owner.personId, submissionId],
  )
}

/** Nothing left: the message was refused before it was stored. What had waited for its time waits again. */
export async function cancelSubmission(sql: Sql, owner: MailOwner, submissionId: Id): Promise<void> {
  await sql.query(
    `UPDATE submission SET changed_at = now(),
       undo_status = CASE WHEN release_at IS NULL THEN ${UndoStatus.canceled} ELSE ${UndoStatus.waiting} END
     WHERE organisation_id = $1 AND person_id = $2 AND submission_id = $3 AND undo_status = ${UndoStatus.pending}`,
    [owner.organisationId, owner.personId, submissionId],
  )
}

const STORED = `EXISTS (SELECT FROM message m WHERE m.organisation_id = s.organisation_id AND m.message_id = s.message_id)`
/** Longer than any accept waits before it gives its statement to the database. */
const YOUNG = `s.sent_at > now() - interval '1 minute'`

export interface Try extends SubmissionRow, MailOwner {
  envelopeDigest: Buffer | null
  isStored: boolean
  /** pending and not stored, but nobody can say yet that it will not be */
  isOpen: boolean
}

/**
 * Tries that were not canceled: of one draft, newest first, or the oldest pending ones of everybody. Two statements,
 * because a row's absence says something only once no accept statement is left that was begun for it.
 */
export async function readTries(sql: Sql, of: { owner: MailOwner; copyId: Id } | { pending: number }): Promise<Try[]> {
  const [where, values] =
    'owner' in of
      ? [
          `organisation_id = $1 AND person_id = $2 AND copy_id = $3 AND undo_status <> ${UndoStatus.canceled} ORDER BY submission_id DESC`,
          [of.owner.organisationId, of.owner.personId, of.copyId],
        ]
      : [`undo_status = ${UndoStatus.pending} AND NOT (${YOUNG}) ORDER BY sent_at LIMIT $1`, [of.pending]]
  const rows = await sql.query<Omit<Try, 'isStored'>>(
    `SELECT ${ROW}, organisation_id AS "organisationId", person_id AS "personId", envelope_digest AS "envelopeDigest",
       ${YOUNG} OR EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'holdfast accept'
         AND datname = current_database() AND state <> 'idle' AND query_start < s.sent_at + interval '1 minute') AS "isOpen"
     FROM submission s WHERE ${where}`,
    values,
  )
  if (rows.length === 0) return []
  const stored = await sql.query<{ id: Id }>(
    `SELECT s.submission_id AS id FROM submission s WHERE s.submission_id = ANY ($1::uuid[])
       AND s.organisation_id = ANY ($2::uuid[]) AND ${STORED}`,
    [rows.map(({ submissionId }) => submissionId), rows.map(({ organisationId }) => organisationId)],
  )
  const there = new Set(stored.map(({ id }) => id))
  return rows.map((row) => {
    const isStored = there.has(row.submissionId)
    return { ...row, isStored, isOpen: row.undoStatus === UndoStatus.pending && !isStored && row.isOpen }
  })
}

/** Those of these copies whose message has left, may be just leaving, or waits for its time. */
export async function copiesThatLeft(sql: Sql, owner: MailOwner, copyIds: readonly Id[]): Promise<Set<Id>> {
  const rows = await sql.query<{ copyId: Id }>(
    `SELECT DISTINCT copy_id AS "copyId" FROM submission s
     WHERE organisation_id = $1 AND person_id = $2 AND copy_id = ANY ($3::uuid[])
       AND (undo_status IN (${UndoStatus.final}, ${UndoStatus.waiting}) OR undo_status = ${UndoStatus.pending} AND (${YOUNG} OR ${STORED}))`,
    [owner.organisationId, owner.personId, [...copyIds]],
  )
  return new Set(rows.map(({ copyId }) => copyId))
}

/** Of these ids, of those not decided yet, or the newest. */
export function readSubmissions(
  sql: Sql,
  owner: MailOwner,
  of: { ids: readonly Id[] } | { open: true } | null,
  limit: number,
): Promise<SubmissionRow[]> {
  const where = !of ? '' : 'ids' in of ? 'AND submission_id = ANY ($4::uuid[])' : `AND undo_status IN (${OPEN})`
  return sql.query<SubmissionRow>(
    `SELECT s.submission_id AS "submissionId", s.copy_id AS "copyId", s.message_id AS "messageId",
       s.identity_address AS "identityAddress", s.sent_at AS "sentAt", s.envelope, s.release_at AS "releaseAt",
       CASE WHEN undo_status = ${UndoStatus.pending} AND ${STORED} THEN ${UndoStatus.final} ELSE undo_status END AS "undoStatus"
     FROM submission s WHERE organisation_id = $1 AND person_id = $2 ${where} ORDER BY submission_id DESC LIMIT $3`,
    [owner.organisationId, owner.personId, limit, ...(of && 'ids' in of ? [[...of.ids]] : [])],
  )
}

/** The newest submission, and when one of them was last changed: the state of the set. */
export async function submissionsState(sql: Sql, owner: MailOwner): Promise<string> {
  const [row] = await sql.query<{ id: Id | null; changed: number }>(
    `SELECT (SELECT submission_id FROM submission WHERE organisation_id = $1 AND person_id = $2 ORDER BY submission_id DESC LIMIT 1) AS id,
       coalesce((extract(epoch FROM max(changed_at)) * 1000000)::bigint, 0) AS changed
     FROM submission WHERE organisation_id = $1 AND person_id = $2`,
    [owner.organisationId, owner.personId],
  )
  return `${row!.id ?? 0}-${row!.changed}`
}

export interface SentRecipient {
  messageId: Id
  recipient: string
  state: number
  reply: string | null
}

/** What became of each recipient, with the last reply of the other side. */
export function readSentRecipients(sql: Sql, organisationId: Id, messageIds: readonly Id[]): Promise<SentRecipient[]> {
  return sql.query<SentRecipient>(
    `SELECT d.message_id AS "messageId", d.recipient, d.state,
       (SELECT NULLIF(${wholeReply('a.smtp_code', 'a.enhanced', 'a.reply')}, '') FROM attempt a WHERE a.organisation_id = d.organisation_id AND a.delivery_id = d.delivery_id
        ORDER BY a.attempt_no DESC LIMIT 1) AS reply
     FROM delivery d WHERE d.organisation_id = $1 AND d.message_id = ANY ($2::uuid[]) ORDER BY d.delivery_id`,
    [organisationId, [...messageIds]],
  )
}

export interface OwnAddress {
  address: string
  display: string
  name: string
  isPrimary: boolean
  /** null: an own one */
  delegated: number | null
}

/**
 * The addresses a person may write from: the own ones, the primary one first, then those that were delegated to them (as
 * long as their domain is the organisation's); none for who was disabled.
 */
/** Of a shared mailbox: the actor's own ones, and those of the mailbox from which they may write (delegated). */
export function ownAddresses(sql: Sql, owner: MailOwner): Promise<OwnAddress[]> {
  return sql.query<OwnAddress>(
    `SELECT a.address, a.display, coalesce(q.name, p.name) AS name, a.is_primary AS "isPrimary", min(a.kind) AS delegated
     FROM person p JOIN (
       SELECT organisation_id, person_id, address, display, is_primary, NULL::smallint AS kind, NULL::uuid AS mailbox_id FROM address
       UNION ALL
       SELECT organisation_id, person_id, address, display, false, kind, NULL FROM delegation
       UNION ALL
       ${SHARED_ADDRESSES}) a USING (organisation_id, person_id)
       LEFT JOIN address x ON a.kind IS NOT NULL AND x.organisation_id = $1 AND x.address = a.address
       LEFT JOIN person q ON q.organisation_id = x.organisation_id AND q.person_id = x.person_id
     WHERE p.organisation_id = $1 AND p.person_id = $2 AND p.disabled_at IS NULL
       AND ($3::uuid IS NULL OR a.kind IS NULL OR a.mailbox_id = $3)
       AND (a.kind IS NULL OR EXISTS (SELECT FROM domain d WHERE d.organisation_id = $1 AND d.name = split_part(a.address, '@', -1)))
     GROUP BY a.address, a.display, coalesce(q.name, p.name), a.is_primary, a.kind IS NULL
     ORDER BY min(a.kind) NULLS FIRST, a.is_primary DESC, a.address`,
    [owner.organisationId, owner.actorId ?? owner.personId, owner.actorId === undefined ? null : owner.personId],
  )
}

/** The own address by which a person is at home: this one where it is theirs, else their primary one; null: none. */
export async function homeAddress(sql: Sql, owner: MailOwner, address: string): Promise<string | null> {
  const [row] = await sql.query<{ address: string }>(
    `SELECT address FROM address WHERE organisation_id = $1 AND person_id = $2
     ORDER BY address = $3 DESC, is_primary DESC, address LIMIT 1`,
    [owner.organisationId, owner.personId, address],
  )
  return row?.address ?? null
}

export interface RecentCopy {
  copyId: Id
  size: number
  sha256: Buffer
  messageId: string | null
  /** milliseconds since the epoch */
  date: number | null
}

const MOST_RECENT = 500

/**
 * Copies of mail that a person's client sent, in that folder, made since then (milliseconds since the epoch) and at least
 * so large, the newest first: along the folder's index by copy, whose ids are ordered by time.
 */
export function recentCopies(
  sql: Sql,
  owner: MailOwner,
  { folderNos, since, atLeast }: { folderNos: readonly number[]; since: number; atLeast: number },
): Promise<RecentCopy[]> {
  return sql.query<RecentCopy>(
    `SELECT c.copy_id AS "copyId", m.size, m.sha256, m.message_id_header AS "messageId",
       (extract(epoch FROM m.header_date) * 1000)::float8 AS date
     FROM placement p
       JOIN copy c ON c.organisation_id = p.organisation_id AND c.copy_id = p.copy_id
       JOIN message m ON m.organisation_id = c.organisation_id AND m.message_id = c.message_id
     WHERE p.organisation_id = $1 AND p.person_id = $2 AND p.folder_no = ANY ($3::int[]) AND p.copy_id >= $4 AND p.tombstone IS NULL
       AND c.source = ${CopySource.sent} AND m.size BETWEEN $5 AND $5 + 2000
     ORDER BY p.copy_id DESC LIMIT ${MOST_RECENT}`,
    [owner.organisationId, owner.personId, [...folderNos], firstIdAt(since), atLeast],
    'recent-copies',
  )
}

export async function outboundRoute(sql: Sql, organisationId: Id): Promise<Id | null> {
  const [row] = await sql.query<{ routeId: Id | null }>(
    'SELECT outbound_route_id AS "routeId" FROM organisation WHERE organisation_id = $1',
    [organisationId],
  )
  return row?.routeId ?? null
}

export interface SigningKey {
  domainId: Id
  domain: string
  selector: string
  privateSealed: Buffer
}

export async function signingKey(sql: Sql, organisationId: Id, domain: string): Promise<SigningKey | null> {
  const [row] = await sql.query<SigningKey>(
    `SELECT domain_id AS "domainId", name AS domain, dkim_selector AS selector, dkim_private_sealed AS "privateSealed" FROM domain
     WHERE organisation_id = $1 AND name = $2 AND dkim_selector IS NOT NULL AND dkim_private_sealed IS NOT NULL`,
    [organisationId, domain],
  )
  return row ?? null
}

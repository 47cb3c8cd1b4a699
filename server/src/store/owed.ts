/**
 * What the primary has yet to receive, from the person's side: sent mail and changes (owed_item), and open deliveries a
 * person deletes before they went home. Statements only; the rules are in core/return.
 */
import { AttemptOutcome, DeliveryState, FolderRole, OwedKind, OwedState, WayBack } from '../platform/codes.ts'
import { uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface NewSentOwed {
  organisationId: Id
  owedId: Id
  /** the author's primary; null: there is none */
  routeId: Id | null
  personId: Id
  copyId: Id
}

/**
 * Sent mail is owed to the author's primary. With an SMTP-only way home it cannot be put into Sent there (it would land
 * in the Inbox as new mail), and without a primary nowhere at all: it stays here, with the reason.
 */
export async function addSentOwed(sql: Sql, items: readonly NewSentOwed[]): Promise<void> {
  await sql.query(
    `INSERT INTO owed_item (organisation_id, owed_id, route_id, person_id, kind, copy_id, state, reason, finished_at)
     SELECT t.o, t.w, t.r, t.p, ${OwedKind.sent}, t.c,
       CASE WHEN route.way_back = ${WayBack.imap} THEN ${OwedState.owed} ELSE ${OwedState.staysHere} END,
       CASE route.way_back WHEN ${WayBack.imap} THEN 'accepted' WHEN ${WayBack.smtp} THEN 'no-way-home-smtp' ELSE 'no-way-home-route' END,
       CASE WHEN route.way_back = ${WayBack.imap} THEN NULL ELSE now() END
     FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[]) AS t(o, w, r, p, c)
     LEFT JOIN route ON route.organisation_id = t.o AND route.route_id = t.r
     ON CONFLICT (organisation_id, copy_id, kind) DO NOTHING`,
    [
      uuidArray(items.map((i) => i.organisationId)),
      uuidArray(items.map((i) => i.owedId)),
      uuidArray(items.map((i) => i.routeId)),
      uuidArray(items.map((i) => i.personId)),
      uuidArray(items.map((i) => i.copyId)),
    ],
    'owed-add-sent',
  )
}

/** Sent mail of a person that stays here or is still owed, for the page. */
export async function countSentOwed(sql: Sql, organisationId: Id, personId: Id): Promise<number> {
  const rows = await sql.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM owed_item
     WHERE organisation_id = $1 AND person_id = $2 AND state IN (${OwedState.owed}, ${OwedState.staysHere})`,
    [organisationId, personId],
  )
  return rows[0]!.n
}

export interface OwedDelivery {
  copyId: Id
  deliveryId: Id
  state: DeliveryState
}

/**
 * The deliveries behind these copies of a person that are owed, or were cancelled by the person; locked. A person under two
 * addresses has one copy of a message and two deliveries. Copies without a delivery (Sent, drafts) are of another kind.
 */
export async function lockOwed(
  sql: Sql,
  of: { organisationId: Id; personId: Id; copyIds: readonly Id[] },
): Promise<OwedDelivery[]> {
  return sql.query<OwedDelivery>(
    `SELECT c.copy_id AS "copyId", d.delivery_id AS "deliveryId", d.state
     FROM copy c JOIN delivery d ON d.organisation_id = c.organisation_id AND d.message_id = c.message_id
       AND d.person_id = c.person_id
     WHERE c.organisation_id = $1 AND c.person_id = $2 AND c.copy_id = ANY ($3::uuid[]) AND c.delivery_id IS NOT NULL
       AND (d.state < 10 OR (d.state = ${DeliveryState.cancelled} AND d.reason = 'deleted-by-person'))
     ORDER BY d.delivery_id FOR UPDATE OF d`,
    [of.organisationId, of.personId, uuidArray(of.copyIds)],
  )
}

/**
 * Deleted here and still owed: deliveries of a person (`$1` organisation, `$2` person) that nobody is sending and whose copy
 * lies in Trash or lay in a folder once and lies in none now. A copy that never had a place (no emergency mailbox) was not
 * deleted by anybody. Rows: deliveryId, copyId, acceptedAt.
 */
const DELETED_BUT_OWED = `
  SELECT d.delivery_id AS "deliveryId", c.copy_id AS "copyId", d.accepted_at AS "acceptedAt"
  FROM delivery d JOIN copy c ON c.organisation_id = d.organisation_id AND c.message_id = d.message_id
    AND c.person_id = d.person_id AND c.delivery_id IS NOT NULL
  JOIN LATERAL (
    SELECT bool_or(p.tombstone IS NULL AND f.role IS DISTINCT FROM ${FolderRole.trash}) AS "isKept"
    FROM placement p JOIN folder f USING (organisation_id, person_id, folder_no)
    WHERE p.organisation_id = c.organisation_id AND p.person_id = c.person_id AND p.copy_id = c.copy_id) place ON place."isKept" = false
  WHERE d.organisation_id = $1 AND d.person_id = $2 AND d.state IN (${DeliveryState.ready}, ${DeliveryState.deferred})`

export interface DeletedButOwed {
  waiting: number
  /** when the oldest and the newest of them came */
  oldestAt: Date | null
  newestAt: Date | null
}

export async function countDeletedButOwed(sql: Sql, organisationId: Id, personId: Id): Promise<DeletedButOwed> {
  const rows = await sql.query<DeletedButOwed>(
    `SELECT count(DISTINCT "copyId")::int AS waiting, min("acceptedAt") AS "oldestAt", max("acceptedAt") AS "newestAt"
     FROM (${DELETED_BUT_OWED}) AS gone`,
    [organisationId, personId],
    'deleted-but-owed',
  )
  return rows[0]!
}

export async function listDeletedButOwed(sql: Sql, organisationId: Id, personId: Id): Promise<Id[]> {
  const rows = await sql.query<{ copyId: Id }>(DELETED_BUT_OWED, [organisationId, personId])
  return [...new Set(rows.map((row) => row.copyId))]
}

/** How much is owed to a person now, and how much of it the person deleted within the last hour. */
export async function owedBalance(
  sql: Sql,
  of: { organisationId: Id; personId: Id; sinceLedgerId: Id },
): Promise<{ owed: number; deleted: number }> {
  const rows = await sql.query<{ owed: number; deleted: number }>(
    `SELECT (SELECT count(*) FROM delivery WHERE organisation_id = $1 AND person_id = $2 AND state < 10)::int AS owed,
       (SELECT count(DISTINCT l.delivery_id) FROM ledger l JOIN delivery d USING (organisation_id, delivery_id)
        WHERE l.organisation_id = $1 AND l.ledger_id >= $3 AND l.at > now() - interval '1 hour' AND l.person_id = $2
          AND l.outcome = ${AttemptOutcome.cancelled} AND d.state = ${DeliveryState.cancelled}
          AND d.reason = 'deleted-by-person')::int AS deleted`,
    [of.organisationId, of.personId, of.sinceLedgerId],
  )
  return rows[0]!
}

interface Move {
  organisationId: Id
  deliveryIds: readonly Id[]
  /** one for each delivery */
  ledgerIds: readonly Id[]
  proof: string
}

const withLedger = (update: string, outcome: AttemptOutcome): string => `
  WITH t AS (SELECT * FROM unnest($2::uuid[], $3::uuid[]) AS t(d, l)), upd AS (
    ${update} RETURNING delivery.organisation_id, delivery.delivery_id, delivery.route_id, delivery.person_id,
      delivery.message_id, delivery.attempts, t.l)
  , led AS (
    INSERT INTO ledger (organisation_id, ledger_id, return_event_id, route_id, person_id, delivery_id, message_id, attempt_no, outcome, proof)
    SELECT u.organisation_id, u.l, rm.return_event_id, u.route_id, u.person_id, u.delivery_id, u.message_id, u.attempts, ${outcome}, $4
    FROM upd u LEFT JOIN route_mode rm USING (organisation_id, route_id))
  SELECT delivery_id AS "deliveryId" FROM upd`

/** No longer owed: the person deleted it here before it went home. Only what nobody is just sending. */
export async function cancelDeliveries(sql: Sql, move: Move): Promise<{ deliveryId: Id }[]> {
  return sql.query(
    withLedger(
      `UPDATE delivery SET state = ${DeliveryState.cancelled}, reason = 'deleted-by-person', finished_at = now()
       FROM t WHERE delivery.organisation_id = $1 AND delivery.delivery_id = t.d
         AND delivery.state IN (${DeliveryState.ready}, ${DeliveryState.deferred})`,
      AttemptOutcome.cancelled,
    ),
    [move.organisationId, uuidArray(move.deliveryIds), uuidArray(move.ledgerIds), move.proof],
  )
}

/** Owed again: the person took the deletion back. */
export async function restoreDeliveries(sql: Sql, move: Move): Promise<{ deliveryId: Id }[]> {
  return sql.query(
    withLedger(
      `UPDATE delivery SET state = ${DeliveryState.ready}, reason = 'undeleted-by-person', finished_at = NULL,
         next_attempt = now()
       FROM t WHERE delivery.organisation_id = $1 AND delivery.delivery_id = t.d
         AND delivery.state = ${DeliveryState.cancelled} AND delivery.reason = 'deleted-by-person'`,
      AttemptOutcome.deferred,
    ),
    [move.organisationId, uuidArray(move.deliveryIds), uuidArray(move.ledgerIds), move.proof],
  )
}

/** Sent mail the person deleted here is owed no more; undo owes it again (where it was owed). */
export async function cancelSentOwed(sql: Sql, organisationId: Id, copyIds: readonly Id[]): Promise<void> {
  await sql.query(
    `UPDATE owed_item SET state = ${OwedState.cancelled}, reason = 'deleted-by-person', finished_at = now()
     WHERE organisation_id = $1 AND copy_id = ANY ($2::uuid[]) AND state = ${OwedState.owed}`,
    [organisationId, uuidArray(copyIds)],
  )
}

export async function restoreSentOwed(sql: Sql, organisationId: Id, copyIds: readonly Id[]): Promise<void> {
  await sql.query(
    `UPDATE owed_item SET state = ${OwedState.owed}, reason = 'undeleted-by-person', finished_at = NULL
     WHERE organisation_id = $1 AND copy_id = ANY ($2::uuid[]) AND state = ${OwedState.cancelled}
       AND reason = 'deleted-by-person'`,
    [organisationId, uuidArray(copyIds)],
  )
}

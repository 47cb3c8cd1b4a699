/**
 * The queue as pages show it, and what an admin may do to one delivery. Lists are keyset pages by delivery_id (ordered by
 * time); acts change one row under conditions and say whether they did, so that two admins cannot both win.
 */
import { DeliveryState, Direction, DsnSent, Mode } from '../platform/codes.ts'
import type { Sql, SqlValue } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { wholeReply } from './outcomes.ts'
import { DECISION } from './pins.ts'

export interface QueueRow {
  deliveryId: Id
  messageId: Id
  recipient: string
  from: string
  subject: string | null
  state: number
  reason: string | null
  attempts: number
  nextAttemptAt: Date | null
  acceptedAt: Date
  size: number
  route: string | null
  /** the mode (codes.ts Mode) that makes it wait: its route's, a pin's, a failing mailbox's, and since when */
  waitMode: number | null
  waitSince: Date | null
  /** Quiet Time holds it: the window's name, and until when */
  quietWindow: string | null
  quietUntil: Date | null
}

/** A private address is its person's alone: of a notice's recipient nobody sees more than that there is one. */
export const shownRecipient = (message: string, delivery: string): string =>
  `CASE WHEN ${message}.direction = ${Direction.notice} THEN '…@…' ELSE ${delivery}.recipient END`

/** Replies of servers may name it, in any words: their codes are shown. */
export const shownReply = (reply: string): string =>
  `CASE WHEN m.direction = ${Direction.notice} THEN substring(${reply} FROM '^[0-9][0-9. ]*') ELSE ${reply} END`
/** So does the name of the server. */
export const shownHost = (host: string): string =>
  `CASE WHEN m.direction = ${Direction.notice} THEN NULL ELSE ${host} END`

export const QUEUE_COLUMNS = `d.delivery_id AS "deliveryId", d.message_id AS "messageId", ${shownRecipient('m', 'd')} AS recipient, m.envelope_from AS "from",
  m.subject, d.state, CASE WHEN w.mode IS NULL THEN d.reason WHEN w.by = 'mailbox' THEN 'mailbox-fails' ELSE 'route-closed' END AS reason, d.attempts,
  CASE WHEN w.mode IS NULL AND d.state IN (0, 2, 3) THEN d.next_attempt END AS "nextAttemptAt",
  d.accepted_at AS "acceptedAt", m.size, r.name AS route, w.mode AS "waitMode", w.since AS "waitSince", qh.window_name AS "quietWindow", qh.until AS "quietUntil"`

/**
 * Where QUEUE_COLUMNS come from, beside the delivery `d`. `w` says what core/continuity decides when work is claimed: a
 * primary whose mode lets mail wait, a pin, or a mailbox that fails. Its time of the next attempt is then no promise and
 * is not shown.
 */
const QUEUE_JOINS = `JOIN message m ON m.organisation_id = d.organisation_id AND m.message_id = d.message_id
  LEFT JOIN route r ON r.organisation_id = d.organisation_id AND r.route_id = d.route_id
  LEFT JOIN LATERAL (
    SELECT * FROM (${DECISION({ organisation: 'd.organisation_id', person: 'd.person_id', address: 'd.recipient', route: 'd.route_id' })}) x
    WHERE x.mode IN (${Mode.emergency}, ${Mode.recovering}, ${Mode.quiet}, ${Mode.hold})
  ) w ON d.state IN (${DeliveryState.ready}, ${DeliveryState.deferred}, ${DeliveryState.unsure})
  LEFT JOIN quiet_hold qh ON qh.organisation_id = d.organisation_id AND qh.delivery_id = d.delivery_id
    AND d.reason = 'quiet-time' AND d.state IN (${DeliveryState.ready}, ${DeliveryState.deferred}, ${DeliveryState.unsure})`
export const QUEUE_FROM = `FROM delivery d ${QUEUE_JOINS}`

export interface QueueQuestion {
  organisationId: Id
  /** states to show */
  states: readonly number[]
  routeId: Id | null
  /** part of recipient, sender or subject */
  q: string | null
  after: Id | null
  limit: number
  newestFirst: boolean
}

export function listDeliveries(sql: Sql, ask: QueueQuestion): Promise<QueueRow[]> {
  const values: SqlValue[] = [ask.organisationId, ask.states, ask.limit]
  const where = ['d.organisation_id = $1', 'd.state = ANY($2::smallint[])']
  // Said so that the indexes of open work can be used.
  if (ask.states.every((state) => state < 10)) where.push('d.state < 10')
  const bind = (value: SqlValue): string => `$${values.push(value)}`
  if (ask.routeId !== null) where.push(`d.route_id = ${bind(ask.routeId)}`)
  if (ask.q !== null) {
    const like = bind(`%${ask.q.replace(/[\\%_]/g, '\\$&')}%`)
    where.push(
      `((m.direction <> ${Direction.notice} AND d.recipient ILIKE ${like}) OR m.envelope_from ILIKE ${like} OR m.subject ILIKE ${like})`,
    )
  }
  if (ask.after !== null) where.push(`d.delivery_id ${ask.newestFirst ? '<' : '>'} ${bind(ask.after)}`)
  const order = `ORDER BY d.delivery_id ${ask.newestFirst ? 'DESC' : ''}`
  const page = `WHERE ${where.join(' AND ')} ${order} LIMIT $3`
  // What is searched for may be in the message; otherwise the page is known before any message is read.
  const from =
    ask.q === null ? `FROM (SELECT * FROM delivery d ${page}) d ${QUEUE_JOINS} ${order}` : `${QUEUE_FROM} ${page}`
  return sql.query<QueueRow>(`SELECT ${QUEUE_COLUMNS} ${from}`, values)
}

export interface ParkedRow extends QueueRow {
  parkedAt: Date
  /** the last attempt: when, why it failed, in whose words */
  triedAt: Date | null
  triedReason: string | null
  reply: string | null
  seenBy: string | null
  seenAt: Date | null
}

export function listParked(sql: Sql, organisationId: Id, after: Id | null, limit: number): Promise<ParkedRow[]> {
  return sql.query<ParkedRow>(
    `SELECT ${QUEUE_COLUMNS}, coalesce(p.parked_at, d.finished_at, d.accepted_at) AS "parkedAt", p.seen_by AS "seenBy", p.seen_at AS "seenAt",
       a.at AS "triedAt", a.reason AS "triedReason", a.reply
     ${QUEUE_FROM} LEFT JOIN LATERAL (
       SELECT at, reason, ${shownReply(`NULLIF(${wholeReply('smtp_code', 'enhanced', 'reply')}, '')`)} AS reply FROM attempt
       WHERE organisation_id = d.organisation_id AND delivery_id = d.delivery_id
       ORDER BY attempt_no DESC LIMIT 1) a ON true
     LEFT JOIN parking p ON p.organisation_id = d.organisation_id AND p.delivery_id = d.delivery_id
     WHERE d.organisation_id = $1 AND d.state = ${DeliveryState.parked} AND ($2::uuid IS NULL OR d.delivery_id > $2)
     ORDER BY d.delivery_id LIMIT $3`,
    [organisationId, after, limit],
  )
}

export async function deliveryState(
  sql: Sql,
  organisationId: Id,
  deliveryId: Id,
): Promise<{ state: number; messageId: Id } | null> {
  const rows = await sql.query<{ state: number; messageId: Id }>(
    'SELECT state, message_id AS "messageId" FROM delivery WHERE organisation_id = $1 AND delivery_id = $2',
    [organisationId, deliveryId],
  )
  return rows[0] ?? null
}

/**
 * Due now. Only what waits: a leased one is being tried, an unsure one may have arrived. What Quiet Time holds goes too, for
 * somebody asked for this one by hand.
 */
export async function retryDelivery(sql: Sql, organisationId: Id, deliveryId: Id): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE delivery SET next_attempt = now(), reason = CASE WHEN reason = 'quiet-time' THEN 'released-by-admin' ELSE reason END,
       released = released OR reason IS NOT DISTINCT FROM 'quiet-time'
     WHERE organisation_id = $1 AND delivery_id = $2
     AND state IN (${DeliveryState.ready}, ${DeliveryState.deferred}) RETURNING 1`,
    [organisationId, deliveryId],
  )
  return rows.length === 1
}

/** What tells somebody of their own account is not an administrator's to take away: it may be about them. */
const ABOUT_ACCOUNT = `EXISTS (SELECT FROM message m WHERE m.organisation_id = delivery.organisation_id
  AND m.message_id = delivery.message_id AND m.facts ? 'aboutAccount')`

/** Given up by an admin; never while an attempt runs. */
export async function cancelDelivery(sql: Sql, organisationId: Id, deliveryId: Id): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE delivery SET state = ${DeliveryState.cancelled}, reason = 'cancelled-by-admin', finished_at = now(), lease = NULL
     WHERE organisation_id = $1 AND delivery_id = $2
       AND state IN (${DeliveryState.ready}, ${DeliveryState.deferred}, ${DeliveryState.unsure}) AND NOT ${ABOUT_ACCOUNT} RETURNING 1`,
    [organisationId, deliveryId],
  )
  return rows.length === 1
}

export async function markParkedSeen(sql: Sql, organisationId: Id, deliveryId: Id, by: string): Promise<boolean> {
  const rows = await sql.query(
    `INSERT INTO parking AS p (organisation_id, delivery_id, reason, parked_at, seen_by, seen_at)
     SELECT organisation_id, delivery_id, coalesce(reason, 'unknown-recipient-parked'), coalesce(finished_at, accepted_at), $3, now()
     FROM delivery WHERE organisation_id = $1 AND delivery_id = $2 AND state = ${DeliveryState.parked}
     ON CONFLICT (organisation_id, delivery_id) DO UPDATE SET seen_by = $3, seen_at = now() RETURNING 1`,
    [organisationId, deliveryId, by],
  )
  return rows.length === 1
}

/** Back into the queue, or given up: the parking row goes, the audit row stays. Refused once more, it is dealt with once more. */
export async function leaveParking(
  sql: Sql,
  organisationId: Id,
  deliveryId: Id,
  how: 'release' | 'drop',
): Promise<boolean> {
  const set =
    how === 'release'
      ? `state = ${DeliveryState.ready}, reason = 'released-by-admin', released = true, next_attempt = now(), finished_at = NULL,
           dsn_sent = dsn_sent & ${DsnSent.delayed}`
      : `state = ${DeliveryState.cancelled}, reason = 'cancelled-by-admin', finished_at = now()`
  const rows = await sql.query(
    `UPDATE delivery SET ${set} WHERE organisation_id = $1 AND delivery_id = $2 AND state = ${DeliveryState.parked}
       ${how === 'drop' ? `AND NOT ${ABOUT_ACCOUNT}` : ''} RETURNING 1`,
    [organisationId, deliveryId],
  )
  if (rows.length === 1)
    await sql.query('DELETE FROM parking WHERE organisation_id = $1 AND delivery_id = $2', [organisationId, deliveryId])
  return rows.length === 1
}

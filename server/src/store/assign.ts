/**
 * What it takes to give a parked delivery to a person (core/trace/assign.ts): the delivery with what a mailbox shows of its
 * message, what that person has of it already, the mode that counts for their mail, and the change itself, made under a
 * condition, so that of two who act at once one hears so.
 */
import { DeliveryState, DsnSent, type Mode } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { DECISION } from './pins.ts'
import { placeCopies } from './place-waiting.ts'

export interface ParkedDelivery {
  messageId: Id
  state: number
  reason: string | null
  recipient: string
  orcpt: string | null
  receivedAt: Date
  /** what a thread is known by, as far as it is kept beside the message */
  threadRoot: string | null
  /** as a mailbox counts it */
  size: number
}

export async function readParked(sql: Sql, organisationId: Id, deliveryId: Id): Promise<ParkedDelivery | null> {
  const rows = await sql.query<ParkedDelivery>(
    `SELECT d.message_id AS "messageId", d.state, d.reason, d.recipient, d.orcpt, m.received_at AS "receivedAt",
       coalesce(m.in_reply_to, m.message_id_header) AS "threadRoot", m.size + octet_length(m.prefix) AS size
     FROM delivery d JOIN message m USING (organisation_id, message_id)
     WHERE d.organisation_id = $1 AND d.delivery_id = $2`,
    [organisationId, deliveryId],
  )
  return rows[0] ?? null
}

export interface MessageOf {
  organisationId: Id
  messageId: Id
  personId: Id
}

/** A person's copy of a message, however they came to it. */
export interface HeldCopy {
  copyId: Id
  threadId: Id
  placed: boolean
}

export async function copyOf(sql: Sql, of: MessageOf): Promise<HeldCopy | null> {
  const rows = await sql.query<HeldCopy>(
    `SELECT copy_id AS "copyId", thread_id AS "threadId", placed FROM copy
     WHERE organisation_id = $1 AND message_id = $2 AND person_id = $3 ORDER BY placed DESC, copy_id LIMIT 1`,
    [of.organisationId, of.messageId, of.personId],
  )
  return rows[0] ?? null
}

/** Another delivery of the message brings it to this person, has brought it, or was ended by them. */
export async function isTheirs(sql: Sql, of: MessageOf & { deliveryId: Id }): Promise<boolean> {
  const rows = await sql.query(
    `SELECT 1 AS one FROM delivery
     WHERE organisation_id = $1 AND message_id = $2 AND person_id = $3 AND delivery_id <> $4
       AND (state <= ${DeliveryState.delivered} OR state = ${DeliveryState.cancelled} AND reason = 'deleted-by-person') LIMIT 1`,
    [of.organisationId, of.messageId, of.personId, of.deliveryId],
  )
  return rows.length > 0
}

/** The mode that counts for a person's mail at this route; null: the route has none. */
export async function modeOf(
  sql: Sql,
  whose: { organisationId: Id; personId: Id; address: string; routeId: Id },
): Promise<Mode | null> {
  const rows = await sql.query<{ mode: Mode }>(
    `SELECT w.mode FROM (VALUES ($1::uuid, $2::uuid, $3::text, $4::uuid)) AS asked(o, p, a, r)
     CROSS JOIN LATERAL (${DECISION({ organisation: 'asked.o', person: 'asked.p', address: 'asked.a', route: 'asked.r' })}) w`,
    [whose.organisationId, whose.personId, whose.address, whose.routeId],
  )
  return rows[0]?.mode ?? null
}

export interface AssignedCopy extends MessageOf {
  copyId: Id
  source: number
  /** milliseconds; Infinity: as long as something is owed */
  expiresAt: number
  policy: string
  deliveryId: Id
  threadId: Id
}

/** Without a place yet. */
export async function insertCopy(sql: Sql, copy: AssignedCopy): Promise<void> {
  const { expiresAt } = copy
  await sql.query(
    `INSERT INTO copy (organisation_id, copy_id, message_id, person_id, source, expires_at, policy, delivery_id, thread_id, placed)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, false)`,
    [
      copy.organisationId,
      copy.copyId,
      copy.messageId,
      copy.personId,
      copy.source,
      expiresAt === Infinity ? 'infinity' : new Date(expiresAt),
      copy.policy,
      copy.deliveryId,
      copy.threadId,
    ],
  )
}

/** Into the Inbox, as the newest there. */
export const placeCopy = (
  sql: Sql,
  of: MessageOf & { deliveryId: Id },
  copy: Pick<HeldCopy, 'copyId' | 'threadId'>,
  message: Pick<ParkedDelivery, 'receivedAt' | 'threadRoot' | 'size'>,
): Promise<void> => placeCopies(sql, of.organisationId, [{ ...of, ...copy, ...message, isNew: false }])

export interface Assignment {
  organisationId: Id
  deliveryId: Id
  personId: Id
  routeId: Id
  recipient: string
  /** the address it came for, where that is another */
  via: string | null
  orcpt: string | null
  /** null: they have it, and it ends here */
  goes: { held: boolean } | null
}

/** False: it is not parked for want of a recipient any more. Its row on the list of parked mail goes with it. */
export async function assignDelivery(sql: Sql, to: Assignment): Promise<boolean> {
  const { goes } = to
  const set = goes
    ? `state = ${DeliveryState.ready}, reason = 'assigned-by-admin', next_attempt = now(), finished_at = NULL,
       dsn_sent = dsn_sent & ${DsnSent.delayed}`
    : `state = ${DeliveryState.cancelled}, reason = 'already-theirs', finished_at = now()`
  const rows = await sql.query(
    `UPDATE delivery SET ${set}, person_id = $3, route_id = $4, recipient = $5, via = coalesce(via, $6), orcpt = $7, held = $8
     WHERE organisation_id = $1 AND delivery_id = $2 AND state = ${DeliveryState.parked}
       AND reason = 'unknown-recipient-parked' RETURNING 1 AS one`,
    [to.organisationId, to.deliveryId, to.personId, to.routeId, to.recipient, to.via, to.orcpt, goes?.held ?? false],
  )
  if (rows.length === 1)
    await sql.query('DELETE FROM parking WHERE organisation_id = $1 AND delivery_id = $2', [
      to.organisationId,
      to.deliveryId,
    ])
  return rows.length === 1
}

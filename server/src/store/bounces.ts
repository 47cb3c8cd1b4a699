/** Deliveries that were refused after our 250 and whose sender has yet to hear of it, or an admin (promise 9). */
import { DeliveryState, DsnSent } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

/** A delivery with what a notice to its sender says. */
export interface NoticedDelivery {
  organisationId: Id
  deliveryId: Id
  messageId: Id
  recipient: string
  personId: Id | null
  notify: number
  orcpt: string | null
  reason: string
  acceptedAt: Date
  direction: number
  envelopeFrom: string
  clientIp: string | null
  helo: string | null
  size: number
  bodyStore: number
  blobKey: string | null
  subject: string | null
  facts: { ret?: 'FULL' | 'HDRS'; envid?: string; forwarded?: boolean; list?: string; tls?: string }
  outboundRouteId: Id | null
  host: string | null
  smtpCode: number | null
  enhanced: string | null
  reply: string | null
  attemptAt: Date | null
}

export interface RefusedDelivery extends NoticedDelivery {
  finishedAt: Date
}

export const NOTICE_COLUMNS = `d.organisation_id AS "organisationId", d.delivery_id AS "deliveryId", d.message_id AS "messageId",
  d.recipient, d.person_id AS "personId", d.notify, d.orcpt, d.reason, d.accepted_at AS "acceptedAt",
  m.direction, m.envelope_from AS "envelopeFrom", m.client_ip AS "clientIp", m.helo, m.size, m.body_store AS "bodyStore",
  m.blob_key AS "blobKey", m.subject, m.facts, o.outbound_route_id AS "outboundRouteId",
  a.host, a.smtp_code AS "smtpCode", a.enhanced, a.reply, a.at AS "attemptAt"`
export const NOTICE_TABLES = `delivery d JOIN message m USING (organisation_id, message_id) JOIN organisation o USING (organisation_id)
  LEFT JOIN attempt a ON a.organisation_id = d.organisation_id AND a.delivery_id = d.delivery_id AND a.attempt_no = d.attempts`

export async function refusedWithoutNotice(sql: Sql, limit: number): Promise<RefusedDelivery[]> {
  return sql.query<RefusedDelivery>(
    `SELECT ${NOTICE_COLUMNS}, d.finished_at AS "finishedAt" FROM ${NOTICE_TABLES}
     WHERE d.state = ${DeliveryState.refused} AND d.dsn_sent < ${DsnSent.final}
     ORDER BY d.finished_at LIMIT $1`,
    [limit],
  )
}

/** The refusal is dealt with: `state` is bounced, expired, or refused (the sender asked not to be told). */
export async function noteDsn(sql: Sql, organisationId: Id, deliveryId: Id, state: number): Promise<void> {
  await sql.query(
    `UPDATE delivery SET state = $3, dsn_sent = dsn_sent | ${DsnSent.final}
     WHERE organisation_id = $1 AND delivery_id = $2 AND state = ${DeliveryState.refused}`,
    [organisationId, deliveryId, state],
  )
}

/** No notice may be sent: an admin has to look. */
export async function parkRefused(sql: Sql, organisationId: Id, deliveryId: Id, reason: string): Promise<void> {
  await sql.query(
    `WITH upd AS (
       UPDATE delivery SET state = ${DeliveryState.parked}, reason = $3, dsn_sent = dsn_sent | ${DsnSent.final}
       WHERE organisation_id = $1 AND delivery_id = $2 AND state = ${DeliveryState.refused} RETURNING delivery_id)
     INSERT INTO parking (organisation_id, delivery_id, reason) SELECT $1, delivery_id, $3 FROM upd ON CONFLICT DO NOTHING`,
    [organisationId, deliveryId, reason],
  )
}

/** Who sent a message; null: there is none. */
export async function envelopeFromOf(sql: Sql, organisationId: Id, messageId: Id): Promise<string | null> {
  const rows = await sql.query<{ from: string }>(
    'SELECT envelope_from AS "from" FROM message WHERE organisation_id = $1 AND message_id = $2',
    [organisationId, messageId],
  )
  return rows[0]?.from ?? null
}

export async function messageExists(sql: Sql, organisationId: Id, messageId: Id): Promise<boolean> {
  const rows = await sql.query('SELECT 1 AS one FROM message WHERE organisation_id = $1 AND message_id = $2', [
    organisationId,
    messageId,
  ])
  return rows.length > 0
}

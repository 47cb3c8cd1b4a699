/**
 * Whose sender asked to hear of success, and hears it from nobody else: deliveries whose next server does not tell (reason
 * `relayed`), and postings, for which the list is where the mail arrives (RFC 3461 section 5.2.7.3).
 */
import { DeliveryState, DsnSent, Notify } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { NOTICE_COLUMNS, NOTICE_TABLES, type NoticedDelivery } from './bounces.ts'

export interface RelayedDelivery extends NoticedDelivery {
  finishedAt: Date
  /** who took it; a mailbox: the next server spoke LMTP, and what it takes lies there (RFC 2033) */
  by: 'mailbox' | 'hop' | 'list'
}

const DUE = `state = ${DeliveryState.delivered} AND reason = 'relayed' AND dsn_sent < ${DsnSent.final}`

/** Along index delivery_relayed_due, which holds nothing else. */
export async function listRelayed(sql: Sql, limit: number): Promise<RelayedDelivery[]> {
  return sql.query<RelayedDelivery>(
    `SELECT ${NOTICE_COLUMNS}, d.finished_at AS "finishedAt", 
       CASE WHEN r.settings->>'protocol' = 'lmtp' THEN 'mailbox' ELSE 'hop' END AS by
     FROM ${NOTICE_TABLES} LEFT JOIN route r ON r.organisation_id = d.organisation_id AND r.route_id = d.route_id
     WHERE d.${DUE.replaceAll(' AND ', ' AND d.')} ORDER BY d.finished_at LIMIT $1`,
    [limit],
    'list-relayed',
  )
}

/** The sender was told, or is not to be told. */
export async function noteRelayed(sql: Sql, organisationId: Id, deliveryId: Id): Promise<void> {
  await sql.query(
    `UPDATE delivery SET dsn_sent = dsn_sent | ${DsnSent.final} WHERE organisation_id = $1 AND delivery_id = $2 AND ${DUE}`,
    [organisationId, deliveryId],
  )
}

/** The same of postings, along index message_list_asked; `deliveryId` is the message's own, for a list has no delivery. */
export async function listPosted(sql: Sql, limit: number): Promise<RelayedDelivery[]> {
  return sql.query<RelayedDelivery>(
    `SELECT m.organisation_id AS "organisationId", m.message_id AS "deliveryId", m.message_id AS "messageId",
       m.facts->>'list' AS recipient, NULL AS "personId", ${Notify.success} AS notify, m.facts->'asked'->>'orcpt' AS orcpt,
       'relayed' AS reason, m.received_at AS "acceptedAt", m.direction, m.envelope_from AS "envelopeFrom",
       m.client_ip AS "clientIp", m.helo, m.size, m.body_store AS "bodyStore", m.blob_key AS "blobKey", m.subject,
       m.facts || (m.facts->'asked') AS facts, o.outbound_route_id AS "outboundRouteId", NULL AS host, NULL AS "smtpCode",
       NULL AS enhanced, NULL AS reply, NULL AS "attemptAt", m.received_at AS "finishedAt", 'list' AS by
     FROM message m JOIN organisation o USING (organisation_id) WHERE m.facts ? 'asked' ORDER BY m.received_at LIMIT $1`,
    [limit],
    'list-posted',
  )
}

export async function notePosted(sql: Sql, organisationId: Id, messageId: Id): Promise<void> {
  await sql.query(`UPDATE message SET facts = facts - 'asked' WHERE organisation_id = $1 AND message_id = $2`, [
    organisationId,
    messageId,
  ])
}

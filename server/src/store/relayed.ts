/** Deliveries whose sender asked to hear of success and whom the next server does not tell (reason `relayed`). */
import { DeliveryState, DsnSent } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { NOTICE_COLUMNS, NOTICE_TABLES, type NoticedDelivery } from './bounces.ts'

export interface RelayedDelivery extends NoticedDelivery {
  finishedAt: Date
  /** the next server spoke LMTP: what it takes lies in the mailbox (RFC 2033) */
  inMailbox: boolean
}

const DUE = `state = ${DeliveryState.delivered} AND reason = 'relayed' AND dsn_sent < ${DsnSent.final}`

/** Along index delivery_relayed_due, which holds nothing else. */
export async function listRelayed(sql: Sql, limit: number): Promise<RelayedDelivery[]> {
  return sql.query<RelayedDelivery>(
    `SELECT ${NOTICE_COLUMNS}, d.finished_at AS "finishedAt", coalesce(r.settings->>'protocol' = 'lmtp', false) AS "inMailbox"
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

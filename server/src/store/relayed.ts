/** Deliveries whose sender asked to hear of success and whom the next server does not tell (reason `relayed`). */
import { DeliveryState, DsnSent } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { NOTICE_COLUMNS, NOTICE_TABLES, type NoticedDelivery } from './bounces.ts'

export interface RelayedDelivery extends NoticedDelivery {
  finishedAt: Date
}

const DUE = `state = ${DeliveryState.delivered} AND reason = 'relayed' AND dsn_sent < ${DsnSent.final}`

/** Along index delivery_relayed_due, which holds nothing else. */
export async function listRelayed(sql: Sql, limit: number): Promise<RelayedDelivery[]> {
  return sql.query<RelayedDelivery>(
    `SELECT ${NOTICE_COLUMNS}, d.finished_at AS "finishedAt" FROM ${NOTICE_TABLES}
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

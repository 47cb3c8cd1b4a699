/** Open deliveries whose sender is to hear of the delay: who asked for it, and recipients whose domain's policy says so. */
import { DeliveryState, Direction, DsnSent, Notify } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { NOTICE_COLUMNS, NOTICE_TABLES, type NoticedDelivery } from './bounces.ts'

export interface DelayedDelivery extends NoticedDelivery {
  isProtected: boolean
  /** since when a notice is due */
  dueAt: Date
}

/** Of the person first, then of the group, the domain of the primary address, the organisation. */
const PROTECTED = `(d.person_id IS NOT NULL AND coalesce(
  (SELECT coalesce(p.scope_emergency, g.scope_emergency) FROM person p LEFT JOIN person_group g USING (organisation_id, group_id)
   WHERE p.organisation_id = d.organisation_id AND p.person_id = d.person_id),
  (SELECT x.scope_emergency FROM address a JOIN domain x USING (organisation_id, domain_id)
   WHERE a.organisation_id = d.organisation_id AND a.person_id = d.person_id AND a.is_primary), o.scope_emergency))`

const OPEN = `d.state < ${DeliveryState.delivered} AND d.dsn_sent = 0 AND m.envelope_from <> ''`

/**
 * Who asked (index delivery_delay_due), then whom a policy covers: mail from outside whose sender gave no NOTIFY, for
 * recipients without an emergency mailbox. The second looks at all open deliveries of organisations that have a policy.
 */
export async function listDelayed(sql: Sql, want: { afterSeconds: number; limit: number }): Promise<DelayedDelivery[]> {
  return sql.query<DelayedDelivery>(
    `(SELECT ${NOTICE_COLUMNS}, ${PROTECTED} AS "isProtected", d.accepted_at + make_interval(secs => $1) AS "dueAt"
      FROM ${NOTICE_TABLES}
      WHERE ${OPEN} AND (d.notify & ${Notify.delay}) <> 0 AND d.accepted_at <= now() - make_interval(secs => $1)
      ORDER BY d.accepted_at LIMIT $2)
     UNION ALL
     (SELECT ${NOTICE_COLUMNS}, false, d.accepted_at + make_interval(hours => dm.warn_after_hours)
      FROM ${NOTICE_TABLES} JOIN domain dm ON dm.organisation_id = d.organisation_id
        AND dm.name = lower(split_part(d.recipient, '@', -1)) AND dm.warn_after_hours IS NOT NULL
      WHERE ${OPEN} AND d.notify = 0 AND m.direction = ${Direction.inbound}
        AND d.accepted_at <= now() - make_interval(hours => dm.warn_after_hours) AND NOT ${PROTECTED}
      LIMIT $2)`,
    [want.afterSeconds, want.limit],
    'list-delayed',
  )
}

/** The sender was told, or is not to be told. */
export async function noteDelayed(sql: Sql, organisationId: Id, deliveryId: Id): Promise<void> {
  await sql.query(
    `UPDATE delivery SET dsn_sent = dsn_sent | ${DsnSent.delayed} WHERE organisation_id = $1 AND delivery_id = $2`,
    [organisationId, deliveryId],
  )
}

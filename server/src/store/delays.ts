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
 * Open mail of one recipient or of one organisation's recipients without a person that is due by their domain's policy. What
 * has a sender of its own is a list's: its author is not written to.
 */
const DUE_OF = (whose: string): string => `CROSS JOIN LATERAL (
  SELECT d.delivery_id, d.accepted_at + make_interval(hours => dm.warn_after_hours) AS due_at
  FROM delivery d JOIN message m USING (organisation_id, message_id) JOIN domain dm ON dm.organisation_id = d.organisation_id
    AND dm.name = lower(split_part(d.recipient, '@', -1)) AND dm.warn_after_hours IS NOT NULL
  WHERE d.organisation_id = w.organisation_id AND ${whose} AND ${OPEN} AND d.notify = 0 AND d.sender IS NULL AND m.direction = ${Direction.inbound}
    AND d.accepted_at <= now() - make_interval(hours => dm.warn_after_hours)
  LIMIT $2) AS due`

/**
 * Who asked (index delivery_delay_due), then whom a policy covers: mail from outside whose sender gave no NOTIFY, for
 * recipients without an emergency mailbox. Those recipients come first and their open mail is asked for one by one (LATERAL
 * … LIMIT, index delivery_open_person): in an outage a million deliveries may wait for people who have a mailbox, and to
 * ask of each whose it is takes minutes.
 */
export async function listDelayed(sql: Sql, want: { afterSeconds: number; limit: number }): Promise<DelayedDelivery[]> {
  return sql.query<DelayedDelivery>(
    `WITH policy AS MATERIALIZED (
       SELECT DISTINCT organisation_id FROM domain WHERE warn_after_hours IS NOT NULL
     ), others AS MATERIALIZED (
       SELECT p.organisation_id, p.person_id FROM policy JOIN organisation o USING (organisation_id) JOIN person p USING (organisation_id)
       LEFT JOIN person_group g ON g.organisation_id = p.organisation_id AND g.group_id = p.group_id
       LEFT JOIN address a ON a.organisation_id = p.organisation_id AND a.person_id = p.person_id AND a.is_primary
       LEFT JOIN domain x ON x.organisation_id = a.organisation_id AND x.domain_id = a.domain_id
       WHERE NOT coalesce(p.scope_emergency, g.scope_emergency, x.scope_emergency, o.scope_emergency)
     ), covered AS MATERIALIZED (
       SELECT * FROM (
         SELECT w.organisation_id, due.* FROM others w ${DUE_OF('d.person_id = w.person_id')}
         UNION ALL
         SELECT w.organisation_id, due.* FROM policy w ${DUE_OF('d.person_id IS NULL')}) AS all_due
       LIMIT $2
     )
     (SELECT ${NOTICE_COLUMNS}, ${PROTECTED} AS "isProtected", d.accepted_at + make_interval(secs => $1) AS "dueAt"
      FROM ${NOTICE_TABLES}
      WHERE ${OPEN} AND (d.notify & ${Notify.delay}) <> 0 AND d.accepted_at <= now() - make_interval(secs => $1)
      ORDER BY d.accepted_at LIMIT $2)
     UNION ALL
     (SELECT ${NOTICE_COLUMNS}, false, covered.due_at FROM ${NOTICE_TABLES}
      JOIN covered ON covered.organisation_id = d.organisation_id AND covered.delivery_id = d.delivery_id)`,
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

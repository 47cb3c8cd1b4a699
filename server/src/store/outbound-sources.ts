/** Which systems send for which organisation (organisation.outbound_sources), and what proves their passwords. */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface OutboundSourcesRow {
  organisationId: Id
  outboundRouteId: Id | null
  sources: unknown
  /** by the user name of the source */
  verifiers: Record<string, string>
  /** its own, A-labels */
  domains: string[]
}

/** Of the organisations that have any. */
export async function allOutboundSources(sql: Sql): Promise<OutboundSourcesRow[]> {
  return sql.query<OutboundSourcesRow>(
    `SELECT organisation_id AS "organisationId", outbound_route_id AS "outboundRouteId", outbound_sources AS sources, outbound_verifiers AS verifiers,
       ARRAY(SELECT name FROM domain d WHERE d.organisation_id = organisation.organisation_id) AS domains
     FROM organisation WHERE outbound_sources <> '[]' ORDER BY organisation_id`,
  )
}

/**
 * Addresses from which, among an organisation's latest messages, clients of many names came: a mail system has one or two,
 * a proxy that does not say for whom it connects has everybody's.
 */
export async function manyNamed(sql: Sql, organisationId: Id): Promise<{ clientIp: string; names: number }[]> {
  return sql.query(
    `SELECT client_ip AS "clientIp", count(DISTINCT lower(helo))::int AS names
     FROM (SELECT client_ip, helo FROM message WHERE organisation_id = $1 AND client_ip IS NOT NULL
           ORDER BY message_id DESC LIMIT 5000) latest
     GROUP BY client_ip HAVING count(DISTINCT lower(helo)) >= 10 ORDER BY names DESC LIMIT 20`,
    [organisationId],
  )
}

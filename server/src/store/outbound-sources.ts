/** Which systems send for which organisation (organisation.outbound_sources). */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface OutboundSourcesRow {
  organisationId: Id
  outboundRouteId: Id | null
  sources: unknown
}

/** Of the organisations that have any. */
export async function allOutboundSources(sql: Sql): Promise<OutboundSourcesRow[]> {
  return sql.query<OutboundSourcesRow>(
    `SELECT organisation_id AS "organisationId", outbound_route_id AS "outboundRouteId", outbound_sources AS sources
     FROM organisation WHERE outbound_sources <> '[]' ORDER BY organisation_id`,
  )
}

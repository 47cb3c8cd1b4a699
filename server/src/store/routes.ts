/** The table of routes, as delivery, probes and the judge need it, and what probes find out about them. */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface RouteRow {
  organisationId: Id
  routeId: Id
  name: string
  kind: number
  settings: unknown
  secretSealed: Buffer | null
  clientTlsSealed: Buffer | null
  /** passwords of the probes in settings.reach */
  reachSealed: Buffer | null
  wayBack: number
  /** what its hosts offered, core/directory/route-offer.ts */
  lastEhlo: unknown
  /** a domain of the route (first one whose recipients are learned), for the probe's recipients; null: none points here */
  domain: string | null
  /** of the domains that use it: what each says about switching, different ones once */
  domainSwitching: unknown[]
}

/** The domains are gone through once: asked for by each route, thousands of both would take seconds. */
export async function allRoutes(sql: Sql): Promise<RouteRow[]> {
  return sql.query<RouteRow>(
    `SELECT r.organisation_id AS "organisationId", r.route_id AS "routeId", r.name, r.kind, r.settings,
       r.secret_sealed AS "secretSealed", r.client_tls_sealed AS "clientTlsSealed", r.reach_sealed AS "reachSealed", r.way_back AS "wayBack", r.last_ehlo AS "lastEhlo", d.name AS domain,
       coalesce(s.said, '[]') AS "domainSwitching"
     FROM route r LEFT JOIN (
       SELECT DISTINCT ON (organisation_id, route_id) organisation_id, route_id, name FROM domain
       WHERE route_id IS NOT NULL ORDER BY organisation_id, route_id, recipients_complete, name) d USING (organisation_id, route_id)
     LEFT JOIN (
       SELECT organisation_id, route_id, jsonb_agg(DISTINCT coalesce(switching, '{}')) AS said FROM (
         SELECT organisation_id, route_id, switching FROM domain WHERE route_id IS NOT NULL
         UNION ALL SELECT organisation_id, other_route_id, switching FROM domain WHERE other_route_id IS NOT NULL) used
       GROUP BY organisation_id, route_id) s USING (organisation_id, route_id)`,
  )
}

/** Notes what hosts of the route offered; what is known of its other hosts stays. */
export async function writeOffers(sql: Sql, organisationId: Id, routeId: Id, offers: object): Promise<void> {
  await sql.query(
    `UPDATE route SET last_ehlo = coalesce(last_ehlo, '{}') || $3::jsonb WHERE organisation_id = $1 AND route_id = $2`,
    [organisationId, routeId, JSON.stringify(offers)],
  )
}

/** Notes whether the route takes mail for anybody; `before` is what was known until now (null: nothing). */
export async function writeAcceptsAll(
  sql: Sql,
  organisationId: Id,
  routeId: Id,
  acceptsAll: boolean,
): Promise<{ before: boolean | null }> {
  const rows = await sql.query<{ before: boolean | null }>(
    `WITH old AS (SELECT accepts_all FROM route WHERE organisation_id = $1 AND route_id = $2 FOR UPDATE)
     UPDATE route r SET accepts_all = $3, accepts_all_at = now(),
       accepts_all_since = CASE WHEN old.accepts_all = $3 THEN accepts_all_since ELSE now() END
     FROM old WHERE organisation_id = $1 AND route_id = $2 RETURNING old.accepts_all AS before`,
    [organisationId, routeId, acceptsAll],
  )
  return rows[0] ?? { before: acceptsAll }
}

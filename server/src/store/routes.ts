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
  wayBack: number
  /** a domain of the route (first one whose recipients are learned), for the probe's recipients; null: none points here */
  domain: string | null
}

export async function allRoutes(sql: Sql): Promise<RouteRow[]> {
  return sql.query<RouteRow>(
    `SELECT r.organisation_id AS "organisationId", r.route_id AS "routeId", r.name, r.kind, r.settings,
       r.secret_sealed AS "secretSealed", r.way_back AS "wayBack",
       (SELECT d.name FROM domain d WHERE d.organisation_id = r.organisation_id AND d.route_id = r.route_id
        ORDER BY d.recipients_complete, d.name LIMIT 1) AS domain
     FROM route r`,
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

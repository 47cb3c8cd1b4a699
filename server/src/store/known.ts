/** What is known of addresses without a directory (known_recipient), for an admin to look through and to forget. */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface KnownAddress {
  address: string
  known: boolean
  /** codes.ts KnownSource */
  source: number
  route: string | null
  firstSeenAt: Date
  seenAt: Date
}

export interface KnownPage {
  /** folded */
  domain: string | null
  /** the last address of the page before; '' for the first */
  after: string
  limit: number
  /** only addresses that hold this text, folded */
  q?: string
}

/** By address. */
export function readKnown(
  sql: Sql,
  organisationId: Id,
  { domain, after, limit, q }: KnownPage,
): Promise<KnownAddress[]> {
  return sql.query<KnownAddress>(
    `SELECT address, known, source, r.name AS route, first_seen_at AS "firstSeenAt", seen_at AS "seenAt"
     FROM known_recipient k LEFT JOIN route r USING (organisation_id, route_id)
     WHERE organisation_id = $1 AND address > $2 AND ($3::text IS NULL OR split_part(address, '@', -1) = $3)
       AND ($5::text IS NULL OR address LIKE $5)
     ORDER BY address LIMIT $4`,
    [organisationId, after, domain, limit, q === undefined ? null : `%${q.replace(/[\\%_]/g, '\\$&')}%`],
  )
}

export interface KnownDomain {
  domain: string
  /** addresses that are there, and such that were refused */
  known: number
  refused: number
}

/** The domains of which something is known, the one with most addresses first. */
export function readKnownDomains(sql: Sql, organisationId: Id): Promise<KnownDomain[]> {
  return sql.query<KnownDomain>(
    `SELECT split_part(address, '@', -1) AS domain, count(*) FILTER (WHERE known)::int AS known,
       count(*) FILTER (WHERE NOT known)::int AS refused
     FROM known_recipient WHERE organisation_id = $1 GROUP BY 1 ORDER BY count(*) DESC, 1`,
    [organisationId],
  )
}

/** How many were forgotten. */
export async function deleteKnown(
  sql: Sql,
  organisationId: Id,
  what: { address: string } | { domain: string },
): Promise<number> {
  const [column, value] = 'address' in what ? ['address', what.address] : [`split_part(address, '@', -1)`, what.domain]
  const rows = await sql.query<{ n: number }>(
    `WITH gone AS (DELETE FROM known_recipient WHERE organisation_id = $1 AND ${column} = $2 RETURNING 1)
     SELECT count(*)::int AS n FROM gone`,
    [organisationId, value],
  )
  return rows[0]!.n
}

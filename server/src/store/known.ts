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

/** By address; `after`: the last one of the page before. */
export function readKnown(
  sql: Sql,
  organisationId: Id,
  { domain, after, limit }: { domain: string | null; after: string; limit: number },
): Promise<KnownAddress[]> {
  return sql.query<KnownAddress>(
    `SELECT address, known, source, r.name AS route, first_seen_at AS "firstSeenAt", seen_at AS "seenAt"
     FROM known_recipient k LEFT JOIN route r USING (organisation_id, route_id)
     WHERE organisation_id = $1 AND address > $2 AND ($3::text IS NULL OR split_part(address, '@', -1) = $3)
     ORDER BY address LIMIT $4`,
    [organisationId, after, domain, limit],
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

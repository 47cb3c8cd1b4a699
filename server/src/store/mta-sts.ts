/** MTA-STS (RFC 8461): policies of our own domains (domain.mta_sts), and table mta_sts_policy: policies of other domains, kept as long as they say (RFC 8461 section 5.1). */
import type { Sql } from '../platform/db/database.ts'

export interface PolicyRow {
  domain: string
  id: string
  mode: string
  mx: string[]
  maxAge: number
  /** milliseconds since the epoch */
  expiresAt: number
}

/** What is served for a domain of ours; `domain` in A-labels, lower case. */
export async function ownPolicy(
  sql: Sql,
  domain: string,
): Promise<(Pick<PolicyRow, 'mx' | 'maxAge'> & { mode: 'enforce' | 'testing' | 'none' }) | null> {
  const [row] = await sql.query<{
    policy: { mode: 'enforce' | 'testing' | 'none'; mx: string[]; maxAge: number } | null
  }>('SELECT mta_sts AS policy FROM domain WHERE name = $1', [domain], 'mta-sts-own')
  return row?.policy ?? null
}

export async function readPolicy(sql: Sql, domain: string): Promise<PolicyRow | null> {
  const [row] = await sql.query<Omit<PolicyRow, 'expiresAt'> & { expiresAt: Date }>(
    `SELECT domain, policy_id AS id, mode, mx, max_age AS "maxAge", expires_at AS "expiresAt" FROM mta_sts_policy
     WHERE domain = $1`,
    [domain],
    'mta-sts-read',
  )
  return row ? { ...row, expiresAt: row.expiresAt.getTime() } : null
}

export async function writePolicy(sql: Sql, row: PolicyRow): Promise<void> {
  await sql.query(
    `INSERT INTO mta_sts_policy (domain, policy_id, mode, mx, max_age, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (domain) DO UPDATE SET policy_id = excluded.policy_id, mode = excluded.mode, mx = excluded.mx,
       max_age = excluded.max_age, expires_at = excluded.expires_at`,
    [row.domain, row.id, row.mode, row.mx, row.maxAge, new Date(row.expiresAt)],
  )
}

/** At most `limit` that have ended; how many went. */
export async function sweepPolicies(sql: Sql, limit: number): Promise<number> {
  const rows = await sql.query(
    `DELETE FROM mta_sts_policy WHERE domain = ANY (ARRAY(
       SELECT domain FROM mta_sts_policy WHERE expires_at < now() LIMIT $1)) RETURNING 1`,
    [limit],
  )
  return rows.length
}

/** Of all domains of ours that have one. */
export const ownPolicies = (
  sql: Sql,
): Promise<{ domain: string; policy: { mode: 'enforce' | 'testing' | 'none'; mx: string[]; maxAge: number } }[]> =>
  sql.query(
    'SELECT name AS domain, mta_sts AS policy FROM domain WHERE mta_sts IS NOT NULL ORDER BY name',
    [],
    'mta-sts-own-all',
  )

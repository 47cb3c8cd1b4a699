/** Tables tls_result and tls_report: what TLS towards other domains was like, and the reports about it (RFC 8460). */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface TlsResultRow {
  /** 2026-11-27, UTC */
  day: string
  domain: string
  policyKey: string
  result: string
  sendingIp: string
  mxHost: string
  receivingIp: string
  sessions: number
  policy: unknown
  reason: string
}

export interface ClaimedReport {
  day: string
  domain: string
  reportId: Id
  attempts: number
}

/** Adds the counts to those of the day. */
export async function addTlsResults(sql: Sql, rows: readonly TlsResultRow[]): Promise<void> {
  await sql.query(
    `INSERT INTO tls_result (day, domain, policy_key, result, sending_ip, mx_host, receiving_ip, sessions, policy, reason)
     SELECT day, domain, "policyKey", result, "sendingIp", "mxHost", "receivingIp", sessions, policy, reason
     FROM jsonb_to_recordset($1::jsonb) AS r (day date, domain text, "policyKey" text, result text, "sendingIp" text,
       "mxHost" text, "receivingIp" text, sessions bigint, policy jsonb, reason text)
     ON CONFLICT (day, domain, policy_key, result, sending_ip, mx_host, receiving_ip)
     DO UPDATE SET sessions = tls_result.sessions + excluded.sessions`,
    [JSON.stringify(rows)],
  )
}

/** A report for each domain of days that ended `afterSeconds` ago, due within the next `spreadSeconds`; those that are there stay. */
export async function openTlsReports(
  sql: Sql,
  { afterSeconds, spreadSeconds }: { afterSeconds: number; spreadSeconds: number },
): Promise<void> {
  await sql.query(
    `INSERT INTO tls_report (day, domain, report_id, state, due_at)
     SELECT day, domain, gen_random_uuid(), 'open', now() + random() * make_interval(secs => $2)
     FROM (SELECT DISTINCT day, domain FROM tls_result
           WHERE day < ((now() - make_interval(secs => $1)) AT TIME ZONE 'UTC')::date) AS ended
     ON CONFLICT (day, domain) DO NOTHING`,
    [afterSeconds, spreadSeconds],
  )
}

/** Some that are due; nobody else gets them for `leaseSeconds`. */
export async function claimTlsReports(sql: Sql, limit: number, leaseSeconds: number): Promise<ClaimedReport[]> {
  return sql.query<ClaimedReport>(
    `UPDATE tls_report SET due_at = now() + make_interval(secs => $2), attempts = attempts + 1
     WHERE (day, domain) IN (SELECT day, domain FROM tls_report WHERE state = 'open' AND due_at <= now()
       ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
     RETURNING day::text AS day, domain, report_id AS "reportId", attempts`,
    [limit, leaseSeconds],
  )
}

export async function tlsResultsOf(sql: Sql, day: string, domain: string, limit: number): Promise<TlsResultRow[]> {
  const rows = await sql.query<Omit<TlsResultRow, 'sessions'> & { sessions: string }>(
    `SELECT day::text AS day, domain, policy_key AS "policyKey", result, sending_ip AS "sendingIp", mx_host AS "mxHost",
       receiving_ip AS "receivingIp", sessions, policy, reason
     FROM tls_result WHERE day = $1 AND domain = $2 ORDER BY sessions DESC LIMIT $3`,
    [day, domain, limit],
  )
  return rows.map((row) => ({ ...row, sessions: Number(row.sessions) }))
}

/** It is over; its counts go with it. */
export async function endTlsReport(
  sql: Sql,
  { day, domain, state, told }: { day: string; domain: string; state: 'sent' | 'unwanted' | 'given-up'; told: string },
): Promise<void> {
  await sql.query(
    `WITH ended AS (UPDATE tls_report SET state = $3, told = $4 WHERE day = $1 AND domain = $2)
     DELETE FROM tls_result WHERE day = $1 AND domain = $2`,
    [day, domain, state, told],
  )
}

export async function delayTlsReport(
  sql: Sql,
  { day, domain, seconds, told }: { day: string; domain: string; seconds: number; told: string },
): Promise<void> {
  await sql.query(
    `UPDATE tls_report SET due_at = now() + make_interval(secs => $3), told = $4 WHERE day = $1 AND domain = $2`,
    [day, domain, seconds, told],
  )
}

/** What is older than so many days, reported or not. */
export async function sweepTlsReports(sql: Sql, days: number): Promise<void> {
  for (const table of ['tls_result', 'tls_report'])
    await sql.query(`DELETE FROM ${table} WHERE day < (now() AT TIME ZONE 'UTC')::date - $1::int`, [days])
}

/** The key of the first of these domains that has one: the host's own, else that of the domain it is in. */
export async function signingKeyOfHost(
  sql: Sql,
  domains: readonly string[],
): Promise<{ domainId: Id; domain: string; selector: string; privateSealed: Buffer } | null> {
  const [row] = await sql.query<{ domainId: Id; domain: string; selector: string; privateSealed: Buffer }>(
    `SELECT domain_id AS "domainId", name AS domain, dkim_selector AS selector, dkim_private_sealed AS "privateSealed"
     FROM domain WHERE name = ANY ($1::text[]) AND dkim_selector IS NOT NULL AND dkim_private_sealed IS NOT NULL
     ORDER BY length(name) DESC LIMIT 1`,
    [domains],
  )
  return row ?? null
}

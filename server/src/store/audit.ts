/**
 * Tables audit and audit_head. Appending is one statement: it locks the organisation's head row and nothing else, works
 * alone or inside the caller's transaction (then the lock lasts to its end), and takes its time from the database at
 * millisecond precision, so that a hash survives export and import. The hashed bytes: core/audit/canonical.ts.
 */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface AuditRow {
  seq: number
  at: Date
  actor: string
  action: string
  subject: string
  detail: unknown
  hash: Buffer
}

export interface NewAuditRow {
  organisationId: Id
  actor: string
  action: string
  subject: string
  /** canonical JSON of the detail alone */
  detailJson: string
  /** what is hashed behind seq and time */
  canonical: Buffer
}

const APPEND = `
WITH moment AS (
  SELECT at, int8send((extract(epoch FROM at) * 1000)::bigint) AS ms
  FROM (SELECT date_trunc('milliseconds', clock_timestamp()) AS at) t
), head AS (
  INSERT INTO audit_head (organisation_id, seq, hash)
  SELECT $1::uuid, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1) || ms || $6::bytea) FROM moment
  ON CONFLICT (organisation_id) DO UPDATE
    SET seq = audit_head.seq + 1,
        hash = sha256(audit_head.hash || int8send(audit_head.seq + 1) || (SELECT ms FROM moment) || $6::bytea)
  RETURNING seq, hash
)
INSERT INTO audit (organisation_id, seq, at, actor, action, subject, detail, hash)
SELECT $1::uuid, head.seq, moment.at, $2, $3, $4, $5::jsonb, head.hash FROM head, moment
RETURNING seq`

export async function insertAudit(sql: Sql, row: NewAuditRow): Promise<number> {
  const rows = await sql.query<{ seq: number }>(
    APPEND,
    [row.organisationId, row.actor, row.action, row.subject, row.detailJson, row.canonical],
    'audit-append',
  )
  return rows[0]!.seq
}

export async function auditHead(sql: Sql, organisationId: Id): Promise<{ seq: number; hash: Buffer } | null> {
  const rows = await sql.query<{ seq: number; hash: Buffer }>(
    'SELECT seq, hash FROM audit_head WHERE organisation_id = $1',
    [organisationId],
  )
  return rows[0] ?? null
}

export function auditAfter(sql: Sql, organisationId: Id, after: number, limit: number): Promise<AuditRow[]> {
  return sql.query<AuditRow>(
    'SELECT seq, at, actor, action, subject, detail, hash FROM audit WHERE organisation_id = $1 AND seq > $2 ORDER BY seq LIMIT $3',
    [organisationId, after, limit],
  )
}

/** Newest first, for pages: rows before `before` (null = from the newest). */
export function auditBefore(sql: Sql, organisationId: Id, before: number | null, limit: number): Promise<AuditRow[]> {
  return sql.query<AuditRow>(
    `SELECT seq, at, actor, action, subject, detail, hash FROM audit
     WHERE organisation_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3`,
    [organisationId, before ?? Number.MAX_SAFE_INTEGER, limit],
  )
}

/** Every chain there is: organisations and the installation's own. */
export async function auditChains(sql: Sql): Promise<Id[]> {
  const rows = await sql.query<{ organisationId: Id }>(
    'SELECT organisation_id AS "organisationId" FROM audit_head UNION SELECT DISTINCT organisation_id FROM audit ORDER BY 1',
  )
  return rows.map((row) => row.organisationId)
}

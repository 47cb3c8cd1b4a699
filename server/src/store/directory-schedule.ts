/**
 * When lists of directory sources are fetched by the clock, and by which process: columns of table directory_source. A lease
 * that is not renewed ends, so a process that is gone keeps nobody from fetching; all times are the database's.
 */
import { DirectoryRunState, PersonSource } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface ClaimedSource {
  organisationId: Id
  sourceId: Id
  name: string
  kind: number
  settings: unknown
  secret: Buffer | null
  leaseId: Id
  failures: number
}

/** One that is due and that nobody fetches at present; nobody else gets it while the lease is renewed. */
export async function claimSource(sql: Sql, leaseId: Id, leaseSeconds: number): Promise<ClaimedSource | null> {
  const rows = await sql.query<ClaimedSource>(
    `UPDATE directory_source SET lease_id = $1, leased_until = now() + make_interval(secs => $2)
     WHERE (organisation_id, source_id) IN (SELECT organisation_id, source_id FROM directory_source
       WHERE due_at <= now() AND (leased_until IS NULL OR leased_until <= now())
       ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
     RETURNING organisation_id AS "organisationId", source_id AS "sourceId", name, kind, settings, secret_sealed AS secret,
       lease_id AS "leaseId", failures`,
    [leaseId, leaseSeconds],
  )
  return rows[0] ?? null
}

/** False: it is somebody else's by now. */
export async function renewSource(
  sql: Sql,
  { organisationId, sourceId, leaseId }: ClaimedSource,
  leaseSeconds: number,
): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE directory_source SET leased_until = now() + make_interval(secs => $4)
     WHERE organisation_id = $1 AND source_id = $2 AND lease_id = $3 RETURNING 1`,
    [organisationId, sourceId, leaseId, leaseSeconds],
  )
  return rows.length > 0
}

/** Given back; the next time is so many minutes from now, unless its schedule was taken away meanwhile. */
export async function giveBackSource(
  sql: Sql,
  { organisationId, sourceId, leaseId }: ClaimedSource,
  minutes: number,
): Promise<void> {
  await sql.query(
    `UPDATE directory_source SET lease_id = NULL, leased_until = NULL,
       due_at = CASE WHEN due_at IS NOT NULL THEN now() + make_interval(mins => $4) END
     WHERE organisation_id = $1 AND source_id = $2 AND lease_id = $3`,
    [organisationId, sourceId, leaseId, minutes],
  )
}

interface OfSource {
  organisationId: Id
  sourceId: Id
}

/** A whole list came; `digest`: of what it would change. */
export async function noteListed(sql: Sql, { organisationId, sourceId }: OfSource, digest: string): Promise<void> {
  await sql.query(
    `UPDATE directory_source SET listed_at = now(), listed_digest = $3, failures = 0, failed_at = NULL, failed_why = NULL
     WHERE organisation_id = $1 AND source_id = $2`,
    [organisationId, sourceId, digest],
  )
}

export async function noteNotListed(sql: Sql, { organisationId, sourceId }: OfSource, why: string): Promise<void> {
  await sql.query(
    `UPDATE directory_source SET failures = failures + 1, failed_at = now(), failed_why = $3
     WHERE organisation_id = $1 AND source_id = $2`,
    [organisationId, sourceId, why],
  )
}

/** How a source stands. */
export interface SourceStanding {
  organisationId: Id
  id: Id
  name: string
  kind: number
  settings: unknown
  dueAt: Date | null
  listedAt: Date | null
  failures: number
  failedAt: Date | null
  failedWhy: string | null
  /** a run that waits for a yes or no */
  waitingRunId: Id | null
  waitingWhy: string | null
  /** somebody has said no to the very plan that the last list still comes to */
  isRefused: boolean
  /** since the last whole list, or since it is fetched by the clock where none came yet */
  silentSeconds: number | null
}

const WAITING = `(${DirectoryRunState.staged}, ${DirectoryRunState.asks})`

/** Of one organisation, or of all whose lists come by themselves: fetched by the clock, or written by a SCIM client. */
export const sourceStandings = (sql: Sql, organisationId: Id | null): Promise<SourceStanding[]> =>
  sql.query<SourceStanding>(
    `SELECT s.organisation_id AS "organisationId", s.source_id AS id, s.name, s.kind, s.settings, s.due_at AS "dueAt",
       s.listed_at AS "listedAt", s.failures, s.failed_at AS "failedAt", s.failed_why AS "failedWhy",
       w.run_id AS "waitingRunId", w.why AS "waitingWhy",
       coalesce(d.state = ${DirectoryRunState.refused} AND d.digest = s.listed_digest, false) AS "isRefused",
       extract(epoch FROM now() - greatest(s.listed_at, s.scheduled_at))::float8 AS "silentSeconds"
     FROM directory_source s
     LEFT JOIN LATERAL (SELECT run_id, why FROM directory_run r WHERE r.organisation_id = s.organisation_id
       AND r.source_id = s.source_id AND r.state IN ${WAITING} ORDER BY run_id DESC LIMIT 1) w ON true
     LEFT JOIN LATERAL (SELECT state, digest FROM directory_run r WHERE r.organisation_id = s.organisation_id
       AND r.source_id = s.source_id AND r.decided_by IS NOT NULL ORDER BY run_id DESC LIMIT 1) d ON true
     WHERE CASE WHEN $1::uuid IS NULL THEN s.due_at IS NOT NULL OR s.kind = ${PersonSource.scim} ELSE s.organisation_id = $1 END
     ORDER BY s.organisation_id, s.name`,
    [organisationId],
  )

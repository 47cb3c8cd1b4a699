/** The reports of directory runs, and the list that waits with one until somebody has decided. */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { DirectoryRunState } from '../platform/codes.ts'

export interface RunRow {
  id: Id
  sourceId: Id
  source: string
  state: number
  startedBy: string
  startedAt: Date
  decidedBy: string | null
  decidedAt: Date | null
  digest: string
  counts: unknown
  items: unknown
  problems: unknown
  why: string
}
export type NewRun = Omit<RunRow, 'source'> & { listPacked: Buffer | null }

/** So many reports of each source are kept. */
const KEPT_RUNS = 200
const WAITING = `(${DirectoryRunState.staged}, ${DirectoryRunState.asks})`

const BRIEF = `r.run_id AS id, r.source_id AS "sourceId", s.name AS source, r.state, r.started_by AS "startedBy", r.started_at AS "startedAt",
  r.decided_by AS "decidedBy", r.decided_at AS "decidedAt", r.digest, r.counts, r.why`
const FROM = 'FROM directory_run r JOIN directory_source s USING (organisation_id, source_id)'

/** Applied once: what it says now is no first list any more. */
export async function hasApplied(sql: Sql, organisationId: Id, sourceId: Id): Promise<boolean> {
  const rows = await sql.query('SELECT FROM person_source WHERE organisation_id = $1 AND source_id = $2 LIMIT 1', [
    organisationId,
    sourceId,
  ])
  return rows.length > 0
}

/** What somebody is asked about now, or, where nobody is, what they have said no to last unless they said yes to another since. */
export async function lastAsked(
  sql: Sql,
  organisationId: Id,
  sourceId: Id,
): Promise<{ id: Id; digest: string } | null> {
  const rows = await sql.query<{ id: Id; digest: string; state: number }>(
    `SELECT run_id AS id, digest, state FROM directory_run WHERE organisation_id = $1 AND source_id = $2
       AND (state IN ${WAITING} OR decided_by IS NOT NULL) ORDER BY state IN ${WAITING} DESC, run_id DESC LIMIT 1`,
    [organisationId, sourceId],
  )
  return rows[0]?.state === DirectoryRunState.applied ? null : (rows[0] ?? null)
}

/** Waiting ones of the same source that a newer list makes void. */
export async function supersede(
  sql: Sql,
  organisationId: Id,
  sourceId: Id,
  by: { at: Date; why: string },
): Promise<void> {
  await sql.query(
    `UPDATE directory_run SET state = ${DirectoryRunState.refused}, decided_at = $3, why = $4, list_packed = NULL
     WHERE organisation_id = $1 AND source_id = $2 AND state IN ${WAITING}`,
    [organisationId, sourceId, by.at, by.why],
  )
}

export async function insertRun(sql: Sql, organisationId: Id, run: NewRun): Promise<void> {
  await sql.query(
    `INSERT INTO directory_run (organisation_id, run_id, source_id, state, started_by, started_at, decided_by, decided_at,
       digest, counts, items, problems, why, list_packed)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
    [
      organisationId,
      run.id,
      run.sourceId,
      run.state,
      run.startedBy,
      run.startedAt,
      run.decidedBy,
      run.decidedAt,
      run.digest,
      JSON.stringify(run.counts),
      JSON.stringify(run.items),
      JSON.stringify(run.problems),
      run.why,
      run.listPacked,
    ],
  )
  // What was done within a day is counted by them: however many there are, none of those goes.
  await sql.query(
    `DELETE FROM directory_run WHERE organisation_id = $1 AND source_id = $2 AND state NOT IN ${WAITING}
       AND NOT (state = ${DirectoryRunState.applied} AND decided_at > $4::timestamptz - interval '1 day') AND run_id IN (
       SELECT run_id FROM directory_run WHERE organisation_id = $1 AND source_id = $2 ORDER BY run_id DESC OFFSET $3)`,
    [organisationId, run.sourceId, KEPT_RUNS, run.startedAt],
  )
}

/** What somebody carried out since then, all runs together. */
export async function doneSince(
  sql: Sql,
  organisationId: Id,
  sourceId: Id,
  { by, since }: { by: string; since: Date },
): Promise<{ creations: number; changes: number; removals: number }> {
  const [row] = await sql.query<{ creations: number; changes: number; removals: number }>(
    `SELECT coalesce(sum((counts->>'creations')::int), 0)::int AS creations, coalesce(sum((counts->>'changes')::int), 0)::int AS changes,
       coalesce(sum((counts->>'removals')::int), 0)::int AS removals
     FROM directory_run WHERE organisation_id = $1 AND source_id = $2 AND state = ${DirectoryRunState.applied}
       AND decided_by = $3 AND decided_at > $4`,
    [organisationId, sourceId, by, since],
  )
  return row!
}

export async function newestRun(sql: Sql, organisationId: Id, sourceId: Id): Promise<RunRow | null> {
  const rows = await sql.query<RunRow>(
    `SELECT ${BRIEF}, r.items, r.problems ${FROM} WHERE r.organisation_id = $1 AND r.source_id = $2 ORDER BY r.run_id DESC LIMIT 1`,
    [organisationId, sourceId],
  )
  return rows[0] ?? null
}

/** Of one that waits: the same plan by a newer list. */
export async function renewList(sql: Sql, organisationId: Id, runId: Id, listPacked: Buffer): Promise<void> {
  await sql.query('UPDATE directory_run SET list_packed = $3 WHERE organisation_id = $1 AND run_id = $2', [
    organisationId,
    runId,
    listPacked,
  ])
}

/** The newest first, without their items. */
export const runsPage = (
  sql: Sql,
  organisationId: Id,
  page: { before: Id; limit: number },
): Promise<Omit<RunRow, 'items' | 'problems'>[]> =>
  sql.query(`SELECT ${BRIEF} ${FROM} WHERE r.organisation_id = $1 AND r.run_id < $2 ORDER BY r.run_id DESC LIMIT $3`, [
    organisationId,
    page.before,
    page.limit,
  ])

export async function readRun(sql: Sql, organisationId: Id, runId: Id): Promise<RunRow | null> {
  const rows = await sql.query<RunRow>(
    `SELECT ${BRIEF}, r.items, r.problems ${FROM} WHERE r.organisation_id = $1 AND r.run_id = $2`,
    [organisationId, runId],
  )
  return rows[0] ?? null
}

/** A run that waits, with its list, held until the transaction's end. */
export async function lockWaitingRun(
  sql: Sql,
  organisationId: Id,
  runId: Id,
): Promise<{ listPacked: Buffer | null; state: number } | null> {
  const rows = await sql.query<{ listPacked: Buffer | null; state: number }>(
    'SELECT list_packed AS "listPacked", state FROM directory_run WHERE organisation_id = $1 AND run_id = $2 FOR UPDATE',
    [organisationId, runId],
  )
  return rows[0] ?? null
}

export async function decideRun(
  sql: Sql,
  organisationId: Id,
  runId: Id,
  as: { state: DirectoryRunState; by: string; at: Date; why: string },
): Promise<void> {
  await sql.query(
    `UPDATE directory_run SET state = $3, decided_by = $4, decided_at = $5, why = $6, list_packed = NULL
     WHERE organisation_id = $1 AND run_id = $2`,
    [organisationId, runId, as.state, as.by, as.at, as.why],
  )
}

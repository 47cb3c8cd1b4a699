/**
 * Table route_mode. One setter (writeMode) with a version check: two processes that step from the same
 * version cannot both win. A switch is one row here; what it means for deliveries is read at each attempt, never stored
 * in their states (markHeld only says that they belong to the return).
 */
import { DeliveryState, Mode, RouteKind, routeFaults } from '../platform/codes.ts'
import { textArray, uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface ModeRecord {
  organisationId: Id
  routeId: Id
  kind: number
  mode: number
  since: Date
  version: number
  cause: string
  detail: string | null
  pin: number | null
  pinReason: string | null
  pinAuthor: string | null
  pinUntil: Date | null
  memory: unknown
  judge: Id | null
  returnEventId: Id | null
}

const COLUMNS = `m.organisation_id AS "organisationId", m.route_id AS "routeId", r.kind, m.mode, m.since, m.version, m.cause,
  m.detail, m.pin, m.pin_reason AS "pinReason", m.pin_author AS "pinAuthor", m.pin_until AS "pinUntil", m.memory,
  CASE WHEN m.judge_until > now() THEN m.judge END AS judge, m.return_event_id AS "returnEventId"`

export async function allModes(sql: Sql): Promise<ModeRecord[]> {
  return sql.query<ModeRecord>(
    `SELECT ${COLUMNS} FROM route_mode m JOIN route r USING (organisation_id, route_id)`,
    [],
    'modes-all',
  )
}

export async function readMode(
  sql: Sql,
  organisationId: Id,
  routeId: Id,
): Promise<(ModeRecord & { now: Date }) | null> {
  const rows = await sql.query<ModeRecord & { now: Date }>(
    `SELECT ${COLUMNS}, clock_timestamp() AS now FROM route_mode m JOIN route r USING (organisation_id, route_id)
     WHERE m.organisation_id = $1 AND m.route_id = $2`,
    [organisationId, routeId],
  )
  return rows[0] ?? null
}

/** Every route has a row; a new one starts as normal. */
export async function ensureModes(sql: Sql): Promise<{ routeId: Id }[]> {
  return sql.query(
    `INSERT INTO route_mode (organisation_id, route_id, mode, cause)
     SELECT r.organisation_id, r.route_id, ${Mode.normal}, 'first-seen' FROM route r
     WHERE NOT EXISTS (SELECT FROM route_mode m WHERE m.organisation_id = r.organisation_id AND m.route_id = r.route_id)
     ON CONFLICT DO NOTHING RETURNING route_id AS "routeId"`,
    [],
    'modes-ensure',
  )
}

/**
 * Takes the judge's lease of primary routes nobody holds, and renews ours when half of it is over. Rows that another
 * process is just taking are left to it.
 */
export async function claimJudgement(sql: Sql, nodeId: Id, leaseSeconds: number): Promise<void> {
  await sql.query(
    `UPDATE route_mode SET judge = $1, judge_until = now() + make_interval(secs => $2)
     WHERE (organisation_id, route_id) IN (
       SELECT m.organisation_id, m.route_id FROM route_mode m JOIN route r USING (organisation_id, route_id)
       WHERE r.kind = ${RouteKind.primary}
         AND (m.judge_until < now() OR (m.judge = $1 AND m.judge_until < now() + make_interval(secs => $2 / 2.0)))
       FOR UPDATE OF m SKIP LOCKED)`,
    [nodeId, leaseSeconds],
    'judge-claim',
  )
}

/** Gives our leases up (a planned stop), so that another process judges at once. */
export async function releaseJudgement(sql: Sql, nodeId: Id): Promise<void> {
  await sql.query(`UPDATE route_mode SET judge = NULL, judge_until = '-infinity' WHERE judge = $1`, [nodeId])
}

/** The routes this node judges now, with the database's time, the only clock of the machine. */
export async function judgedBy(sql: Sql, nodeId: Id): Promise<(ModeRecord & { now: Date })[]> {
  return sql.query(
    `SELECT ${COLUMNS}, clock_timestamp() AS now FROM route_mode m JOIN route r USING (organisation_id, route_id)
     WHERE m.judge = $1 AND m.judge_until > now() AND r.kind = ${RouteKind.primary}`,
    [nodeId],
    'judge-mine',
  )
}

export interface ModeWrite {
  organisationId: Id
  routeId: Id
  /** the version stepped from */
  version: number
  mode: number
  /** false: `since` stays */
  entered: boolean
  cause: string
  detail: string
  pin: number | null
  pinReason: string | null
  pinAuthor: string | null
  pinUntil: Date | null
  memory: object
  returnEventId: Id | null
}

/** The one setter. False: somebody else changed the row meanwhile, nothing was written. */
export async function writeMode(sql: Sql, write: ModeWrite): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE route_mode SET mode = $4, since = CASE WHEN $5 THEN now() ELSE since END, version = version + 1, cause = $6,
       detail = $7, pin = $8, pin_reason = $9, pin_author = $10, pin_until = $11, memory = $12, return_event_id = $13
     WHERE organisation_id = $1 AND route_id = $2 AND version = $3 RETURNING 1`,
    [
      write.organisationId,
      write.routeId,
      write.version,
      write.mode,
      write.entered,
      write.cause,
      write.detail.slice(0, 500),
      write.pin,
      write.pinReason,
      write.pinAuthor,
      write.pinUntil,
      JSON.stringify(write.memory),
      write.returnEventId,
    ],
    'mode-write',
  )
  return rows.length === 1
}

/** Only the machine's memory; the version moves too, because the machine stepped. */
export async function writeMemory(
  sql: Sql,
  write: Pick<ModeWrite, 'organisationId' | 'routeId' | 'version' | 'memory'>,
): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE route_mode SET memory = $4, version = version + 1
     WHERE organisation_id = $1 AND route_id = $2 AND version = $3 RETURNING 1`,
    [write.organisationId, write.routeId, write.version, JSON.stringify(write.memory)],
    'mode-memory',
  )
  return rows.length === 1
}

/**
 * Everything open for the route belongs to the return from now on; states stay as they are. `due` ends back-offs: of all
 * deferred deliveries when a return begins (one more try for a full mailbox does no harm), only of those that failed
 * because of the route while it runs, or of none.
 */
export async function markHeld(sql: Sql, routeId: Id, due: 'all' | 'routeFaults' | 'none'): Promise<number> {
  const rows = await sql.query<{ n: number }>(
    `WITH marked AS (
       UPDATE delivery SET held = true, next_attempt = CASE
           WHEN state = ${DeliveryState.deferred} AND ($2 = 'all' OR ($2 = 'routeFaults' AND reason = ANY ($3::text[])))
             THEN least(next_attempt, now())
           ELSE next_attempt END
       WHERE route_id = $1 AND state < 10
         AND (NOT held OR (state = ${DeliveryState.deferred} AND next_attempt > now()
           AND ($2 = 'all' OR ($2 = 'routeFaults' AND reason = ANY ($3::text[])))))
       RETURNING 1)
     SELECT count(*)::int AS n FROM marked`,
    [routeId, due, textArray(routeFaults)],
    'mark-held',
  )
  return rows[0]!.n
}

/** Tells other processes to look at once. A hint only: everybody polls. */
export async function hintModes(sql: Sql): Promise<void> {
  await sql.query(`SELECT pg_notify('holdfast_mode', '')`)
}

/** Names and open work of an organisation's routes, for pages. */
export interface RouteOverviewRow {
  routeId: Id
  name: string
  open: number
  held: number
  oldestOpenAt: Date | null
  parked: number
  /** since when it takes mail for anybody; null: it does not, or nobody knows */
  acceptsAllSince: Date | null
  acceptsAllAt: Date | null
}

export async function routeOverview(sql: Sql, organisationId: Id): Promise<RouteOverviewRow[]> {
  return sql.query<RouteOverviewRow>(
    `SELECT r.route_id AS "routeId", r.name, coalesce(o.open, 0)::int AS open, coalesce(o.held, 0)::int AS held,
       o.oldest AS "oldestOpenAt", coalesce(p.parked, 0)::int AS parked,
       CASE WHEN r.accepts_all THEN r.accepts_all_since END AS "acceptsAllSince", r.accepts_all_at AS "acceptsAllAt"
     FROM route r
     LEFT JOIN LATERAL (
       SELECT count(*) AS open, count(*) FILTER (WHERE held) AS held, min(accepted_at) AS oldest
       FROM delivery d WHERE d.route_id = r.route_id AND d.state < 10) o ON true
     LEFT JOIN (
       SELECT route_id, count(*) AS parked FROM delivery
       WHERE organisation_id = $1 AND state = ${DeliveryState.parked} GROUP BY route_id) p ON p.route_id = r.route_id
     WHERE r.organisation_id = $1 ORDER BY r.kind, r.name`,
    [organisationId],
  )
}

/** For tests and `check`: the modes of some routes. */
export async function modesOf(sql: Sql, routeIds: readonly Id[]): Promise<ModeRecord[]> {
  return sql.query<ModeRecord>(
    `SELECT ${COLUMNS} FROM route_mode m JOIN route r USING (organisation_id, route_id)
     WHERE m.route_id = ANY ($1::uuid[])`,
    [uuidArray(routeIds)],
  )
}

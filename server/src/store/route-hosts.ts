/** Table route_host: how each host of a primary's route answered last. Bounded: a row for each host of its settings. */
import { boolArray, textArray, uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface HostAnswer {
  organisationId: Id
  routeId: Id
  /** name:port */
  host: string
  good: boolean
  text: string
  /** all that the route has now: the rows of others go */
  hosts: readonly string[]
}

export async function noteHosts(sql: Sql, answers: readonly HostAnswer[]): Promise<void> {
  if (answers.length === 0) return
  await sql.query(
    `INSERT INTO route_host AS h (organisation_id, route_id, host, good, since, at, text)
     SELECT o, r, n, g, now(), now(), t
     FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bool[], $5::text[]) AS a(o, r, n, g, t)
     ORDER BY 1, 2, 3
     ON CONFLICT (organisation_id, route_id, host) DO UPDATE SET
       good = excluded.good, at = excluded.at, text = excluded.text,
       since = CASE WHEN h.good = excluded.good THEN h.since ELSE excluded.at END`,
    [
      uuidArray(answers.map((a) => a.organisationId)),
      uuidArray(answers.map((a) => a.routeId)),
      textArray(answers.map((a) => a.host)),
      boolArray(answers.map((a) => a.good)),
      textArray(answers.map((a) => a.text)),
    ],
    'route-host-note',
  )
  for (const { organisationId, routeId, hosts } of new Map(answers.map((a) => [a.routeId, a])).values())
    await sql.query(
      'DELETE FROM route_host WHERE organisation_id = $1 AND route_id = $2 AND NOT host = ANY ($3::text[])',
      [organisationId, routeId, textArray(hosts)],
      'route-host-trim',
    )
}

export interface HostState {
  routeId: Id
  host: string
  good: boolean
  since: Date
  at: Date
  text: string
}

export const hostStates = (sql: Sql, organisationId: Id): Promise<HostState[]> =>
  sql.query<HostState>(
    `SELECT route_id AS "routeId", host, good, since, at, text FROM route_host WHERE organisation_id = $1`,
    [organisationId],
  )

/**
 * Signs of life: a lease whose holder shows none for a while is given to others. After an outage of the database nobody
 * has shown any, and all are alive: so each sign also says since when it has come without a gap, and who has just come back
 * judges nobody until the others had as long to come back.
 */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

/** Without a sign for this long a process is dead. */
export const DEAD_AFTER_SECONDS = 15

/** What a sign of life sets in its own row of `node`. */
export const BEAT = `seen_at = now(), steady_since = CASE
  WHEN node.seen_at > now() - make_interval(secs => ${DEAD_AFTER_SECONDS}) THEN node.steady_since ELSE now() END`

export async function beat(sql: Sql, nodeId: Id, roles: string): Promise<void> {
  await sql.query(
    `INSERT INTO node (node_id, roles) VALUES ($1, $2) ON CONFLICT (node_id) DO UPDATE SET ${BEAT}`,
    [nodeId, roles],
    'node-beat',
  )
}

/** Processes with this role that live. */
export async function living(sql: Sql, role: string): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM node
     WHERE seen_at > now() - make_interval(secs => ${DEAD_AFTER_SECONDS}) AND $1 = ANY (string_to_array(roles, ','))`,
    [role],
    'node-living',
  )
  return row!.n
}

export async function leave(sql: Sql, nodeId: Id): Promise<void> {
  await sql.query('DELETE FROM node WHERE node_id = $1', [nodeId])
}

/** Rows of processes that died without leaving, a day later. */
export async function forgetDeadNodes(sql: Sql): Promise<void> {
  await sql.query(`DELETE FROM node WHERE seen_at < now() - interval '1 day'`)
}

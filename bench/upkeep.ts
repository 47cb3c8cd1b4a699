/** What PostgreSQL does beside the work: checkpoints and vacuums, forced where a short run would not see them by itself. */
import type pg from 'pg'

export interface Upkeep {
  checkpoints: number
  autovacuums: number
}

/** Since the server was made. */
export async function upkeepOf(client: pg.Client): Promise<Upkeep> {
  const { rows } = await client.query<Upkeep>(
    `SELECT (SELECT num_done FROM pg_stat_checkpointer)::int AS checkpoints,
       (SELECT coalesce(sum(autovacuum_count + autoanalyze_count), 0) FROM pg_stat_all_tables)::int AS autovacuums`,
  )
  return rows[0]!
}

export const forcedUpkeep = ['none', 'checkpoint', 'vacuum'] as const
export type ForcedUpkeep = (typeof forcedUpkeep)[number]

/** Begins now; resolves at its end. Large tables are vacuumed at the pace of autovacuum. */
export async function force(client: pg.Client, what: ForcedUpkeep): Promise<void> {
  if (what === 'checkpoint') await client.query('CHECKPOINT')
  if (what !== 'vacuum') return
  await client.query(`SET vacuum_cost_delay = '2ms'`)
  for (const table of ['folder', 'delivery']) await client.query(`VACUUM (ANALYZE) ${table}`)
}

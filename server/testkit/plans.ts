/**
 * How the database would carry out what a function asks, for tests that must not read whole tables: `work` is run, and
 * each of its statements is explained first, with its own values and PostgreSQL's own settings.
 */
import type { Sql } from '../src/platform/db/database.ts'

/** One plan for each statement, as EXPLAIN prints it. Run ANALYZE before. */
export async function plansOf(sql: Sql, work: (sql: Sql) => Promise<unknown>): Promise<string[]> {
  const plans: string[] = []
  await work({
    async query(text, values, name) {
      const rows = await sql.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values)
      plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'))
      return sql.query(text, values, name)
    },
  })
  return plans
}

import type { Database, Sql } from '../platform/db/database.ts'

/**
 * Claims find their rows by key. How many a claim brings is not known when it is planned, and over many routes the guess is
 * so high that whole tables would be read and joined for it: a second for one message that is due, among millions. The same
 * where a route had much a moment ago, has nothing now, and the statistics do not know it yet.
 */
export function byKey<T>(db: Database, claim: (sql: Sql) => Promise<T>): Promise<T> {
  return db.transaction(async (sql) => {
    await sql.query(
      `SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`,
      [],
      'by-key',
    )
    return claim(sql)
  })
}

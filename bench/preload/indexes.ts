/** Indexes are taken away before millions of rows come and made again from the sorted whole: a tenth of the time. */
import type pg from 'pg'

export interface TakenIndexes {
  /** one statement each, of different tables and lengths */
  makeAgain: string[]
}

export async function takeIndexes(client: pg.Client, tables: readonly string[]): Promise<TakenIndexes> {
  const { rows } = await client.query<{ table: string; name: string; index: string; constraint: string | null }>(
    `SELECT t.relname AS table, x.relname AS name, pg_get_indexdef(x.oid) AS index, pg_get_constraintdef(c.oid) AS constraint
     FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
     LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid
     WHERE t.relname = ANY ($1) AND t.relnamespace = 'public'::regnamespace ORDER BY 1, 2`,
    [tables],
  )
  for (const { table, name, constraint } of rows)
    await client.query(constraint === null ? `DROP INDEX ${name}` : `ALTER TABLE ${table} DROP CONSTRAINT ${name}`)
  return {
    makeAgain: rows.map(({ table, name, index, constraint }) =>
      constraint === null ? index : `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${constraint}`,
    ),
  }
}

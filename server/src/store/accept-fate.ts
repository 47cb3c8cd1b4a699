/**
 * What became of an accept commit of which nobody heard. Its connection is broken, but the server's side may still be at
 * it: only when that process is gone does the absence of the row prove anything.
 */
import type { Sql } from '../platform/db/database.ts'
import { uuidArray } from '../platform/db/binary.ts'
import type { Id } from '../platform/ids.ts'

interface MessageKey {
  organisationId: Id
  messageId: Id
}

/** `backend`: the process that ran the statement; null where it is not known (then any accept statement counts). */
export async function isStored(
  sql: Sql,
  { organisationId, messageId }: MessageKey,
  backend: number | null,
): Promise<'stored' | 'gone' | 'open'> {
  // Two statements: the second's snapshot is taken after the first has seen the process gone.
  const [at] = await sql.query<{ busy: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_stat_activity
       WHERE application_name = 'holdfast accept' AND datname = current_database()
         AND CASE WHEN $1::int IS NULL THEN state <> 'idle' ELSE pid = $1 END) AS busy`,
    [backend],
  )
  const [row] = await sql.query('SELECT 1 AS one FROM message WHERE organisation_id = $1 AND message_id = $2', [
    organisationId,
    messageId,
  ])
  return row ? 'stored' : at!.busy ? 'open' : 'gone'
}

/**
 * A durable mark on messages that are stored and whose sender asks again. It waits for disk and standby as any commit
 * does, and what lies before it in the log with it. Throws where one is not there.
 */
export async function confirmStored(sql: Sql, unit: readonly MessageKey[]): Promise<void> {
  const rows = await sql.query(
    `UPDATE message m SET facts = facts || '{"repeated": true}'
     FROM unnest($1::uuid[], $2::uuid[]) AS t(o, i)
     WHERE m.organisation_id = t.o AND m.message_id = t.i RETURNING 1 AS one`,
    [uuidArray(unit.map((one) => one.organisationId)), uuidArray(unit.map((one) => one.messageId))],
  )
  if (rows.length !== unit.length) throw new Error('a message that was stored is not there any more')
}

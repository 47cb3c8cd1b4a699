/**
 * Room in the write-ahead log, made before mail comes: a segment that is written for the first time is filled with zeros
 * and synced inside somebody's commit (20 to 67 ms, for each 16 MB); one that was used before is taken over in no time. So
 * a young installation of ours uses up its segments once, with nothing in them, and keeps them (min_wal_size).
 *
 * Failure: it is a comfort. Whatever goes wrong is a line in the log, and the next start tries again.
 */
import type { Log } from '../log.ts'
import type { Database } from './database.ts'

export interface PrepareWal {
  db: Database
  log: Log
  /** how much log is to lie ready, octets; 0: none */
  bytes: number
  /** octets that may still be written to the disk of the database */
  room: () => number
  isStopping: () => boolean
}

/** Returns how many segments were made. */
export async function prepareWal({ db, log, bytes, room, isStopping }: PrepareWal): Promise<number> {
  const sql = await db.dedicated('wal', { synchronous_commit: 'off' })
  try {
    const [now] = await sql.query<{ segment: number; there: number }>(
      `SELECT (SELECT setting::int8 FROM pg_settings WHERE name = 'wal_segment_size')::int AS segment,
         (SELECT count(*) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$')::int AS there`,
    )
    const missing = Math.floor(bytes / now!.segment) - now!.there
    if (missing <= 0) return 0
    if (room() < 2 * missing * now!.segment) {
      log.info({ wanted: bytes }, 'no room on the disk for a prepared write-ahead log: commits make it as they go')
      return 0
    }
    let made = 0
    for (; made < missing && !isStopping(); made++) {
      // Without a record in it a segment is not left.
      await sql.query(`SELECT pg_logical_emit_message(false, 'holdfast', 'a segment to keep')`)
      await sql.query('SELECT pg_switch_wal()')
    }
    // What lies before the last checkpoint but one is kept for what comes.
    for (let times = 0; times < 2 && !isStopping(); times++) await sql.query('CHECKPOINT')
    return made
  } finally {
    await sql.close().catch(() => undefined)
  }
}

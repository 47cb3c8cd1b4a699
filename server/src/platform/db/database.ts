/**
 * The door to PostgreSQL. `query` runs one statement on a pooled connection, `transaction` several on one; `dedicated`
 * gives a connection of one's own (accept batch, outcome batch, LISTEN, COPY). Lost connections surface as errors the
 * caller can classify with `classifyDbError`; the pool itself heals.
 *
 * Promise 13: a database that hangs is as good as gone. Where `answerWithinMs` is set, a statement without an answer for
 * so long fails as ConnectionLost (what became of it is unknown) and its connection is given up. `vital` is the same
 * database by a few connections of its own: however many searches wait for the pool, leases are renewed.
 */
import pg from 'pg'
import type { Log } from '../log.ts'
import { classifyDbError, ConnectionLost } from './database-error.ts'

export { classifyDbError, ConnectionLost } from './database-error.ts'

export type SqlValue = string | number | bigint | boolean | null | Date | Buffer | object

export interface Sql {
  /** Rows of one statement. `name` makes it a prepared statement of that connection. */
  query<Row extends object>(text: string, values?: readonly SqlValue[], name?: string): Promise<Row[]>
}

export interface DedicatedSql extends Sql {
  readonly client: pg.Client
  close(): Promise<void>
}

export interface Database extends Sql {
  /**
   * Runs `work` in one transaction (read committed); rolls back when it throws. `answerWithinMs` replaces the database's
   * own limit for each of its statements.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>, options?: { answerWithinMs?: number }): Promise<T>
  /** A connection outside the pool. `settings` are GUCs set at start, e.g. { synchronous_commit: 'off' }. */
  dedicated(purpose: string, settings?: Record<string, string>): Promise<DedicatedSql>
  /** By connections of its own: signs of life, leases, modes, the directory. For short statements only. */
  readonly vital: Database
  close(): Promise<void>
}

export interface DatabaseOptions {
  /** Socket folder + user + database, or a connection string. */
  connection: pg.ClientConfig
  poolSize: number
  log: Log
  /** Most time for the answer to one statement. Left out: as long as it takes, for commands that read everything. */
  answerWithinMs?: number
}

/** What a running server allows: no page waits longer, and a statement that hangs blocks nothing for long. */
export const SERVING_MS = 30_000
/** For work that grows with what waits in the queue (a switch marks every open delivery). */
export const LONG_MS = 300_000
const VITAL_CONNECTIONS = 4
const VITAL_MS = 10_000

// bigint columns are counters far below 2^53: give numbers. Times as Date. jsonb as objects (pg's own).
pg.types.setTypeParser(pg.types.builtins.INT8, (text) => Number(text))

/** pg names neither a connection that ended nor an answer that did not come. */
function named(error: unknown): unknown {
  if (error instanceof pg.DatabaseError || error instanceof TypeError) return error
  if (classifyDbError(error) === 'connection') return error
  return new ConnectionLost(error instanceof Error ? error.message : String(error), { cause: error })
}

function sqlOf(target: pg.Pool | pg.ClientBase, answerWithinMs: number | undefined): Sql {
  return {
    async query<Row extends object>(text: string, values: readonly SqlValue[] = [], name?: string): Promise<Row[]> {
      const config: pg.QueryConfig & { query_timeout?: number } = { text, values: values as unknown[] }
      if (name) config.name = name
      if (answerWithinMs !== undefined && Number.isFinite(answerWithinMs)) config.query_timeout = answerWithinMs
      try {
        return (await target.query<Row>(config)).rows
      } catch (error) {
        throw named(error)
      }
    },
  }
}

/** The same server, another database. */
export function withDatabase(connection: pg.ClientConfig, database: string): pg.ClientConfig {
  if (connection.connectionString === undefined) return { ...connection, database }
  const url = new URL(connection.connectionString)
  url.pathname = `/${database}`
  return { ...connection, connectionString: url.href }
}

function openPool(options: DatabaseOptions, purpose: string): Omit<Database, 'vital'> {
  const config = { ...options.connection, options: '-c timezone=UTC -c jit=off', application_name: purpose }
  const pool = new pg.Pool({
    ...config,
    max: options.poolSize,
    idleTimeoutMillis: 60_000,
    connectionTimeoutMillis: 5_000,
  })
  let closing = false
  // Without a listener a lost idle connection would end the process.
  pool.on('error', (error) => {
    if (!closing) options.log.warn({ err: error.message }, 'idle database connection lost')
  })
  return {
    ...sqlOf(pool, options.answerWithinMs),
    async transaction(work, { answerWithinMs = options.answerWithinMs } = {}) {
      const client = await pool.connect().catch((error: unknown) => {
        throw named(error)
      })
      const sql = sqlOf(client, answerWithinMs)
      let broken: Error | undefined
      // The pool listens only to idle clients: one that loses its connection between two statements would end the process.
      const onError = (error: Error): void => {
        broken ??= error
      }
      client.on('error', onError)
      try {
        await sql.query('BEGIN')
        const result = await work(sql)
        await sql.query('COMMIT')
        return result
      } catch (error) {
        // On a connection that hangs a ROLLBACK would wait behind the statement; closing it has the same effect.
        if (classifyDbError(error) === 'connection') broken ??= error as Error
        else await sql.query('ROLLBACK').catch((rollbackError: unknown) => (broken = rollbackError as Error))
        throw error
      } finally {
        client.off('error', onError)
        client.release(broken)
      }
    },
    async dedicated(purpose, settings = {}) {
      const gucs = Object.entries(settings).map(([key, value]) => ` -c ${key}=${value}`)
      const client = new pg.Client({
        ...config,
        application_name: `holdfast ${purpose}`,
        options: config.options + gucs.join(''),
        connectionTimeoutMillis: 5_000,
      })
      client.on('error', (error) => options.log.warn({ err: error.message, purpose }, 'database connection lost'))
      await client.connect().catch((error: unknown) => {
        throw named(error)
      })
      return { ...sqlOf(client, options.answerWithinMs), client, close: () => client.end() }
    },
    close() {
      closing = true
      return pool.end()
    },
  }
}

export function openDatabase(options: DatabaseOptions): Database {
  const people = openPool(options, 'holdfast')
  const limit =
    options.answerWithinMs === undefined ? {} : { answerWithinMs: Math.min(VITAL_MS, options.answerWithinMs) }
  const few = openPool({ ...options, ...limit, poolSize: VITAL_CONNECTIONS }, 'holdfast vital')
  const vital: Database = {
    ...few,
    get vital() {
      return vital
    },
  }
  return {
    ...people,
    vital,
    async close() {
      await Promise.all([people.close(), few.close()])
    },
  }
}

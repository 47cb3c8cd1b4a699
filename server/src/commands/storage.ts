/**
 * Opens the database of a data folder, whoever runs it: the configured external one; the embedded one of a live process
 * that holds the folder; or, when nobody does, the embedded one started here and held until `close`.
 *
 * Promises: no database is opened that would lose accepted mail (requireSafeServer); the embedded server is stopped only
 * by the process that holds the folder, and not under another command's feet.
 */
import type pg from 'pg'
import type { Clock } from '../platform/clock.ts'
import type { Config } from '../platform/config/config.ts'
import type { DataLock } from '../platform/data-folder.ts'
import { lockHolder, readRunning, tryLock } from '../platform/data-folder.ts'
import { classifyDbError } from '../platform/db/database-error.ts'
import type { Database } from '../platform/db/database.ts'
import { openDatabase, SERVING_MS } from '../platform/db/database.ts'
import type { EmbeddedServer } from '../platform/db/embedded.ts'
import { embeddedConnection, startEmbedded } from '../platform/db/embedded.ts'
import { migrate, pendingMigrations, readMigrations } from '../platform/db/migrate.ts'
import type { ServerProfile } from '../platform/db/server-settings.ts'
import { requireSafeServer } from '../platform/db/server-settings.ts'
import { newId } from '../platform/ids.ts'
import type { Log } from '../platform/log.ts'
import type { Tell } from '../platform/progress.ts'
import { ensureInstallation } from '../store/installation.ts'
import { ensurePartitions } from '../store/partitions.ts'

export interface StorageOptions {
  /** real path of the data folder */
  dataFolder: string
  config: Config
  clock: Clock
  log: Log
  /** told of what takes seconds */
  tell?: Tell
  profile?: ServerProfile
  /** true (serve, demo): this process must hold the folder; an error when another one does */
  hold?: boolean
  /**
   * true (serve without the role `work`): this process never runs the embedded database; it waits up to a minute for the
   * server that does.
   */
  join?: boolean
  /**
   * What to do when the tables are older than this program. `bring`: migrate. `require`: migrate only what nobody else
   * uses (an empty database, or an embedded one that we hold), else say so. `leave`: open as it is.
   */
  schema: 'bring' | 'require' | 'leave'
  poolSize?: number
}

export interface Storage {
  db: Database
  connection: pg.ClientConfig
  /** set when this process runs the embedded server */
  server: EmbeddedServer | null
  version: string
  /** true: this process holds the data folder */
  held: boolean
  close(): Promise<void>
}

/** How long a command waits for a process that holds the folder to have its database ready. */
const HOLDER_READY_MS = 60_000

async function reach(
  options: StorageOptions,
): Promise<{ connection: pg.ClientConfig; server: EmbeddedServer | null; lock: DataLock | null }> {
  const { config, dataFolder, clock, log } = options
  const url = config.database.url
  if (url !== '' && !options.hold) return { connection: { connectionString: url }, server: null, lock: null }
  if (url === '' && options.join) return { connection: await joinHolder(options), server: null, lock: null }
  const began = clock.monotonic()
  for (;;) {
    const lock = tryLock(dataFolder)
    if (lock) {
      if (url !== '') return { connection: { connectionString: url }, server: null, lock }
      try {
        const server = await startEmbedded({
          dataFolder,
          clock,
          log,
          profile: options.profile ?? 'small',
          ...(options.tell ? { tell: options.tell } : {}),
        })
        return { connection: server.connection, server, lock }
      } catch (error) {
        lock.release()
        throw error
      }
    }
    const holder = lockHolder(dataFolder)
    // A command holds the folder only for moments: serve waits for it instead of failing.
    const waited = clock.monotonic() - began
    if (!options.hold && (await answers(embeddedConnection(dataFolder), log)))
      return { connection: embeddedConnection(dataFolder), server: null, lock: null }
    if (options.hold && waited > 5_000)
      throw new Error(
        `Holdfast already runs on ${dataFolder} (process ${holder?.pid ?? 'unknown'}). Stop it first, or choose another data folder.`,
      )
    if (waited > HOLDER_READY_MS)
      throw new Error(`Process ${holder?.pid ?? 'unknown'} holds ${dataFolder}, but its database does not answer.`)
    await clock.sleep(100)
  }
}

/** The database of the server that has the role `work`; of a command's we would be robbed when the command ends. */
async function joinHolder({ dataFolder, clock, log }: StorageOptions): Promise<pg.ClientConfig> {
  const connection = embeddedConnection(dataFolder)
  const began = clock.monotonic()
  for (let told = false; ;) {
    if (readRunning(dataFolder)?.embedded && (await answers(connection, log))) return connection
    const waited = clock.monotonic() - began
    if (!told && waited > 1_000) {
      told = true
      log.warn(
        { dataFolder },
        'waiting for the process with the role work, which runs the database of this data folder',
      )
    }
    if (waited > HOLDER_READY_MS)
      throw new Error(
        `No Holdfast with the role work runs on ${dataFolder}; it runs the embedded database, which the other roles join. ` +
          `Start it first (holdfast serve --roles work,…), or set database.url (DATABASE_URL) to a server of your own.`,
      )
    await clock.sleep(100)
  }
}

async function answers(connection: pg.ClientConfig, log: Log): Promise<boolean> {
  const db = openDatabase({ connection, poolSize: 1, log })
  try {
    await db.query('SELECT 1')
    return true
  } catch {
    return false
  } finally {
    await db.close()
  }
}

/** Lets commands that use our server finish before it stops. Our own connections are closed by now. */
async function waitForOthers(connection: pg.ClientConfig, clock: Clock, log: Log): Promise<void> {
  const db = openDatabase({ connection, poolSize: 1, log })
  try {
    for (let left = 100; left > 0; left--) {
      const [row] = await db.query<{ others: number }>(
        `SELECT count(*)::int AS others FROM pg_stat_activity
         WHERE backend_type = 'client backend' AND application_name LIKE 'holdfast%' AND pid <> pg_backend_pid()`,
      )
      if (!row || row.others === 0) return
      await clock.sleep(100)
    }
  } finally {
    await db.close()
  }
}

async function bringSchema(db: Database, options: StorageOptions, held: boolean): Promise<void> {
  if (options.schema === 'leave') return
  const pending = await pendingMigrations(db)
  if (pending.length > 0) {
    const untouched = pending.length === readMigrations().length
    if (options.schema === 'require' && !untouched && !(held && options.config.database.url === ''))
      throw new Error(
        `The database lacks ${pending.length} migration(s) of this version, e.g. ${pending[0]!.name}. Run: holdfast migrate`,
      )
    options.tell?.(untouched ? 'Making the tables' : `Bringing the tables up to date (${pending.length} migrations)`)
    for (const migration of await migrate(db))
      options.log.info({ number: migration.number, name: migration.name }, 'migrated')
  }
  const now = options.clock.now()
  const installation = await ensureInstallation(db, newId(now))
  if (options.hold && installation.closedAt)
    throw new Error(
      `This installation was closed for good by "holdfast export --close" (${installation.closedAt.toISOString()}): its mail lives on where that export was imported.`,
    )
  await ensurePartitions(db, now)
}

const MOST_TRIES = 3

export async function openStorage(options: StorageOptions): Promise<Storage> {
  for (let tries = 1; ; tries++) {
    try {
      return await openOnce(options)
    } catch (error) {
      // The command whose server this one was about to join has just ended and taken it along: the folder is free now.
      const isGone = ['connection', 'unavailable'].includes(classifyDbError(error))
      if (!isGone || options.hold || options.config.database.url !== '' || tries === MOST_TRIES) throw error
    }
  }
}

async function openOnce(options: StorageOptions): Promise<Storage> {
  const { connection, server, lock } = await reach(options)
  const db = openDatabase({
    connection,
    poolSize: options.poolSize ?? options.config.database.poolSize,
    log: options.log,
    ...(options.profile === 'serve' ? { answerWithinMs: SERVING_MS } : {}),
  })
  const close = async (): Promise<void> => {
    await db.close()
    if (server && !options.hold) await waitForOthers(connection, options.clock, options.log).catch(() => undefined)
    await server?.stop()
    lock?.release()
  }
  try {
    const { version } = await requireSafeServer(db)
    await bringSchema(db, options, lock !== null)
    return { db, connection, server, version, held: lock !== null, close }
  } catch (error) {
    await close()
    const code = (error as { code?: unknown }).code
    if (options.config.database.url !== '' && typeof code === 'string' && /^(E|28|3D|08)/.test(code))
      throw new Error(
        `The database of database.url cannot be reached: ${(error as Error).message}. Check DATABASE_URL.`,
        { cause: error },
      )
    throw error
  }
}

/**
 * What a command works with: configuration, data folder, keys and an open database. `withContext` closes all of it again
 * whatever happens. Commands beside a running server use that server's database; the server notices by NOTIFY and poll.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { hostname as machineName, userInfo } from 'node:os'
import type pg from 'pg'
import { systemClock } from '../platform/clock.ts'
import type { Clock } from '../platform/clock.ts'
import type { Config } from '../platform/config/config.ts'
import { dataFolderPath } from '../platform/config/environment.ts'
import { loadConfig } from '../platform/config/load.ts'
import type { RunningServer } from '../platform/data-folder.ts'
import { openDataFolder, readRunning } from '../platform/data-folder.ts'
import type { Database } from '../platform/db/database.ts'
import type { Keys } from '../platform/keys.ts'
import { loadKeys } from '../platform/keys.ts'
import type { Log } from '../platform/log.ts'
import { createLog } from '../platform/log.ts'
import { CommandError, exitCodes } from './command.ts'
import type { GlobalOptions } from './command.ts'
import type { StorageOptions } from './storage.ts'
import { openStorage } from './storage.ts'

export interface Context {
  dataFolder: string
  config: Config
  clock: Clock
  log: Log
  db: Database
  /** the server's configuration, for connections that the pool does not give (COPY) */
  connection: pg.ClientConfig
  databaseVersion: string
  /** the master key; made on an installation's very first start */
  keys(): Keys
  /** the server that runs on this data folder, or null */
  running: RunningServer | null
  /** true when nobody else runs on this folder and this command holds it */
  held: boolean
  /** who acts, for the audit chain: 'cli:<account>' */
  actor: string
}

/** This server's name, as it greets with. */
export const hostName = (config: Config): string => config.hostname || machineName() || 'localhost'

/** Where big bodies are, below the data folder. */
export const blobFolder = (dataFolder: string): string => join(dataFolder, 'blobs')

/** The configuration alone; makes nothing, not even the data folder. */
export function readSettings(
  options: GlobalOptions,
  flags: Record<string, unknown> = {},
): { dataFolder: string; config: Config } {
  const dataFolder = dataFolderPath(options.data)
  return { dataFolder, config: loadConfig({ file: options.config, dataFolder, flags }).config }
}

/** Configuration and data folder only: for commands that need no database. */
export function openSettings(
  options: GlobalOptions,
  flags: Record<string, unknown> = {},
): { dataFolder: string; config: Config; log: Log; configFile: string | null } {
  const dataFolder = openDataFolder(dataFolderPath(options.data))
  const { config, warnings, file } = loadConfig({ file: options.config, dataFolder, flags })
  const log = createLog({ level: config.log.level })
  for (const warning of warnings) log.warn({}, warning)
  return { dataFolder, config, log, configFile: file }
}

function actor(): string {
  try {
    return `cli:${userInfo().username}`
  } catch {
    return `cli:${process.getuid?.() ?? 0}`
  }
}

/**
 * A command that looks at what is there never makes a new installation: on a mistyped folder it would say that all is
 * well with nothing.
 */
export function refuseNowhere(options: GlobalOptions): void {
  const dataFolder = dataFolderPath(options.data)
  if (existsSync(join(dataFolder, 'postgres'))) return
  const { config } = loadConfig({ file: options.config, dataFolder, flags: {} })
  if (config.database.url !== '') return
  throw new CommandError(
    `There is no Holdfast in ${dataFolder}. Name its folder with --data or HOLDFAST_DATA; "holdfast serve" makes a new one.`,
    exitCodes.usage,
  )
}

export async function withContext<T>(
  options: GlobalOptions,
  work: (context: Context) => Promise<T>,
  wish: Pick<StorageOptions, 'schema' | 'poolSize'> = { schema: 'require' },
): Promise<T> {
  if (wish.schema === 'require') refuseNowhere(options)
  const { dataFolder, config } = openSettings(options)
  // A command's own words go to standard output; the log only says what went wrong.
  const log = createLog({ level: config.log.level === 'debug' ? 'debug' : 'warn' })
  const storage = await openStorage({ dataFolder, config, clock: systemClock, log, ...wish })
  try {
    return await work({
      dataFolder,
      config,
      clock: systemClock,
      log,
      db: storage.db,
      connection: storage.connection,
      databaseVersion: storage.version,
      keys: () => loadKeys({ dataFolder, masterKeyFile: config.masterKeyFile, mayMake: true }),
      running: readRunning(dataFolder),
      held: storage.held,
      actor: actor(),
    })
  } finally {
    await storage.close()
  }
}

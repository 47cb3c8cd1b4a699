/**
 * PostgreSQL's settings: those our own server is started with (measured: ../../../../docs/decisions), and those without
 * which we do not run on any server, because a 250 would be a lie (promise 1).
 */
import type { Sql } from './database.ts'

/** `serve` keeps a gigabyte of WAL ready, so that commits do not wait for new segments; others stay small. */
export type ServerProfile = 'serve' | 'small'

export function serverSettings(profile: ServerProfile): Record<string, string> {
  return {
    listen_addresses: '',
    unix_socket_permissions: '0700',
    timezone: 'UTC',
    log_timezone: 'UTC',
    fsync: 'on',
    full_page_writes: 'on',
    // Every allowed synchronous_commit of a role or database would still be caught by requireSafeServer.
    synchronous_commit: 'on',
    // Roles apart are six processes, each with its pool, the vital connections and those of accept, outcomes and hints.
    max_connections: '150',
    // All of it is used in the end and counts as memory; measured, more gains nothing at this path (docs/performance.md).
    shared_buffers: profile === 'serve' ? '96MB' : '64MB',
    max_wal_size: '1GB',
    min_wal_size: profile === 'serve' ? '1GB' : '80MB',
    checkpoint_completion_target: '0.9',
    wal_compression: 'off',
    jit: 'off',
    // The log goes to files of a collector: a pipe to us would break or block when we die.
    logging_collector: 'on',
    log_directory: 'log',
    log_filename: 'postgresql-%a.log',
    log_truncate_on_rotation: 'on',
    log_rotation_age: '1d',
    log_rotation_size: '0',
    log_checkpoints: 'off',
    log_startup_progress_interval: '5s',
  }
}

export const OLDEST_SERVER = 15
export const NEWEST_SERVER = 18

interface Setting {
  name: string
  setting: string
  /** where its value comes from, in PostgreSQL's words */
  source: string
}

/** What the admin has to do: a setting of a role or database outweighs the configuration file. */
function remedyFor({ name, source }: Setting): string {
  if (source === 'user') return `Run: ALTER ROLE … RESET ${name} (the role Holdfast signs in with).`
  if (source === 'database') return `Run: ALTER DATABASE … RESET ${name} (the database Holdfast uses).`
  if (source === 'database user') return `Run: ALTER ROLE … IN DATABASE … RESET ${name}.`
  if (source === 'client') return `Take ${name} out of DATABASE_URL, database.url and PGOPTIONS.`
  if (source === 'command line' || source === 'environment variable')
    return `Take ${name} out of the command that starts the database, and restart it.`
  return `Set ${name}=on in postgresql.conf (or run ALTER SYSTEM SET ${name} = on), then SELECT pg_reload_conf().`
}

const SAFE = [
  { name: 'fsync', good: ['on'], harm: 'accepted mail could be lost in a crash' },
  { name: 'full_page_writes', good: ['on'], harm: 'a page that is half written in a crash could not be repaired' },
  // remote_apply waits for more than on; remote_write and local for less than a standby may be promised.
  {
    name: 'synchronous_commit',
    good: ['on', 'remote_apply'],
    harm: 'a commit would be acknowledged before it is durable',
  },
]

/** Throws a sentence for the admin unless this server keeps what it says it kept and is one we know. */
export async function requireSafeServer(sql: Sql): Promise<{ version: string; major: number }> {
  const rows = await sql.query<Setting>(
    `SELECT name, setting, source FROM pg_settings
     WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'server_version_num', 'server_version', 'server_encoding')`,
  )
  const of = (name: string): Setting =>
    rows.find((row) => row.name === name) ?? { name, setting: '(unknown)', source: 'default' }
  const version = of('server_version').setting
  const major = Math.floor(Number(of('server_version_num').setting) / 10_000)
  if (!(major >= OLDEST_SERVER && major <= NEWEST_SERVER))
    throw new Error(
      `The database is PostgreSQL ${version}; Holdfast runs on ${OLDEST_SERVER} to ${NEWEST_SERVER}. Use a server of one of these versions.`,
    )
  for (const { name, good, harm } of SAFE) {
    const found = of(name)
    if (!good.includes(found.setting))
      throw new Error(`The database has ${name}=${found.setting}: ${harm}. ${remedyFor(found)}`)
  }
  const encoding = of('server_encoding').setting
  if (encoding !== 'UTF8') throw new Error(`The database's encoding is ${encoding}; create it with ENCODING 'UTF8'.`)
  return { version, major }
}

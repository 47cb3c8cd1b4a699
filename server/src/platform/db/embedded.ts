/**
 * Our own PostgreSQL, for one machine: created, started, adopted, supervised and stopped here. It lives in
 * <data folder>/postgres, listens on a unix socket only, and outlives us when we are killed (the next one adopts it).
 *
 * Promises: at most one server per data folder (PostgreSQL's own lock; whose process it is says /proc, never a pid file
 * alone); started again when it dies while we live; recovery is waited for as long as it makes progress; stopped fast
 * and cleanly (SIGINT, then SIGQUIT), never with SIGKILL. The caller holds the data folder's lock.
 * Failure: an Error whose text names the folder, the account and the remedy.
 */
import { spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  readdirSync,
  statSync,
} from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type pg from 'pg'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Tell } from '../progress.ts'
import type { Account } from './account.ts'
import { chooseAccount, folderClosedTo } from './account.ts'
import type { Binaries } from './binaries.ts'
import { findBinaries } from './binaries.ts'
import { isAlive, judgePid, leftovers, readPidFile, workDone } from './postmaster.ts'
import type { ServerProfile } from './server-settings.ts'
import { NEWEST_SERVER, serverSettings } from './server-settings.ts'

export interface EmbeddedOptions {
  /** Holdfast's data folder; the database goes to postgres/ below it. */
  dataFolder: string
  clock: Clock
  log: Log
  profile?: ServerProfile
  /** told of what takes seconds */
  tell?: Tell
  /** More settings for the server; tests only. */
  settings?: Record<string, string>
}

export interface EmbeddedServer {
  /** How to connect to it (socket folder, user, database). */
  connection: pg.ClientConfig
  /** The postmaster's process id now; it changes when it had to be started again. */
  pid(): number
  account: Account
  adopted: boolean
  /** Stops the server and waits for its end. */
  stop(): Promise<void>
  /** Leaves the server running and stops watching it (hands it to another process). */
  release(): void
}

const DATABASE_USER = 'holdfast'
const MINIMAL_ENV = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' }
/** PostgreSQL's limit of a unix socket's path, less the file's own name. */
const SOCKET_FOLDER_MAX = 107 - '/.s.PGSQL.5432'.length
/** A start is given up when nothing has moved for so long. */
const STILL_MS = 60_000
const REFUSED_FOR_NOW =
  /lock file "postmaster.pid" already exists|pre-existing shared memory block|lock file .* is empty/

interface Place {
  pgdata: string
  socketFolder: string
  startLog: string
  account: Account
  binaries: Binaries
}

function ownFolder(path: string, account: Account): void {
  if (!existsSync(path)) mkdirSync(path, { mode: 0o700 })
  const info = lstatSync(path)
  if (!info.isDirectory()) throw new Error(`${path} is not a folder. Remove it.`)
  if (info.uid !== account.uid) {
    if (!account.borrowed)
      throw new Error(`${path} belongs to user id ${info.uid}, not to ${account.name}. Remove it or run as that user.`)
    // A folder in a shared place that somebody else made could be a trap: only root's own are handed over.
    if (info.uid !== 0) throw new Error(`${path} belongs to user id ${info.uid}, not to ${account.name}. Remove it.`)
    chownSync(path, account.uid, account.gid)
  }
  if ((info.mode & 0o777) !== 0o700) chmodSync(path, 0o700)
}

/** Where the socket goes: the data folder where its path is short enough, else a short one in /run or /tmp. */
export function socketFolderFor(dataFolder: string): string {
  const inside = join(dataFolder, 'socket')
  if (Buffer.byteLength(inside) <= SOCKET_FOLDER_MAX) return inside
  const name = `hf-${createHash('sha256').update(dataFolder).digest('hex').slice(0, 12)}`
  return join(process.getuid!() === 0 && existsSync('/run') ? '/run' : '/tmp', name)
}

/** How to reach the server of a data folder that another process of ours runs. */
export function embeddedConnection(dataFolder: string): pg.ClientConfig {
  return { host: socketFolderFor(realpathSync(dataFolder)), port: 5432, user: DATABASE_USER, database: 'postgres' }
}

function prepare(options: EmbeddedOptions): Place {
  const dataFolder = realpathSync(options.dataFolder)
  const pgdata = join(dataFolder, 'postgres')
  const owner = existsSync(pgdata) ? lstatSync(pgdata).uid : undefined
  const account = chooseAccount(owner === 0 && process.getuid!() === 0 ? undefined : owner)
  if (account.name === 'nobody')
    options.log.warn(
      {},
      'the database runs as nobody, which other services may share; better: useradd --system holdfast',
    )
  const closed = folderClosedTo(account, dataFolder)
  if (closed !== null)
    throw new Error(
      `The database runs as the account ${account.name} (PostgreSQL refuses root), which may not enter ${closed}. ` +
        `Either let it pass (chmod o+x ${closed}) or choose another data folder with --data or HOLDFAST_DATA.`,
    )
  ownFolder(pgdata, account)
  const socketFolder = socketFolderFor(dataFolder)
  ownFolder(socketFolder, account)
  return {
    pgdata,
    socketFolder,
    startLog: join(dataFolder, 'postgres-start.log'),
    account,
    binaries: findBinaries(account, dataFolder),
  }
}

const identity = (account: Account): { uid?: number; gid?: number } =>
  account.borrowed ? { uid: account.uid, gid: account.gid } : {}

async function initialise(place: Place, tell: Tell | undefined): Promise<void> {
  const version = join(place.pgdata, 'PG_VERSION')
  if (existsSync(version)) {
    const found = readFileSync(version, 'utf8').trim()
    if (found !== String(NEWEST_SERVER))
      throw new Error(
        `${place.pgdata} was made by PostgreSQL ${found}, this Holdfast brings ${NEWEST_SERVER}. ` +
          `With the Holdfast that made it: holdfast export --all DIR; then with this one, in a new data folder: holdfast import DIR`,
      )
    return
  }
  tell?.(`Making the database in ${place.pgdata} (at the first start only; it takes some seconds)`)
  const args = [
    '-D',
    place.pgdata,
    '-U',
    DATABASE_USER,
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--data-checksums',
  ]
  await new Promise<void>((resolve, reject) => {
    const child = spawn(place.binaries.initdb, args, {
      cwd: place.pgdata,
      env: MINIMAL_ENV,
      stdio: ['ignore', 'ignore', 'pipe'],
      ...identity(place.account),
    })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')))
    child.once('error', (error) =>
      reject(
        new Error(`initdb could not be started (${error.message}): ${place.binaries.initdb} as ${place.account.name}`),
      ),
    )
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`initdb failed in ${place.pgdata}: ${said.trim()}`)),
    )
  })
}

interface Running {
  pid: number
  adopted: boolean
  exited: Promise<void>
  /** our process stays until `exited`; left out where it is no child of ours */
  hold?: () => void
}

/** Our own server that is still running from before, or null. Throws when a PostgreSQL that is not ours is in the way. */
function adopt(place: Place, clock: Clock, until: AbortSignal): Running | null {
  const file = readPidFile(place.pgdata)
  if (!file) return null
  const verdict = judgePid(file.pid, place.pgdata, place.binaries.postgres)
  if (verdict === 'foreign')
    throw new Error(
      `Another PostgreSQL (process ${file.pid}) runs on ${place.pgdata}. It is not Holdfast's; stop it first.`,
    )
  if (verdict === 'none') return null
  return { pid: file.pid, adopted: true, exited: gone(file.pid, clock, until) }
}

/** Resolves when the process has ended; the look every 200 ms also keeps us alive meanwhile. */
async function gone(pid: number, clock: Clock, until?: AbortSignal): Promise<void> {
  while (isAlive(pid) && !until?.aborted) await clock.sleep(200, until).catch(() => undefined)
}

function launch(place: Place, settings: Record<string, string>): Running & { spawnError: () => Error | undefined } {
  const args = ['-D', place.pgdata, '-k', place.socketFolder, '-p', '5432']
  for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`)
  // Early words go to a file: a pipe would end with us, while the server goes on.
  const output = openSync(place.startLog, 'w', 0o600)
  // detached: Ctrl-C in a terminal must reach us first, not the database in the same instant.
  const child = spawn(place.binaries.postgres, args, {
    cwd: place.pgdata,
    env: MINIMAL_ENV,
    stdio: ['ignore', output, output],
    detached: true,
    ...identity(place.account),
  })
  closeSync(output)
  let failed: Error | undefined
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      failed = error
      resolve()
    })
    child.once('exit', () => resolve())
  })
  child.unref()
  return { pid: child.pid ?? -1, adopted: false, exited, hold: () => child.ref(), spawnError: () => failed }
}

/** Waits until the server says it is ready, as long as it lives and moves. False: it ended. */
async function becomesReady(running: Running, place: Place, clock: Clock): Promise<boolean> {
  let lastWork = -1
  let lastMoved = clock.monotonic()
  let lastLook = 0
  for (;;) {
    const file = readPidFile(place.pgdata)
    if (file?.pid === running.pid && file.status === 'ready') return true
    if (!isAlive(running.pid)) return false
    const now = clock.monotonic()
    if (now - lastLook > 1000) {
      lastLook = now
      const work = workDone(running.pid)
      if (work !== lastWork) lastMoved = now
      lastWork = work
      if (now - lastMoved > STILL_MS)
        throw new Error(
          `The database in ${place.pgdata} does not become ready and has not moved for a minute. See ${join(place.pgdata, 'log')}`,
        )
    }
    await clock.sleep(15)
  }
}

/** What the server said before it ended: on standard error, or once the collector ran in its newest log file. */
function lastWords(place: Place): string {
  const early = readFileSync(place.startLog, 'utf8').trim()
  if (!early.includes('redirecting log output')) return early
  const folder = join(place.pgdata, 'log')
  const files = readdirSync(folder).map((name) => join(folder, name))
  const newest = files.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0]
  const lines = newest ? readFileSync(newest, 'utf8').trim().split('\n') : []
  return lines.slice(-4).join(' | ')
}

async function startOnce(
  place: Place,
  settings: Record<string, string>,
  clock: Clock,
  until: AbortSignal,
): Promise<Running> {
  const began = clock.monotonic()
  for (;;) {
    const old = adopt(place, clock, until)
    if (old) {
      if (await becomesReady(old, place, clock)) return old
      continue
    }
    // Children of a killed postmaster still hold the shared memory: they go by themselves.
    if (leftovers(place.pgdata).length > 0 && clock.monotonic() - began < STILL_MS) {
      await clock.sleep(50)
      continue
    }
    // Nobody serves this folder (proven by /proc), so these are stale whoever has that pid now, even a zombie.
    for (const stale of [join(place.pgdata, 'postmaster.pid'), join(place.socketFolder, '.s.PGSQL.5432.lock')])
      rmSync(stale, { force: true })
    const running = launch(place, settings)
    if (running.pid > 0 && (await becomesReady(running, place, clock))) return running
    // The child does not keep us alive, the look at it does.
    await Promise.race([running.exited, gone(running.pid, clock)])
    if (running.spawnError())
      throw new Error(
        `PostgreSQL could not be started as ${place.account.name}: ${running.spawnError()!.message} (${place.binaries.postgres})`,
      )
    const said = lastWords(place)
    if (REFUSED_FOR_NOW.test(said) && clock.monotonic() - began < STILL_MS) {
      await clock.sleep(100)
      continue
    }
    throw new Error(
      `The database in ${place.pgdata} does not start. It says: ${said || '(nothing)'}. See also ${join(place.pgdata, 'log')}`,
    )
  }
}

/** Starts (or adopts) the server of a data folder; resolves when it takes connections. */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const { clock, log } = options
  const released = new AbortController()
  const isReleased = (): boolean => released.signal.aborted
  const place = prepare(options)
  const settings = { ...serverSettings(options.profile ?? 'small'), ...options.settings }
  await initialise(place, options.tell)
  options.tell?.('Starting the database')
  let running = await startOnce(place, settings, clock, released.signal)
  const adopted = running.adopted
  log.info(
    { pid: running.pid, adopted, account: place.account.name },
    adopted ? 'database adopted' : 'database started',
  )

  const watch = async (): Promise<void> => {
    for (let wait = 0; !isReleased();) {
      const since = clock.monotonic()
      await running.exited
      if (isReleased()) return
      if (clock.monotonic() - since > 60_000) wait = 0
      log.error({ pid: running.pid }, 'the database ended; starting it again')
      if (wait > 0) await clock.sleep(wait)
      wait = Math.min(wait * 2 + 100, 10_000)
      if (isReleased()) return
      try {
        running = await startOnce(place, settings, clock, released.signal)
        log.info({ pid: running.pid }, 'database started again')
      } catch (error) {
        log.error({ err: (error as Error).message }, 'the database could not be started again; trying on')
        running = { pid: -1, adopted: false, exited: Promise.resolve() }
      }
    }
  }
  const watcher = watch()

  return {
    connection: { host: place.socketFolder, port: 5432, user: DATABASE_USER, database: 'postgres' },
    pid: () => running.pid,
    account: place.account,
    adopted,
    release() {
      released.abort()
    },
    async stop() {
      released.abort()
      await end(running, clock)
      // A restart that was under way has come to its end now, and perhaps to a new server.
      await watcher
      await end(running, clock)
    },
  }
}

/** Fast shutdown; after ten seconds immediate (the WAL replays it). Never SIGKILL. */
async function end({ pid, adopted, exited, hold }: Running, clock: Clock): Promise<void> {
  // It may be seen dead before we hear of its end, and whoever stops us waits for that: nothing else keeps us here then.
  hold?.()
  if (pid <= 0 || !isAlive(pid)) return
  signal(pid, 'SIGINT')
  const timer = clock.after(10_000, () => signal(pid, 'SIGQUIT'), { hold: false })
  // Of an adopted server `exited` only says that we no longer watch it.
  await (adopted ? gone(pid, clock) : Promise.race([exited, gone(pid, clock)]))
  timer.cancel()
}

function signal(pid: number, name: 'SIGINT' | 'SIGQUIT'): void {
  try {
    process.kill(pid, name)
  } catch {
    // it ended by itself meanwhile
  }
}

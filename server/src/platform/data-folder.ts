/**
 * The data folder: made with the right modes, held by one server at a time, and where the CLI finds a running server.
 * As root the folder may be passed through (0711), because the embedded database runs as another account and lives
 * below it; secrets in it are files of mode 0600.
 *
 * Promises: of several processes that want the lock exactly one gets it; a lock whose holder is gone is taken over.
 */
import { chmodSync, linkSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import type { ProcessIdentity } from './process-identity.ts'
import { isRunning, thisProcess } from './process-identity.ts'
import { makeFolder, tryWriting } from './own-folder.ts'

export interface DataLock {
  release(): void
}

/** What a running server says about itself, for the CLI and for whoever started it. */
export interface RunningServer {
  process: ProcessIdentity
  version: string
  startedAt: string
  /** by listener name, e.g. { mx: 2525, http: 8080 } */
  ports: Record<string, number>
  /** true: its database is the embedded one of this folder */
  embedded: boolean
}

/** Makes the folder where it is missing and sets its mode; returns its real path. */
export function openDataFolder(path: string): string {
  const isRoot = process.getuid?.() === 0
  const own = { path, what: 'The data folder', choose: 'with --data DIR or HOLDFAST_DATA' }
  makeFolder(own)
  const folder = realpathSync(path)
  const info = statSync(folder)
  if (!isRoot && info.uid !== process.getuid!())
    throw new Error(
      `The data folder ${folder} belongs to user id ${info.uid}. Run as that user, or choose another with --data or HOLDFAST_DATA.`,
    )
  // Nobody else may list or write; as root the database's account may pass through.
  const wanted = isRoot ? 0o711 : 0o700
  if ((info.mode & 0o777) !== wanted) chmodSync(folder, wanted)
  tryWriting(own)
  return folder
}

function readJson<T>(file: string): T | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T
  } catch {
    return null
  }
}

/** Writes a file whole or not at all. */
export function writeWhole(file: string, text: string, mode = 0o600): void {
  const scratch = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  writeFileSync(scratch, text, { mode, flush: true })
  renameSync(scratch, file)
}

const lockFile = (folder: string): string => join(folder, 'holdfast.lock')
const isIdentity = (value: ProcessIdentity | null): value is ProcessIdentity =>
  typeof value?.pid === 'number' && typeof value.started === 'string'

/** The live process that holds the folder, or null. */
export function lockHolder(folder: string): ProcessIdentity | null {
  const holder = readJson<ProcessIdentity>(lockFile(folder))
  return isIdentity(holder) && isRunning(holder) ? holder : null
}

/** Takes the folder for this process, or returns null when a live process (this one too) has it. */
export function tryLock(folder: string): DataLock | null {
  const file = lockFile(folder)
  const mark = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  const mine = JSON.stringify({ ...thisProcess(), mark })
  writeFileSync(mark, mine, { mode: 0o600 })
  const holds = (): boolean => readJson<{ mark: string }>(file)?.mark === mark
  try {
    for (let round = 0; round < 5; round++) {
      try {
        // link() puts the finished file in place or fails: nobody ever sees half a lock.
        linkSync(mark, file)
        if (!holds()) continue
        return {
          release() {
            if (holds()) rmSync(file, { force: true })
          },
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      if (lockHolder(folder)) return null
      removeStale(file)
    }
    return null
  } finally {
    rmSync(mark, { force: true })
  }
}

/** Moves a dead process's lock away; puts it back if it turns out that somebody living had just taken it. */
function removeStale(file: string): void {
  const away = `${file}.stale.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    renameSync(file, away)
  } catch {
    return // somebody else was faster
  }
  const holder = readJson<ProcessIdentity>(away)
  if (isIdentity(holder) && isRunning(holder)) {
    try {
      linkSync(away, file)
    } catch {
      // and a third has it now; its owner will see that it lost
    }
  }
  rmSync(away, { force: true })
}

/** As tryLock, but says who has it. */
export function lockDataFolder(folder: string): DataLock {
  const lock = tryLock(folder)
  if (lock) return lock
  throw new Error(
    `Holdfast already runs on ${folder} (process ${lockHolder(folder)?.pid ?? 'unknown'}). Stop it first, or choose another data folder.`,
  )
}

const runningFile = (folder: string): string => join(folder, 'running.json')

export function writeRunning(folder: string, running: Omit<RunningServer, 'process'>): void {
  writeWhole(runningFile(folder), `${JSON.stringify({ process: thisProcess(), ...running }, null, 2)}\n`)
}

/** The server that runs on this folder, or null (also when it was killed and left its file behind). */
export function readRunning(folder: string): RunningServer | null {
  const running = readJson<RunningServer>(runningFile(folder))
  return running && isIdentity(running.process) && isRunning(running.process) ? running : null
}

export function clearRunning(folder: string): void {
  const running = readJson<RunningServer>(runningFile(folder))
  if (running?.process.pid === process.pid) rmSync(runningFile(folder), { force: true })
}

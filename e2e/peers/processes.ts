/** Small things every peer needs: a folder others may enter, a free port, waiting for a port, stopping by process id. */
import { chmodSync, mkdtempSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'

export const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds)
  })

/** A new folder that daemons which drop their rights can still enter. */
export function peerFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `hf-${name}-`))
  chmodSync(folder, 0o755)
  return folder
}

/** Below the range of which the kernel takes the near ends of connections (Linux: from 32768). */
const LOWEST = 12_000
const HIGHEST = 32_000

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

/**
 * A port that a server can take, and take again after it was down: one of the kernel's own choice could be the near end of
 * somebody's connection by then.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST))
    if (await isFree(port)) return port
  }
  throw new Error(`no free port between ${LOWEST} and ${HIGHEST}`)
}

export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(await freePort())
  return [...ports]
}

const answers = (port: number, host: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, host)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

export async function waitForPort(port: number, milliseconds = 15_000, host = '127.0.0.1'): Promise<void> {
  const end = Date.now() + milliseconds
  while (!(await answers(port, host))) {
    if (Date.now() > end) throw new Error(`nothing listens on port ${port} after ${milliseconds} ms`)
    await sleep(50)
  }
}

/** Polls until the answer is not undefined, null or false. */
export async function until<T>(
  what: string,
  ask: () => Promise<T> | T,
  milliseconds = 30_000,
  every = 100,
): Promise<NonNullable<T>> {
  const end = Date.now() + milliseconds
  let last: unknown
  for (;;) {
    try {
      const value = await ask()
      if (value !== undefined && value !== null && value !== false) return value
      last = value
    } catch (error) {
      last = error
    }
    if (Date.now() > end) throw new Error(`waited ${milliseconds} ms for: ${what}`, { cause: last })
    await sleep(every)
  }
}

export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    // a zombie is dead
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Direct and indirect children of a process, itself last. */
export function familyOf(pid: number): number[] {
  const rows = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number])
  const found: number[] = []
  const walk = (parent: number): void => {
    for (const [child, of] of rows) if (of === parent) walk(child)
    found.push(parent)
  }
  walk(pid)
  return found
}

export function readPid(file: string): number | null {
  try {
    const pid = Number(readFileSync(file, 'utf8').trim().split('\n')[0])
    return Number.isInteger(pid) && pid > 1 ? pid : null
  } catch {
    return null
  }
}

/** Asks kindly, then firmly; resolves when it is gone. */
export async function stopPid(
  pid: number | null,
  signal: NodeJS.Signals = 'SIGTERM',
  patience = 10_000,
): Promise<void> {
  if (pid === null || !isAlive(pid)) return
  process.kill(pid, signal)
  const end = Date.now() + patience
  while (isAlive(pid)) {
    if (Date.now() > end) process.kill(pid, 'SIGKILL')
    await sleep(30)
  }
}

/**
 * SIGKILL to a daemon and all that it started, at one instant: all stand still first, or one of them would see another die
 * and answer for it (an smtpd says 451 for a message that its cleanup has just put into the queue).
 */
export async function killFamily(pid: number | null): Promise<void> {
  if (pid === null || !isAlive(pid)) return
  const signal = (one: number, name: 'SIGSTOP' | 'SIGKILL'): void => {
    try {
      process.kill(one, name)
    } catch {
      // gone already
    }
  }
  const still = new Set<number>()
  const newcomers = (): number[] => familyOf(pid).filter((one) => !still.has(one))
  for (let found = newcomers(); found.length > 0; found = newcomers())
    for (const one of found) {
      signal(one, 'SIGSTOP')
      still.add(one)
    }
  const family = [...still]
  for (const one of family) signal(one, 'SIGKILL')
  while (family.some(isAlive)) await sleep(20)
}

/** Debian's PostgreSQL 15 in a folder of its own: the oldest server that is promised. fsync stays on. */
import { execFileSync, spawn } from 'node:child_process'
import { chownSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, peerFolder, stopPid, waitForPort } from './processes.ts'

const bin = '/usr/lib/postgresql/15/bin'

export interface Postgres15 {
  url: string
  folder: string
  pid: () => number
  start(): Promise<void>
  stop(): Promise<void>
  remove(): Promise<void>
}

/** PostgreSQL refuses root: there the package's own account runs it. */
function account(): { uid: number; gid: number } | object {
  if (process.getuid?.() !== 0) return {}
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((one) => one.startsWith('postgres:'))
  if (!line) throw new Error('no account named postgres; it comes with the package postgresql-15')
  const [, , uid, gid] = line.split(':')
  return { uid: Number(uid), gid: Number(gid) }
}

export async function startPostgres15(): Promise<Postgres15> {
  const folder = peerFolder('pg15')
  const data = join(folder, 'data')
  const who = account()
  mkdirSync(data, { mode: 0o700 })
  if ('uid' in who) chownSync(data, who.uid, who.gid)
  const env = { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC' }
  execFileSync(
    `${bin}/initdb`,
    ['-D', data, '-U', 'holdfast', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'],
    { ...who, cwd: data, env, stdio: 'ignore' },
  )
  const port = await freePort()
  let pid = 0
  const server: Postgres15 = {
    url: `postgres://holdfast@127.0.0.1:${port}/postgres`,
    folder,
    pid: () => pid,
    async start() {
      const child = spawn(
        `${bin}/postgres`,
        ['-D', data, '-k', '', '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'max_connections=200'],
        {
          ...who,
          cwd: data,
          env,
          stdio: 'ignore',
          detached: true,
        },
      )
      pid = child.pid!
      child.unref()
      await waitForPort(port, 60_000)
      // the port is open a moment before the server takes queries
      for (let i = 0; i < 100; i++)
        try {
          execFileSync(`${bin}/pg_isready`, ['-h', '127.0.0.1', '-p', String(port), '-q'])
          return
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
      throw new Error('PostgreSQL 15 does not become ready')
    },
    stop: () => stopPid(pid, 'SIGINT'),
    async remove() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  await server.start()
  return server
}

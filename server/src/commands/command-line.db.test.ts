/** The command line as an admin meets it: exit codes, JSON, and commands that share a data folder. */
import { spawn } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { program } from '../../testkit/program.ts'
import { makeOrganisation } from '../../testkit/factories.ts'
import { temporaryFolder } from '../../testkit/test-server.ts'
import { systemClock } from '../platform/clock.ts'
import { configSchema } from '../platform/config/config.ts'
import { silentLog } from '../platform/log.ts'
import { openStorage } from './storage.ts'

const folder = temporaryFolder('hf-cli-')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Ran {
  code: number | null
  out: string
  err: string
}

function holdfast(...args: string[]): Promise<Ran> {
  const child = spawn(process.execPath, [...program, ...args], {
    // no port of the machine's may decide a case
    env: {
      PATH: process.env.PATH,
      HOLDFAST_DATA: folder,
      HOLDFAST_LISTEN_MX_PORT: '0',
      HOLDFAST_LISTEN_SUBMISSION_PORT: '0',
      HOLDFAST_LISTEN_SUBMISSIONS_PORT: '0',
      HOLDFAST_LISTEN_HTTP_PORT: '0',
    },
  })
  const ran: Ran = { code: null, out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => (ran.out += chunk.toString()))
  // Running as nobody is warned about, rightly; it is not what these cases are about.
  child.stderr.on('data', (chunk: Buffer) => (ran.err += chunk.toString().replace(/^.*runs as nobody.*\n/gm, '')))
  return new Promise((resolve) => child.once('close', (code) => resolve({ ...ran, code })))
}

test('commands on one data folder share the database of whoever started it; the last one leaves nothing running', async () => {
  const nowhere = await holdfast('check', '--json')
  expect(nowhere).toMatchObject({ code: 2, out: expect.stringContaining('There is no Holdfast in') as string })
  const made = await Promise.all([holdfast('migrate', '--json'), holdfast('migrate', '--json')])
  expect(made.map((one) => [one.code, one.err])).toEqual(made.map(() => [0, '']))
  const ran = await Promise.all([
    holdfast('migrate', '--json'),
    holdfast('check', '--json'),
    holdfast('check', '--json'),
  ])
  expect(ran.map((one) => [one.code, one.err])).toEqual(ran.map(() => [0, '']))
  expect(JSON.parse(ran[2].out)).toMatchObject({ problems: [] })
  const later = await holdfast('migrate', '--check')
  expect(later).toMatchObject({ code: 0, err: '' })
}, 180_000)

test('doctor makes nothing in a mistyped folder', async () => {
  const mistyped = join(folder, 'mistyped')
  for (const more of [[], ['--recovery-sheet']]) {
    const { code, out } = await holdfast('doctor', '--json', '--data', mistyped, ...more)
    expect({ code, out }).toMatchObject({ code: 2, out: expect.stringContaining('There is no Holdfast in') as string })
  }
  expect(existsSync(mistyped)).toBe(false)
}, 180_000)

test('doctor says for every line ok or what to do', async () => {
  const { code, out } = await holdfast('doctor', '--json')
  const { findings } = JSON.parse(out) as { findings: { name: string; standing: string; remedy: string }[] }
  expect(findings.map((finding) => finding.name)).toEqual(
    expect.arrayContaining(['node', 'disk', 'database', 'clock', 'master key', 'certificate', 'data folder']),
  )
  for (const finding of findings) expect(finding.standing === 'ok', JSON.stringify(finding)).toBe(finding.remedy === '')
  expect(code).toBe(findings.some((finding) => finding.standing === 'wrong') ? 1 : 0)
}, 180_000)

test('wrong calls and wrong configuration end with 2, in JSON when asked', async () => {
  const file = join(folder, 'wrong.yaml')
  writeFileSync(file, 'hostnam: x\n')
  const [unknown, config] = await Promise.all([
    holdfast('no-such-command'),
    holdfast('doctor', '--config', file, '--json'),
  ])
  expect(unknown.code).toBe(2)
  expect(config.code).toBe(2)
  expect((JSON.parse(config.out) as { error: { text: string } }).error.text).toContain('Did you mean hostname?')
}, 180_000)

// A database that is given is a safe one: the case does not exist there.
const whereWeRunIt = (name: string, run: () => Promise<void>, ms: number): void => {
  if (process.env.HOLDFAST_TEST_DATABASE_URL === undefined) test(name, run, ms)
}

whereWeRunIt(
  'an unsafe database is refused by every command',
  async () => {
    const child = spawn(process.execPath, [...program, 'check', '--json'], {
      // the server that tests share runs with fsync off
      env: { PATH: process.env.PATH, HOLDFAST_DATA: folder, DATABASE_URL: sharedUrl() },
    })
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    const code = await new Promise((resolve) => child.once('close', resolve))
    expect(out).toContain('fsync=off')
    expect(code).toBe(1)
  },
  60_000,
)

function sharedUrl(): string {
  const { connection } = JSON.parse(process.env.HOLDFAST_TEST_SERVER!) as {
    connection: { host: string; port: number; user: string }
  }
  return `postgres://${connection.user}@localhost:${connection.port}/postgres?host=${encodeURIComponent(connection.host)}`
}

test('a missing master key is not replaced while secrets are sealed with it: serve refuses, doctor says why', async () => {
  const data = temporaryFolder('hf-key-')
  try {
    const storage = await openStorage({
      dataFolder: data,
      config: configSchema.parse({}),
      clock: systemClock,
      log: silentLog,
      schema: 'bring',
    })
    const { organisationId } = await makeOrganisation(storage.db, { domain: 'key.test' })
    await storage.db.query(`UPDATE domain SET dkim_private_sealed = '\\x01' WHERE organisation_id = $1`, [
      organisationId,
    ])
    await storage.close()
    const served = await holdfast('serve', '--json', '--data', data)
    expect(served.out).toMatch(/master\.key is missing.*--restore-master-key/)
    expect(served.code).toBe(1)
    expect(existsSync(join(data, 'master.key'))).toBe(false)
    const { out } = await holdfast('doctor', '--json', '--data', data)
    expect((JSON.parse(out) as { findings: unknown[] }).findings).toContainEqual(
      expect.objectContaining({ name: 'sealed secrets', standing: 'wrong' }),
    )
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}, 180_000)

test('mode pins the route of a mail system; of a way out it says what to do instead', async () => {
  const storage = await openStorage({
    dataFolder: folder,
    config: configSchema.parse({}),
    clock: systemClock,
    log: silentLog,
    schema: 'bring',
  })
  await makeOrganisation(storage.db, { domain: 'pins.test' })
  await storage.close()
  const [pinned, refused] = await Promise.all(
    ['primary', 'outbound'].map((route) => holdfast('mode', 'pin', route, 'hold', '--reason', 'drill')),
  )
  expect(pinned).toMatchObject({ code: 0, out: expect.stringContaining('pinned hold by cli:') as string })
  expect(refused).toMatchObject({ code: 1, out: '', err: expect.stringContaining('outboundRoute') as string })
}, 180_000)

/** Roles apart on the embedded database: whoever starts first, only the process with `work` holds the folder. */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { program } from '../../testkit/program.ts'
import { fakeClock } from '../../testkit/fake-clock.ts'
import { temporaryFolder } from '../../testkit/test-server.ts'
import { configSchema } from '../platform/config/config.ts'
import { lockHolder } from '../platform/data-folder.ts'
import { silentLog } from '../platform/log.ts'
import { openStorage } from './storage.ts'

const folder = temporaryFolder('hf-roles-')
const children: ChildProcess[] = []
afterAll(async () => {
  for (const child of children.reverse()) await ended(child)
  rmSync(folder, { recursive: true, force: true })
})

function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode)
  child.kill('SIGTERM')
  return new Promise((resolve) => child.once('exit', resolve))
}
function serve(roles: string): { child: ChildProcess; said: () => string; ready: Promise<boolean> } {
  const child = spawn(process.execPath, [...program, 'serve', '--json', '--roles', roles], {
    env: {
      PATH: process.env.PATH,
      HOLDFAST_DATA: folder,
      HOLDFAST_LISTEN_MX_PORT: '0',
      HOLDFAST_LISTEN_SUBMISSION_PORT: '0',
      HOLDFAST_LISTEN_SUBMISSIONS_PORT: '0',
      HOLDFAST_LISTEN_HTTP_PORT: '0',
    },
  })
  children.push(child)
  let said = ''
  const ready = new Promise<boolean>((resolve) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        said += chunk.toString()
        if (said.includes('"ready":true')) resolve(true)
      })
    child.once('exit', () => resolve(false))
  })
  return { child, said: () => said, ready }
}

test('a minute without the process with `work`: the sentence says what to start; nothing was made', async () => {
  const empty = temporaryFolder('hf-roles-')
  const clock = fakeClock()
  const opened = openStorage({
    dataFolder: empty,
    config: configSchema.parse({}),
    clock,
    log: silentLog,
    join: true,
    schema: 'bring',
  }).then(
    () => 'opened',
    (error: unknown) => (error as Error).message,
  )
  await clock.advance(61_000)
  expect(await opened).toMatch(/No Holdfast with the role work runs on .*Start it first.*DATABASE_URL/)
  expect(lockHolder(empty)).toBeNull()
  expect(existsSync(join(empty, 'postgres'))).toBe(false)
  rmSync(empty, { recursive: true, force: true })
})

test('the front starts first, waits, and joins; it leaves the folder to the one with `work`', async () => {
  const front = serve('mx')
  for (let i = 0; i < 300 && !front.said().includes('waiting for the process'); i++)
    await new Promise((resolve) => setTimeout(resolve, 50))
  expect(front.said()).toContain('waiting for the process with the role work')
  expect(lockHolder(folder)).toBeNull()
  const back = serve('work,deliver')
  expect(await back.ready, back.said()).toBe(true)
  expect(await front.ready, front.said()).toBe(true)
  expect(lockHolder(folder)?.pid).toBe(back.child.pid)
  expect(await ended(front.child)).toBe(0)
  expect(await ended(back.child)).toBe(0)
}, 60_000)

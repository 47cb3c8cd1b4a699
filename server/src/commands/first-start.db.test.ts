/** The first start says what it is doing while the database is made. */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { program } from '../../testkit/program.ts'
import { temporaryFolder } from '../../testkit/test-server.ts'

test('every step that takes seconds is announced on standard error, in order; standard output stays the result', async () => {
  const folder = temporaryFolder('hf-first-')
  const child = spawn(process.execPath, [...program, 'serve', '--json'], {
    env: {
      PATH: process.env.PATH,
      HOLDFAST_DATA: join(folder, 'data'),
      HOLDFAST_LISTEN_MX_PORT: '0',
      HOLDFAST_LISTEN_SUBMISSION_PORT: '0',
      HOLDFAST_LISTEN_SUBMISSIONS_PORT: '0',
      HOLDFAST_LISTEN_HTTP_PORT: '0',
    },
  })
  try {
    let log = ''
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
    const ready = await new Promise<string>((resolve) =>
      child.stdout.once('data', (b: Buffer) => resolve(b.toString())),
    )
    expect(JSON.parse(ready)).toMatchObject({ ready: true })
    const steps = [
      'Making the database in ',
      'Starting the database',
      'database started',
      'Making the tables',
      'migrated',
    ]
    const lines = log.trim().split('\n')
    const said = lines.map((line) => (JSON.parse(line) as { msg: string }).msg)
    const places = steps.map((step) => said.findIndex((text) => text.startsWith(step)))
    expect(places).not.toContain(-1)
    expect(places).toEqual([...places].sort((a, b) => a - b))
  } finally {
    const ended = new Promise((resolve) => child.once('close', resolve))
    child.kill()
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
}, 120_000)

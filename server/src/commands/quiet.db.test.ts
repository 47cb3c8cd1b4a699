/** Quiet times on the command line: set by a file, shown with how they stand, extended, released, taken away. */
import { spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { program } from '../../testkit/program.ts'
import { temporaryFolder } from '../../testkit/test-server.ts'

const folder = temporaryFolder('hf-quiet-')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function holdfast(...args: string[]): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, [...program, ...args], {
    env: { PATH: process.env.PATH, HOLDFAST_DATA: folder },
  })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()))
  return new Promise((resolve) => child.once('close', (code) => resolve({ out, code })))
}

test('windows by name, what they hold, early release and longer', async () => {
  const file = join(folder, 'org.yaml')
  writeFileSync(
    file,
    `organisations:
  - slug: harbour
    name: Harbour
    routes: [{ name: primary, settings: { hosts: [{ host: 127.0.0.1 }] } }]
    quietTimes:
      - name: Patch night
        zone: Europe/Berlin
        monthly: { nth: 2, day: tue, from: "22:00", to: "02:00" }
        modes: stay
`,
  )
  expect(await holdfast('migrate')).toMatchObject({ code: 0 })
  expect(await holdfast('apply', '-f', file, '--yes')).toMatchObject({
    code: 0,
    out: expect.stringContaining('create quiet time Patch night') as string,
  })
  expect((await holdfast('quiet')).out).toMatch(
    /Patch night: everybody, 2\. tue of the month 22:00-02:00 Europe\/Berlin {2}modes: stay\n {6}next \S+ to \S+ {2}held 0/,
  )
  const until = new Date(Date.now() + 3_600_000).toISOString()
  const extended = await holdfast('quiet', 'extend', 'Patch night', '--until', until)
  expect(extended.out).toContain(`OPEN until ${until} (extended)`)
  expect((await holdfast('quiet', 'held')).out).toContain('Nothing is held.')
  expect((await holdfast('quiet', 'release', 'Patch night')).out).toMatch(/next \S+ to \S+ {2}held 0/)
  expect(await holdfast('quiet', 'release', 'Patch night')).toMatchObject({
    out: expect.stringContaining('is not open now') as string,
  })
  const unknown = await holdfast('quiet', 'release', 'Night')
  expect(unknown).toMatchObject({ code: 2, out: expect.stringContaining('there are "Patch night"') as string })
  expect((await holdfast('quiet', 'remove', 'Patch night')).out).toContain('Removed.')
  expect((await holdfast('quiet')).out).toContain('no quiet times')
}, 120_000)

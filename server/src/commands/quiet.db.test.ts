/** Quiet times on the command line: set by a file, shown with how they stand, extended, released, taken away. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { call } from '../../testkit/call.ts'
import { temporaryFolder } from '../../testkit/test-server.ts'
import { systemClock } from '../platform/clock.ts'
import { configSchema } from '../platform/config/config.ts'
import { silentLog } from '../platform/log.ts'
import { openStorage, type Storage } from './storage.ts'

const folder = temporaryFolder('hf-quiet-')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** One embedded database for all the commands: each beside a holder of the folder, as beside a server. */
let storage: Storage
beforeAll(async () => {
  storage = await openStorage({
    dataFolder: folder,
    config: configSchema.parse({}),
    clock: systemClock,
    log: silentLog,
    schema: 'bring',
  })
}, 60_000)
afterAll(() => storage.close())

const holdfast = (...args: string[]): ReturnType<typeof call> => call(...args, '--data', folder)

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
    err: expect.stringContaining('is not open now') as string,
  })
  const unknown = await holdfast('quiet', 'release', 'Night')
  expect(unknown).toMatchObject({ code: 2, err: expect.stringContaining('there are "Patch night"') as string })
  expect((await holdfast('quiet', 'remove', 'Patch night')).out).toContain('Removed.')
  expect((await holdfast('quiet')).out).toContain('no quiet times')
}, 120_000)

/** Pins on the command line: a route, a domain, a group, a person, everybody; shown, and who decided a person's mode. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { call } from '../../testkit/call.ts'
import { temporaryFolder } from '../../testkit/test-server.ts'
import { systemClock } from '../platform/clock.ts'
import { configSchema } from '../platform/config/config.ts'
import { silentLog } from '../platform/log.ts'
import { openStorage, type Storage } from './storage.ts'

const folder = temporaryFolder('hf-mode-')
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

test('each target is pinned by name, shown, and taken away; the narrowest is named as who decided', async () => {
  const file = join(folder, 'org.yaml')
  writeFileSync(
    file,
    `organisations:
  - slug: harbour
    name: Harbour
    routes: [{ name: primary, settings: { hosts: [{ host: 127.0.0.1 }] } }]
    domains: [{ name: harbour.test, route: primary }]
    groups: [{ name: Office }]
    people: [{ name: Alice, addresses: [alice@harbour.test], group: Office }]
`,
  )
  expect(await holdfast('migrate')).toMatchObject({ code: 0 })
  expect(await holdfast('apply', '-f', file, '--yes')).toMatchObject({ code: 0 })
  const person = ['--person', 'Alice@harbour.test']
  expect((await holdfast('mode', ...person)).out).toMatch(/^alice@harbour\.test {2}normal {2}decided by: engine/)
  expect((await holdfast('mode', 'pin', 'emergency', '--everybody', '--reason', 'drill')).out).toMatch(
    /^organisation Harbour: pinned emergency by \S+: drill$/m,
  )
  expect((await holdfast('mode', ...person)).out).toMatch(/emergency {2}decided by: organisation, \S+, drill/)
  await holdfast('mode', 'pin', 'normal', '--group', 'Office', '--reason', 'needed')
  expect((await holdfast('mode', ...person)).out).toMatch(/normal {2}decided by: group, \S+, needed/)
  await holdfast('mode', 'pin', 'hold', '--domain', 'harbour.test', '--reason', 'broken into')
  expect((await holdfast('mode', ...person)).out).toMatch(/hold {2}decided by: domain, \S+, broken into/)
  expect(await holdfast('mode', 'pin', 'primary', 'hold', ...person, '--reason', 'x')).toMatchObject({ code: 2 })
  const both = await holdfast('mode', 'pin', 'hold', '--everybody', ...person, '--reason', 'x')
  expect(both).toMatchObject({ code: 2, err: expect.stringContaining('name one of --everybody') as string })
  const nobody = await holdfast('mode', 'pin', 'hold', '--person', 'eve@harbour.test', '--reason', 'x')
  expect(nobody).toMatchObject({ code: 2, err: expect.stringContaining('There is no person') as string })
  const all = (await holdfast('mode')).out
  for (const line of [
    'organisation Harbour: pinned emergency',
    'group Office: pinned normal',
    'domain harbour.test: pinned hold',
  ])
    expect(all).toContain(line)
  for (const target of [['--everybody'], ['--group', 'Office'], ['--domain', 'harbour.test']])
    expect((await holdfast('mode', 'unpin', ...target)).out).toContain('no pin')
  expect((await holdfast('mode', 'pin', 'primary', 'hold', '--reason', 'x')).out).toContain('pinned hold')
  expect((await holdfast('mode', ...person)).out).toMatch(/hold {2}decided by: route, \S+, x/)
}, 240_000)

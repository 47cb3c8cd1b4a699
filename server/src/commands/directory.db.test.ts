/** Lists of people on the command line: shown, staged, confirmed or refused; a tired admin reads what comes out. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { call } from '../../testkit/call.ts'
import { expectSound } from '../../testkit/sound.ts'
import { temporaryFolder } from '../../testkit/test-server.ts'
import { systemClock } from '../platform/clock.ts'
import { configSchema } from '../platform/config/config.ts'
import { silentLog } from '../platform/log.ts'
import { openStorage, type Storage } from './storage.ts'

const folder = temporaryFolder('hf-directory-')
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
const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}
interface Shown {
  run: {
    id: string
    state: string
    why: string
    counts: Record<string, number>
    problems: { row: number; code: string }[]
  }
}
const json = async (...args: string[]): Promise<Shown> =>
  JSON.parse((await holdfast('directory', ...args, '--json')).out) as Shown

test('a list from a file to people, and back to no', async () => {
  const organisation = file(
    'org.yaml',
    `organisations:
  - slug: harbour
    name: Harbour
    routes: [{ name: primary, settings: { hosts: [{ host: 127.0.0.1 }] } }]
    domains: [{ name: harbour.test, route: primary }]
    groups: [{ name: Crew }]
    people: [{ name: Alice Keeper, addresses: [alice@harbour.test] }]
    directorySources: [{ name: csv, creations: { most: 3 } }]
`,
  )
  await holdfast('migrate')
  expect((await holdfast('apply', '-f', organisation, '--yes')).out).toContain('create directory source csv')
  expect((await holdfast('apply', '-f', organisation, '--yes')).out).toContain('Up to date.')
  expect((await holdfast('directory', 'runs')).out).toContain('No list was ever read.')

  const list = file(
    'people.csv',
    'Personalnummer;Name;E-Mail;Gruppe;Kostenstelle\n1;Alice K.;alice@harbour.test;Crew;\n2;Bob Rower;bob@harbour.test;Crw;1\n3;Carol;carol@harbour.test;;2\n',
  )
  const dry = await holdfast('directory', 'import', list, '--dry-run')
  expect(dry).toMatchObject({ code: 0, err: '' })
  expect(dry.out)
    .toBe(`Read as utf-8, separated by semicolon: Personalnummer = id, Name = name, E-Mail = email, Gruppe = group.
Columns that are not used: Kostenstelle.

3 rows: 1 new, 1 changed, 0 going, 0 as they are, 1 problems.

New:
  + Carol: carol@harbour.test

Changed:
  ~ Alice Keeper: is also in this list, with the id 1; group: none -> Crew

Rows that cannot be used; nothing is done to the people they are about:
  row 3: there is no group "Crw"; did you mean "Crew"? Add the group (holdfast apply), or correct its name.

Nothing was changed or kept. For real it would be staged: the first list of this source.
`)
  const staged = await json('import', list)
  expect(staged.run).toMatchObject({ state: 'staged', problems: [{ row: 3, code: 'unknown-group' }] })
  const { id } = staged.run
  expect((await holdfast('directory', 'show', id)).out).toContain(`Yes: holdfast directory confirm ${id}`)
  expect((await holdfast('directory', 'confirm', id)).out).toContain('Applied')
  expect(await holdfast('directory', 'confirm', id)).toMatchObject({
    code: 1,
    err: expect.stringContaining('waits for nobody') as string,
  })
  expect(await holdfast('directory', 'show', 'x')).toMatchObject({ code: 2 })
  expect(await holdfast('directory', 'show', id.replace(/^./, 'f'))).toMatchObject({ code: 2 })
  expect((await holdfast('apply', '-f', organisation, '--yes')).out).toContain('change person Alice Keeper')

  const row = (n: number) => `${n};P${n};p${n}@harbour.test;;\n`
  const many = file(
    'many.csv',
    `Personalnummer;Name;E-Mail;Gruppe;Kostenstelle\n1;A;alice@harbour.test;Crew;\n3;Carol;carol@harbour.test;;\n${[4, 5, 6, 7].map(row).join('')}`,
  )
  const asked = await holdfast('directory', 'import', many, '--apply')
  expect(asked).toMatchObject({
    code: 1,
    out: expect.stringContaining('It asks: 4 people would be new, and 3 may without a question.') as string,
  })
  const [newest] = (
    JSON.parse((await holdfast('directory', 'runs', '--json')).out) as { runs: { id: string; state: string }[] }
  ).runs
  expect(newest).toMatchObject({ state: 'asks' })
  expect((await holdfast('directory', 'refuse', newest!.id)).out).toContain('Refused; nothing was changed')
  const few = file(
    'few.csv',
    `Personalnummer;Name;E-Mail;Gruppe;Kostenstelle\n1;A;alice@harbour.test;Crew;\n3;Carol;carol@harbour.test;;\n${row(4)}`,
  )
  expect(await holdfast('directory', 'import', few, '--apply')).toMatchObject({
    code: 0,
    out: expect.stringContaining('Applied') as string,
  })

  const cut = file('cut.csv', 'Name;E-Mail\n"Alice;alice@harbour.test\n')
  expect(await holdfast('directory', 'import', cut)).toMatchObject({
    code: 2,
    err: expect.stringMatching(/Line \d: a quote/) as string,
  })
  expect((await holdfast('directory', 'runs')).out).toMatch(/ failed .*\n +Line \d: a quote/)
  expect(await holdfast('directory', 'import', join(folder, 'nowhere.csv'))).toMatchObject({ code: 2 })
  await expectSound(storage.db, null)
}, 120_000)

test('a shared mailbox is explained with who reads it', async () => {
  const path = file(
    'office.yaml',
    `organisations:
  - slug: harbour
    name: Harbour
    groups: [{ name: Crew }]
    people:
      - { name: Ann, addresses: [ann@harbour.test] }
      - name: Office
        addresses: [office@harbour.test]
        shared: { members: [{ person: ann@harbour.test, send: sendAs }, { group: Crew, access: read }] }
`,
  )
  expect((await holdfast('apply', '-f', path, '--yes')).out).toContain('members of the mailbox: 2')
  const { out } = await holdfast('admin', 'address', 'office@harbour.test')
  expect(out).toContain('office@harbour.test (a shared mailbox here)')
  expect(out).toContain('Ann: reads and writes, sends as the mailbox')
  expect(out).toContain('everybody of the group Crew: reads')
  expect((await holdfast('admin', 'address', 'ann@harbour.test')).out).toContain('(a person here)')
  await expectSound(storage.db, null)
})

test('a token for a SCIM client is shown once, listed, and revoked', async () => {
  expect((await holdfast('admin', 'scim')).out).toContain('has no SCIM token, so nobody can write here')
  const made = await holdfast('admin', 'scim', '--new', 'Entra ID', '--days', '30')
  expect(made).toMatchObject({ code: 0, err: '' })
  const token = /hfscim-[\w-]{43}/.exec(made.out)![0]
  expect(made.out).toContain('/scim/v2')
  expect(made.out).toContain('This is no https address')
  const { tokens } = JSON.parse((await holdfast('admin', 'scim', '--json')).out) as {
    tokens: { id: string; name: string }[]
  }
  expect(tokens).toMatchObject([{ name: 'Entra ID', source: 'scim', lastUsedAt: null }])
  expect(JSON.stringify(tokens)).not.toContain(token)
  for (const wrong of [
    ['--new', ' '],
    ['--new', 'x', '--days', '0'],
    ['--new', 'x', '--revoke', 'y'],
    ['--revoke', 'x'],
  ])
    expect(await holdfast('admin', 'scim', ...wrong)).toMatchObject({ code: 2 })
  expect(await holdfast('admin', 'scim', '--new', 'x', '--source', 'csv')).toMatchObject({
    code: 1,
    err: expect.stringContaining('of another kind') as string,
  })
  expect((await holdfast('admin', 'scim', '--revoke', tokens[0]!.id)).out).toContain('what the client wrote stays')
  expect(await holdfast('admin', 'scim', '--revoke', tokens[0]!.id)).toMatchObject({ code: 1 })
  await expectSound(storage.db, null)
})

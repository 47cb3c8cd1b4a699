/** Which servers are taken, by what they say of themselves; real ones are in commands/unsafe-server.db.test.ts. */
import { expect, test } from 'vitest'
import type { Sql } from './database.ts'
import { requireSafeServer, serverSettings } from './server-settings.ts'

const safe = {
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  server_version_num: '170002',
  server_version: '17.2',
  server_encoding: 'UTF8',
}

function saying(settings: Record<string, string>, source = 'configuration file'): Sql {
  const rows = Object.entries(settings).map(([name, setting]) => ({ name, setting, source }))
  return { query: async () => rows } as unknown as Sql
}

test.each([
  [150000, 15],
  [159999, 15],
  [160004, 16],
  [170002, 17],
  [180000, 18],
  [189999, 18],
])('a server that says %i is taken', async (number, major) => {
  expect(await requireSafeServer(saying({ ...safe, server_version_num: String(number) }))).toEqual({
    version: '17.2',
    major,
  })
})

test.each([90600, 130018, 149999, 190000, 200001, 0, NaN])('a server that says %d is not', async (number) => {
  const asked = requireSafeServer(saying({ ...safe, server_version_num: String(number), server_version: '14.9 (old)' }))
  await expect(asked).rejects.toThrow('The database is PostgreSQL 14.9 (old); Holdfast runs on 15 to 18.')
})

test.each(['off', 'local', 'remote_write', ''])('synchronous_commit=%s is not enough', async (synchronous_commit) => {
  await expect(requireSafeServer(saying({ ...safe, synchronous_commit }))).rejects.toThrow(
    /synchronous_commit=.*acknowledged before it is durable.*postgresql\.conf/s,
  )
})

test('remote_apply waits for more than on', async () => {
  await expect(requireSafeServer(saying({ ...safe, synchronous_commit: 'remote_apply' }))).resolves.toBeTruthy()
})

test('a setting the server does not tell counts as unsafe', async () => {
  for (const name of Object.keys(safe))
    await expect(
      requireSafeServer(saying(Object.fromEntries(Object.entries(safe).filter(([one]) => one !== name)))).then(
        () => name,
        () => 'refused',
      ),
    ).resolves.toBe(name === 'server_version' ? name : 'refused')
})

test.each([
  ['configuration file', 'Set synchronous_commit=on in postgresql.conf'],
  ['default', 'Set synchronous_commit=on in postgresql.conf'],
  ['user', 'ALTER ROLE … RESET synchronous_commit'],
  ['database', 'ALTER DATABASE … RESET synchronous_commit'],
  ['database user', 'ALTER ROLE … IN DATABASE … RESET synchronous_commit'],
  ['client', 'out of DATABASE_URL'],
  ['command line', 'out of the command that starts the database'],
])('a setting from the %s comes with its remedy', async (source, remedy) => {
  await expect(requireSafeServer(saying({ ...safe, synchronous_commit: 'off' }, source))).rejects.toThrow(remedy)
})

test('an encoding in which mail cannot be stored is refused', async () => {
  await expect(requireSafeServer(saying({ ...safe, server_encoding: 'SQL_ASCII' }))).rejects.toThrow("ENCODING 'UTF8'")
})

test.each(['serve', 'small'] as const)('our own server is started safe: %s', (profile) => {
  expect(serverSettings(profile)).toMatchObject({ fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on' })
})

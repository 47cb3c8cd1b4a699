/** Uploads: what may have been stored keeps its bytes, what surely was not leaves none. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, type MadeOrganisation } from '../../../testkit/factories.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { systemClock } from '../../platform/clock.ts'
import { configSchema } from '../../platform/config/config.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { ConnectionLost } from '../../platform/db/database-error.ts'
import { diskBlobStore } from '../../store/blobs/disk-blob-store.ts'
import { createBodyIntake, type BodyIntake } from '../queue/index.ts'
import { storeUpload } from './uploads.ts'

let fresh: FreshDatabase
let org: MadeOrganisation
let folder: string
let bodies: BodyIntake
/** how often the chunks of an upload were taken back */
let dropped = 0
beforeAll(async () => {
  fresh = await freshDatabase()
  folder = mkdtempSync(join(tmpdir(), 'hf-upload-'))
  org = await makeOrganisation(fresh.db, { people: ['alice'], domain: 'corp.test' })
  const counting: Database = {
    ...fresh.db,
    query: (text, values, name) => {
      if (text.includes('DELETE FROM body_chunk')) dropped++
      return fresh.db.query(text, values, name)
    },
  }
  const config = configSchema.parse({ storage: { blobBytes: Number.MAX_SAFE_INTEGER } })
  bodies = createBodyIntake({ db: counting, blobs: diskBlobStore(folder), clock: systemClock, config })
})
afterAll(async () => {
  await bodies.stop()
  await expectSound(fresh.db, diskBlobStore(folder))
  await fresh.drop()
  rmSync(folder, { recursive: true, force: true })
})

const PIECES = 5
async function* pieces(breaks = false): AsyncGenerator<Buffer> {
  for (let i = 0; i < PIECES; i++) yield Buffer.alloc(200_000, i)
  if (breaks) throw new Error('the browser went away')
}

/** Uploads with a database whose INSERT of the upload's row ends as `insert` says. */
async function upload(
  insert: (run: () => Promise<object[]>) => Promise<object[]>,
  bytes: AsyncIterable<Buffer> = pieces(),
): Promise<unknown> {
  const db: Database = {
    ...fresh.db,
    // The row is what its one transaction writes.
    transaction: <T>(work: (sql: Sql) => Promise<T>) =>
      insert(() => fresh.db.transaction(work) as Promise<never>) as Promise<T>,
  }
  dropped = 0
  const owner = { organisationId: org.organisationId, personId: org.people['alice']!.personId }
  return storeUpload(
    { db, clock: systemClock, bodies, config: configSchema.parse({}) },
    owner,
    'text/plain',
    bytes,
  ).catch((e: unknown) => e)
}
const count = async (table: string): Promise<number> =>
  (await fresh.db.query<{ n: number }>(`SELECT count(*) AS n FROM ${table}`))[0]!.n

test('the row was written, but the answer was lost: its bytes stay', async () => {
  const before = await count('body_chunk')
  const thrown = await upload(async (run) => {
    await run()
    throw new ConnectionLost('Connection terminated unexpectedly')
  })
  expect(thrown).toBeInstanceOf(Error)
  expect(await count('upload')).toBe(1)
  expect(dropped).toBe(0)
  expect(await count('body_chunk')).toBe(before + 4)
})

test('the database refused the row: the bytes go', async () => {
  const before = await count('body_chunk')
  await upload(() => Promise.reject(Object.assign(new Error('no'), { code: '23502' })))
  await expect.poll(() => count('body_chunk'), { timeout: 10_000 }).toBe(before)
})

test('it broke off on the way in: the bytes go', async () => {
  const before = await count('body_chunk')
  await upload((run) => run(), pieces(true))
  await expect.poll(() => count('body_chunk'), { timeout: 10_000 }).toBe(before)
})

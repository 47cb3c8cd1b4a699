/**
 * Stage for tests of packing: a database, a blob store on a disk, organisations, messages of any age by the real accept
 * statement, and a packer without a pace. `end()` proves that all is sound, and takes everything away.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPacker, type Packer } from '../src/core/packing/index.ts'
import { systemClock } from '../src/platform/clock.ts'
import { BodyStore } from '../src/platform/codes.ts'
import { configSchema } from '../src/platform/config/config.ts'
import type { Database } from '../src/platform/db/database.ts'
import { newId } from '../src/platform/ids.ts'
import { silentLog } from '../src/platform/log.ts'
import { createMetrics } from '../src/platform/metrics.ts'
import { insertBatch } from '../src/store/accept.ts'
import type { BlobStore } from '../src/store/blobs/blob-store.ts'
import { diskBlobStore } from '../src/store/blobs/disk-blob-store.ts'
import { CHUNK_BYTES, insertChunk, openBody, type BodyRef } from '../src/store/bodies.ts'
import { freshDatabase } from './database.ts'
import { plainIncoming } from './incoming.ts'
import { makeOrganisation, type MadeOrganisation } from './factories.ts'
import { expectSound, type SoundOptions } from './sound.ts'

export const DAY = 86_400_000
export type PackerDeps = Parameters<typeof createPacker>[0]

export interface Stored {
  ref: BodyRef
  bytes: Buffer
}

export interface PackingStage {
  db: Database
  blobs: BlobStore
  /** empty at first; the blobs are in a folder below it */
  root: string
  folder: string
  organisation(): Promise<MadeOrganisation>
  /** A message of alice's, or (`kept: false`) one that nobody has a copy of. */
  store(org: MadeOrganisation, daysAgo: number, size: number, wish?: { kept?: boolean }): Promise<Stored>
  read(ref: BodyRef, start?: number, end?: number): Promise<Buffer>
  packer(change?: Partial<PackerDeps>): Packer
  count(what: string): Promise<number>
  /** As if this much time had passed for packs. */
  age(interval: string): Promise<void>
  end(sound?: SoundOptions): Promise<void>
}

export async function packingStage(): Promise<PackingStage> {
  const fresh = await freshDatabase()
  const { db } = fresh
  const root = mkdtempSync(join(tmpdir(), 'hf-pack-'))
  const folder = join(root, 'blobs')
  const blobs = diskBlobStore(folder)

  async function store(org: MadeOrganisation, daysAgo: number, size: number, wish: { kept?: boolean } = {}) {
    const ms = Date.now() - daysAgo * DAY
    const bytes = randomBytes(size)
    const { organisationId } = org
    const messageId = newId(ms)
    const copyId = newId(ms)
    const isRow = size <= 49_152
    if (!isRow)
      for (let seq = 0; seq * CHUNK_BYTES < size; seq++)
        await insertChunk(
          db,
          organisationId,
          messageId,
          seq,
          bytes.subarray(seq * CHUNK_BYTES, (seq + 1) * CHUNK_BYTES),
        )
    const row = plainIncoming({
      organisationId,
      messageId,
      receivedAt: ms,
      size,
      sha256: createHash('sha256').update(bytes).digest(),
      body: isRow ? { kind: 'row', bytes } : { kind: 'chunks' },
      prefix: Buffer.from('Received: by x\r\n'),
      copies:
        wish.kept === false
          ? []
          : [
              {
                copyId,
                personId: org.people.alice!.personId,
                source: 1,
                expiresAt: Infinity,
                policy: 'owed',
                deliveryId: null,
                threadId: copyId,
                folderNo: 1,
                flags: 0,
              },
            ],
    })
    await insertBatch(db, [row], { nodeId: newId(Date.now()), seconds: 60 })
    const bodyStore = isRow ? BodyStore.row : BodyStore.chunks
    return { ref: { organisationId, bodyId: messageId, bodyStore, blobKey: null }, bytes }
  }

  return {
    db,
    blobs,
    root,
    folder,
    store,
    organisation: () => makeOrganisation(db, { people: ['alice'] }),
    async read(ref, start, end) {
      const pieces: Buffer[] = []
      for await (const piece of openBody(db, blobs, ref, start, end)) pieces.push(piece)
      return Buffer.concat(pieces)
    },
    packer: (change) =>
      createPacker({
        db,
        blobs,
        clock: systemClock,
        log: silentLog,
        metrics: createMetrics(),
        config: configSchema.parse({ storage: { packBytesPerSecond: 1e12 } }),
        disk: { check: () => undefined, spend: () => undefined, isFull: () => false },
        ...change,
      }),
    async count(what) {
      const [row] = await db.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${what}`)
      return row!.n
    },
    async age(interval) {
      await db.query(
        `UPDATE pack SET made_at = made_at - $1::interval, dead_since = dead_since - $1::interval, ended_at = ended_at - $1::interval`,
        [interval],
      )
    },
    async end(sound) {
      try {
        await expectSound(db, blobs, sound)
      } finally {
        await fresh.drop()
        rmSync(root, { recursive: true, force: true })
      }
    },
  }
}

/** Two messages of the sample (check-sample.ts) go into a pack, by the real move, with dead bytes between them. */
import { randomBytes } from 'node:crypto'
import type { Sql } from '../platform/db/database.ts'
import { newId, type Id } from '../platform/ids.ts'
import { blobKey, type BlobStore } from './blobs/blob-store.ts'
import { movePage } from './pack-moves.ts'
import { insertPack } from './packs.ts'

export interface SamplePack {
  blobKey: string
  bytes: Buffer
}

export async function packSample(
  sql: Sql,
  blobs: BlobStore,
  now: number,
  organisationId: Id,
  messages: readonly [{ messageId: Id; bytes: Buffer }, { messageId: Id; bytes: Buffer }],
): Promise<SamplePack> {
  const [first, second] = messages
  const dead = randomBytes(50)
  const bytes = Buffer.concat([first.bytes, dead, second.bytes])
  const key = blobKey(organisationId, now, newId(now))
  const writer = await blobs.create(key)
  await writer.write(bytes)
  await writer.commit()
  await insertPack(sql, {
    blobKey: key,
    organisationId,
    firstId: first.messageId,
    lastId: second.messageId,
    bytes: bytes.length,
  })
  const placed = [
    { messageId: first.messageId, offset: 0 },
    { messageId: second.messageId, offset: first.bytes.length + dead.length },
  ]
  await movePage(sql, { organisationId, from: null, to: key, placed })
  return { blobKey: key, bytes }
}

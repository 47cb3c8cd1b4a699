/**
 * Uploads (RFC 8620 section 6.1): files that are to become part of a message. Streamed; a quota per person and day. What
 * breaks off before its row is written goes at once; what may have a row is left to the sweeper.
 */
import type { Clock } from '../../platform/clock.ts'
import { classifyDbError, type Database } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { insertUpload, uploadedBytes } from '../../store/uploads.ts'
import type { MailOwner } from '../../store/mailbox.ts'
import type { BodyIntake, BodySink, StoredBody } from '../queue/index.ts'
import { overQuota, roomLeft, takeRoom, type StorageLimit } from './storage-limit.ts'

export const MOST_UPLOAD_BYTES = 52_428_800
const MOST_DAILY_BYTES = 1_073_741_824

export interface StoredUpload {
  uploadId: Id
  type: string
  size: number
}

export async function storeUpload(
  deps: { db: Database; clock: Clock; bodies: BodyIntake; config: { storage: StorageLimit } },
  owner: MailOwner,
  type: string,
  bytes: AsyncIterable<Buffer>,
): Promise<StoredUpload> {
  const limit = deps.config.storage
  const room = await roomLeft(deps.db, owner, limit, 'file')
  const used = await uploadedBytes(deps.db, owner)
  const uploadId = newId(deps.clock.now())
  const sink = deps.bodies.open(owner.organisationId, uploadId)
  const { body, size } = await receive(sink, bytes, { used, room, limit })
  const safeType = /^[\w.+-]{1,100}\/[\w.+-]{1,100}(\s*;[^\r\n\0]{0,200})?$/.test(type)
    ? type
    : 'application/octet-stream'
  try {
    await deps.db.transaction(async (sql) => {
      await takeRoom(sql, owner, limit, { added: 'file', size })
      await insertUpload(sql, owner, { uploadId, type: safeType, size, body })
    })
  } catch (error) {
    // A connection that broke under way says nothing about the row: if it is there after all, its bytes must be too.
    // Where it is not, the sweeper finds them.
    if (classifyDbError(error) !== 'connection') sink.abort()
    throw error
  }
  return { uploadId, type: safeType, size }
}

type RowsBody = Exclude<StoredBody, { kind: 'blob' }>

async function receive(
  sink: BodySink,
  bytes: AsyncIterable<Buffer>,
  { used, room, limit }: { used: number; room: number; limit: StorageLimit },
): Promise<{ body: RowsBody; size: number }> {
  let size = 0
  try {
    for await (const chunk of bytes) {
      size += chunk.length
      if (size > MOST_UPLOAD_BYTES)
        throw new WireError('message-too-large', `one file may have ${MOST_UPLOAD_BYTES} bytes`)
      if (size > room) throw overQuota(limit)
      if (used + size > MOST_DAILY_BYTES)
        throw new WireError('rate-limited', 'you uploaded more than 1 GB within a day; please wait')
      await sink.write(chunk)
    }
    const body = await sink.finish()
    if (body.kind === 'blob') throw new TypeError('uploads are kept in rows')
    return { body, size }
  } catch (error) {
    sink.abort()
    throw error
  }
}

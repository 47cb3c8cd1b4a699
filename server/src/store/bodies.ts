/**
 * The bytes of messages: rows of `body`, chunk rows, blobs. A body's id is a uuidv7, so its day's partition is found by
 * the id alone. Nothing here holds a whole large body in memory.
 */
import { BodyStore } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import { WireError } from '../platform/errors.ts'
import type { Id } from '../platform/ids.ts'
import type { BlobStore } from './blobs/blob-store.ts'

/** Size of a chunk row, bytes; the last one may be shorter. */
export const CHUNK_BYTES = 262_144

export interface BodyRef {
  organisationId: Id
  /** for a message's own bytes its message id */
  bodyId: Id
  bodyStore: number
  blobKey: string | null
}

/**
 * The original's bytes from `start` to `end` (exclusive), streamed. Throws not-found when they were let go, bytes-missing
 * when they should be there.
 */
export async function* openBody(
  sql: Sql,
  blobs: BlobStore,
  ref: BodyRef,
  start = 0,
  end = Infinity,
): AsyncGenerator<Buffer> {
  if (end <= start) return
  if (ref.bodyStore === BodyStore.row) {
    const rows = await sql.query<{ bytes: Buffer }>(
      'SELECT bytes FROM body WHERE body_id = $1 AND organisation_id = $2',
      [ref.bodyId, ref.organisationId],
      'body-row',
    )
    if (!rows[0]) throw new WireError('bytes-missing', `there are no bytes of ${ref.bodyId}`)
    yield rows[0].bytes.subarray(start, end === Infinity ? undefined : end)
    return
  }
  if (ref.bodyStore === BodyStore.chunks) {
    for (let seq = Math.floor(start / CHUNK_BYTES); seq * CHUNK_BYTES < end; seq++) {
      const rows = await sql.query<{ bytes: Buffer }>(
        'SELECT bytes FROM body_chunk WHERE body_id = $1 AND seq = $2 AND organisation_id = $3',
        [ref.bodyId, seq, ref.organisationId],
        'body-chunk',
      )
      if (!rows[0]) {
        if (seq === 0) throw new WireError('bytes-missing', `there are no bytes of ${ref.bodyId}`)
        return
      }
      const from = seq * CHUNK_BYTES
      const { bytes } = rows[0]
      yield bytes.subarray(Math.max(0, start - from), Math.min(bytes.length, end - from))
      if (bytes.length < CHUNK_BYTES) return
    }
    return
  }
  if (ref.bodyStore === BodyStore.blob && ref.blobKey !== null) {
    for await (const chunk of blobs.read(ref.blobKey, start, end === Infinity ? undefined : end)) yield chunk
    return
  }
  throw new WireError('not-found', 'its bytes were let go: nobody has a copy of it')
}

/** Writes one chunk row. On a connection with synchronous_commit=off: the accept commit that links it comes later in the WAL. */
export async function insertChunk(sql: Sql, organisationId: Id, bodyId: Id, seq: number, bytes: Buffer): Promise<void> {
  await sql.query(
    'INSERT INTO body_chunk (organisation_id, body_id, seq, bytes) VALUES ($1, $2, $3, $4)',
    [organisationId, bodyId, seq, bytes],
    'chunk',
  )
}

export async function dropChunks(sql: Sql, organisationId: Id, bodyId: Id): Promise<void> {
  await sql.query('DELETE FROM body_chunk WHERE body_id = $1 AND organisation_id = $2', [bodyId, organisationId])
}

export async function insertBodyRow(sql: Sql, organisationId: Id, bodyId: Id, bytes: Buffer): Promise<void> {
  await sql.query('INSERT INTO body (organisation_id, body_id, bytes) VALUES ($1, $2, $3)', [
    organisationId,
    bodyId,
    bytes,
  ])
}

export async function reserveBlob(sql: Sql, organisationId: Id, blobKey: string): Promise<void> {
  await sql.query('INSERT INTO blob_reservation (blob_key, organisation_id) VALUES ($1, $2)', [blobKey, organisationId])
}

export async function dropReservation(sql: Sql, blobKey: string): Promise<void> {
  await sql.query('DELETE FROM blob_reservation WHERE blob_key = $1', [blobKey])
}

/**
 * The bytes of messages: rows of `body`, chunk rows, blobs, packs. A body's id is a uuidv7, so its day's partition is found by
 * the id alone. Nothing here holds a whole large body in memory.
 */
import { BodyStore } from '../platform/codes.ts'
import { uuidArray } from '../platform/db/binary.ts'
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

/** Where a message's bytes are now. */
interface Place {
  bodyStore: number
  blobKey: string | null
  packOffset: number | null
  size: number
}

/** They are not where they were said to be: they moved, were let go, or are lost. */
class NotThere extends Error {
  /** Chunks may just have ended: a body of whole chunks has no shorter last one. */
  readonly mayBeTheEnd: boolean
  constructor(mayBeTheEnd = false) {
    super('no bytes there')
    this.mayBeTheEnd = mayBeTheEnd
  }
}

/** So often bytes may move under one reader: into a pack, and into others as their packs are rewritten. */
const MOST_MOVES = 8

async function placeOf(sql: Sql, ref: BodyRef): Promise<Place | null> {
  const [place] = await sql.query<Place>(
    `SELECT body_store AS "bodyStore", blob_key AS "blobKey", pack_offset AS "packOffset", size FROM message
     WHERE organisation_id = $1 AND message_id = $2`,
    [ref.organisationId, ref.bodyId],
    'body-place',
  )
  return place ?? null
}

const samePlace = (a: Place, b: Place): boolean =>
  a.bodyStore === b.bodyStore && a.blobKey === b.blobKey && a.packOffset === b.packOffset

async function* readRow(sql: Sql, ref: BodyRef, start: number, end: number): AsyncGenerator<Buffer> {
  const rows = await sql.query<{ bytes: Buffer }>(
    'SELECT bytes FROM body WHERE body_id = $1 AND organisation_id = $2',
    [ref.bodyId, ref.organisationId],
    'body-row',
  )
  if (!rows[0]) throw new NotThere()
  yield rows[0].bytes.subarray(start, end === Infinity ? undefined : end)
}

async function* readChunks(sql: Sql, ref: BodyRef, start: number, end: number): AsyncGenerator<Buffer> {
  for (let seq = Math.floor(start / CHUNK_BYTES); seq * CHUNK_BYTES < end; seq++) {
    const rows = await sql.query<{ bytes: Buffer }>(
      'SELECT bytes FROM body_chunk WHERE body_id = $1 AND seq = $2 AND organisation_id = $3',
      [ref.bodyId, seq, ref.organisationId],
      'body-chunk',
    )
    if (!rows[0]) throw new NotThere(seq > 0)
    const from = seq * CHUNK_BYTES
    const { bytes } = rows[0]
    yield bytes.subarray(Math.max(0, start - from), Math.min(bytes.length, end - from))
    if (bytes.length < CHUNK_BYTES) return
  }
}

async function* readBlob(blobs: BlobStore, key: string, start: number, end?: number): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of blobs.read(key, start, end)) yield chunk
  } catch (error) {
    throw error instanceof WireError && error.code === 'bytes-missing' ? new NotThere() : error
  }
}

interface Source {
  sql: Sql
  blobs: BlobStore
  ref: BodyRef
}

function readPlace({ sql, blobs, ref }: Source, at: Place, start: number, end: number): AsyncGenerator<Buffer> {
  if (at.bodyStore === BodyStore.row) return readRow(sql, ref, start, end)
  if (at.bodyStore === BodyStore.chunks) return readChunks(sql, ref, start, end)
  if (at.bodyStore === BodyStore.blob && at.blobKey !== null)
    return readBlob(blobs, at.blobKey, start, end === Infinity ? undefined : end)
  if (at.bodyStore === BodyStore.packed && at.blobKey !== null && at.packOffset !== null)
    return readBlob(blobs, at.blobKey, at.packOffset + start, at.packOffset + Math.min(end, at.size))
  throw new WireError('not-found', 'its bytes were let go: nobody has a copy of it')
}

/**
 * The original's bytes from `start` to `end` (exclusive), streamed. Throws not-found when they were let go, bytes-missing
 * when they should be there.
 *
 * `ref` may be old: bytes move into packs, and out of packs that are rewritten. Where they are missing the message's place
 * is asked again, and the reading goes on from there at the byte where it was. The place in a pack is always asked.
 */
export async function* openBody(
  sql: Sql,
  blobs: BlobStore,
  ref: BodyRef,
  start = 0,
  end = Infinity,
): AsyncGenerator<Buffer> {
  if (end <= start) return
  if (start < 0) throw new RangeError('before its first byte lies another message')
  const lost = (): WireError => new WireError('bytes-missing', `there are no bytes of ${ref.bodyId}`)
  let place: Place | null =
    ref.bodyStore === BodyStore.packed
      ? await placeOf(sql, ref)
      : { bodyStore: ref.bodyStore, blobKey: ref.blobKey, packOffset: null, size: Infinity }
  let at = start
  for (let moves = 0; place !== null && moves < MOST_MOVES; moves++) {
    try {
      for await (const piece of readPlace({ sql, blobs, ref }, place, at, end)) {
        at += piece.length
        yield piece
      }
      return
    } catch (error) {
      if (!(error instanceof NotThere)) throw error
      const now = await placeOf(sql, ref)
      const moved = now !== null && !samePlace(now, place)
      if (!moved && error.mayBeTheEnd) return
      place = moved ? now : null
    }
  }
  throw lost()
}

/** Those of these bodies that lie in rows of `body` now, in no order. Asked by id, so that only their days are looked at. */
export async function rowBodies(
  sql: Sql,
  refs: readonly { organisationId: Id; bodyId: Id }[],
): Promise<{ organisationId: Id; bodyId: Id; bytes: Buffer }[]> {
  return sql.query(
    `SELECT b.organisation_id AS "organisationId", b.body_id AS "bodyId", b.bytes
     FROM body b JOIN unnest($1::uuid[], $2::uuid[]) AS t(o, i) ON b.body_id = t.i AND b.organisation_id = t.o
     WHERE b.body_id = ANY ($2::uuid[])`,
    [uuidArray(refs.map((ref) => ref.organisationId)), uuidArray(refs.map((ref) => ref.bodyId))],
  )
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

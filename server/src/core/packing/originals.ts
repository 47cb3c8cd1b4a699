/**
 * Reads originals from where they are, holds each against its digest and appends it to a blob. Memory: rows of one chunk's
 * worth, or one chunk.
 *
 * Failure: an original that cannot be read, or is not what was accepted, stays where it is, is logged and never stops the
 * others. A stop, a lost database, a full disk and a blob that cannot be written are thrown.
 */
import { createHash } from 'node:crypto'
import { BodyStore } from '../../platform/codes.ts'
import { classifyDbError, type Database } from '../../platform/db/database.ts'
import type { DiskGuard } from '../../platform/disk-guard.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { BlobStore, BlobWriter } from '../../store/blobs/blob-store.ts'
import { CHUNK_BYTES, openBody } from '../../store/bodies.ts'
import { bodyRows, type Movable, type Placed } from '../../store/pack-moves.ts'
import type { Pace } from './pace.ts'

const ROWS_AT_ONCE = 500

export interface OriginalsDeps {
  db: Database
  blobs: BlobStore
  log: Log
  disk: Pick<DiskGuard, 'check' | 'spend'>
  pace: Pace
  signal: AbortSignal
  /** an original that stays where it is */
  onLeft(messageId: Id): void
}

/** An original that came over whole, and where it begins in the blob. */
export type PlacedOriginal = Placed & { size: number }

/** Parts of a list, each of at most so many items and so many bytes, one item at the least. */
export function* parts<T extends { size: number }>(
  items: readonly T[],
  mostItems: number,
  mostBytes: number,
): Generator<T[]> {
  for (let from = 0; from < items.length;) {
    let to = from + 1
    let bytes = items[from]!.size
    while (to < items.length && to - from < mostItems && bytes + items[to]!.size <= mostBytes)
      bytes += items[to++]!.size
    yield items.slice(from, to)
    from = to
  }
}

const isRow = ({ bodyStore }: Movable): boolean => bodyStore === BodyStore.row

/** Appends the originals in their order, as far as they can be; `bytes` is the length of the blob then. */
export async function appendOriginals(
  deps: OriginalsDeps,
  writer: BlobWriter,
  originals: readonly Movable[],
): Promise<{ placed: PlacedOriginal[]; bytes: number }> {
  const { db } = deps
  const placed: PlacedOriginal[] = []
  let at = 0

  function leave(original: Movable, why: string): void {
    deps.log.error(
      { organisation: original.organisationId, message: original.messageId, why },
      'the bytes of a message cannot be packed and stay where they are; run holdfast check',
    )
    deps.onLeft(original.messageId)
  }
  function leaveUnreadable(original: Movable, error: unknown): void {
    if (error instanceof WireError && error.code === 'not-found') return // let go a moment ago
    const kind = classifyDbError(error)
    if (kind === 'connection' || kind === 'unavailable') throw error
    leave(original, String(error))
  }
  const place = ({ messageId, size }: Movable, offset: number): void => {
    placed.push({ messageId, offset, size })
  }

  async function append(piece: Buffer): Promise<void> {
    deps.signal.throwIfAborted()
    deps.disk.check()
    deps.disk.spend(piece.length)
    await writer.write(piece)
    at += piece.length
    await deps.pace.spend(piece.length)
  }

  /** Together; when that fails one by one, so that one that cannot be read takes no other with it. */
  async function readRows(rows: readonly Movable[]): Promise<Map<Id, Buffer>> {
    const { organisationId } = rows[0]!
    const ids = rows.map(({ messageId }) => messageId)
    try {
      return await bodyRows(db, organisationId, ids)
    } catch (error) {
      if (rows.length === 1) {
        leaveUnreadable(rows[0]!, error)
        return new Map()
      }
    }
    const found = new Map<Id, Buffer>()
    for (const row of rows) for (const [id, bytes] of await readRows([row])) found.set(id, bytes)
    return found
  }

  async function appendRows(rows: readonly Movable[]): Promise<void> {
    const found = await readRows(rows)
    for (const row of rows) {
      const bytes = found.get(row.messageId)
      if (!bytes) continue // let go a moment ago
      if (!createHash('sha256').update(bytes).digest().equals(row.sha256)) {
        leave(row, 'its SHA-256 is not that of the accepted bytes')
        continue
      }
      const offset = at
      await append(bytes)
      place(row, offset)
    }
  }

  /** What turns out wrong at its end has left dead bytes in the blob. */
  async function appendStream(original: Movable): Promise<void> {
    const offset = at
    const hash = createHash('sha256')
    const source = openBody(db, deps.blobs, { ...original, bodyId: original.messageId, blobKey: null })
    for (;;) {
      let piece: IteratorResult<Buffer>
      try {
        piece = await source.next()
      } catch (error) {
        leaveUnreadable(original, error)
        return
      }
      if (piece.done) break
      hash.update(piece.value)
      await append(piece.value)
    }
    if (hash.digest().equals(original.sha256)) place(original, offset)
    else leave(original, 'its SHA-256 is not that of the accepted bytes')
  }

  for (const part of parts(originals, ROWS_AT_ONCE, CHUNK_BYTES)) {
    const rows = part.filter(isRow)
    if (rows.length > 0) await appendRows(rows)
    for (const one of part) if (!isRow(one)) await appendStream(one)
  }
  return { placed, bytes: at }
}

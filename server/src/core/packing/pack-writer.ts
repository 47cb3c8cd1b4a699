/**
 * Writes packs: the originals of one organisation and day, one behind the other, into a blob; then the messages are told
 * where their bytes are now. Every original is held against its digest on the way.
 *
 * Order, so that a crash between any two steps loses nothing: reservation, bytes, durable blob, then pages of messages,
 * each moved in one transaction (the first also makes the pack's row and ends the reservation). What is left behind is a
 * reservation and a blob that the sweep finds, or a pack whose dead bytes are counted.
 *
 * Failure: an original that cannot be read, or is not what was accepted, stays where it is, is logged and never stops the
 * others. A stop, a lost database, a full disk or a blob store that does not write end the pack and are thrown.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../platform/clock.ts'
import { BodyStore } from '../../platform/codes.ts'
import { classifyDbError, type Database } from '../../platform/db/database.ts'
import type { DiskGuard } from '../../platform/disk-guard.ts'
import { newId, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { blobKey, type BlobStore, type BlobWriter } from '../../store/blobs/blob-store.ts'
import { CHUNK_BYTES, dropReservation, openBody, reserveBlob } from '../../store/bodies.ts'
import { bodyRows, dayOf, movePage, type Movable, type Placed } from '../../store/pack-moves.ts'
import { insertPack } from '../../store/packs.ts'
import type { Pace } from './pace.ts'

const PACK_BYTES = 67_108_864
const PACK_MESSAGES = 10_000
/** Rows read at once: as much as one chunk. */
const ROWS_AT_ONCE = 500
/** What one transaction moves: its write-ahead log, as much again as the bytes, must not stand before an accept commit. */
const MOVE_BYTES = 4_194_304
const MOVE_MESSAGES = 500

export interface Written {
  packs: number
  messages: number
  bytes: number
}

export interface PackWriter {
  /** Originals of one organisation and day, by id, from rows (`from` null) or out of a pack that is rewritten. */
  write(originals: readonly Movable[], from: string | null): Promise<Written>
}

interface PackWriterDeps {
  db: Database
  blobs: BlobStore
  clock: Clock
  log: Log
  disk: Pick<DiskGuard, 'check' | 'spend'>
  pace: Pace
  signal: AbortSignal
  /** an original that stays where it is */
  onLeft(messageId: Id): void
  packBytes?: number
}

type Sized = Placed & { size: number }

/** Stretches of a list, each of at most so many items and so much weight, one item at the least. */
function* stretches<T>(items: readonly T[], most: number, weightOf: (item: T) => number, heaviest: number) {
  for (let from = 0; from < items.length;) {
    let to = from
    let weight = 0
    while (to < items.length && to - from < most && (to === from || weight + weightOf(items[to]!) <= heaviest))
      weight += weightOf(items[to++]!)
    yield items.slice(from, to)
    from = to
  }
}
const sizeOf = ({ size }: { size: number }): number => size

export function createPackWriter(deps: PackWriterDeps): PackWriter {
  const { db, blobs, clock, log, signal } = deps

  function leave(original: Movable, why: string): void {
    log.error(
      { organisation: original.organisationId, message: original.messageId, why },
      'the bytes of a message cannot be packed and stay where they are; run holdfast check',
    )
    deps.onLeft(original.messageId)
  }
  function cannotRead(original: Movable, error: unknown): void {
    const kind = classifyDbError(error)
    if (kind === 'connection' || kind === 'unavailable') throw error
    leave(original, String(error))
  }

  /** The bytes that are rows; one that cannot be read takes no other with it. */
  async function readRows(originals: readonly Movable[]): Promise<Map<Id, Buffer>> {
    const { organisationId } = originals[0]!
    try {
      return await bodyRows(
        db,
        organisationId,
        originals.map(({ messageId }) => messageId),
      )
    } catch (error) {
      if (originals.length === 1) {
        cannotRead(originals[0]!, error)
        return new Map()
      }
    }
    const found = new Map<Id, Buffer>()
    for (const one of originals) for (const [id, bytes] of await readRows([one])) found.set(id, bytes)
    return found
  }

  /** Appends the originals to the blob; says where those are that came over whole, and how long the blob is. */
  async function fill(writer: BlobWriter, originals: readonly Movable[]): Promise<{ placed: Sized[]; bytes: number }> {
    const placed: Sized[] = []
    let at = 0
    const append = async (piece: Buffer): Promise<void> => {
      signal.throwIfAborted()
      deps.disk.check()
      deps.disk.spend(piece.length)
      await writer.write(piece)
      at += piece.length
      await deps.pace.spend(piece.length)
    }
    const place = ({ messageId, size }: Movable, offset: number): void => {
      placed.push({ messageId, offset, size })
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
    /** What turns out wrong at its end leaves dead bytes in the pack. */
    async function appendStream(original: Movable): Promise<void> {
      const offset = at
      const hash = createHash('sha256')
      const source = openBody(db, blobs, { ...original, bodyId: original.messageId, blobKey: null })
      for (;;) {
        let piece: IteratorResult<Buffer>
        try {
          piece = await source.next()
        } catch (error) {
          cannotRead(original, error)
          return
        }
        if (piece.done) break
        hash.update(piece.value)
        await append(piece.value)
      }
      if (hash.digest().equals(original.sha256)) place(original, offset)
      else leave(original, 'its SHA-256 is not that of the accepted bytes')
    }

    for (const some of stretches(originals, ROWS_AT_ONCE, sizeOf, CHUNK_BYTES)) {
      await appendRows(some.filter(({ bodyStore }) => bodyStore === BodyStore.row))
      for (const one of some) if (one.bodyStore !== BodyStore.row) await appendStream(one)
    }
    return { placed, bytes: at }
  }

  async function writeBlob(key: string, originals: readonly Movable[]): ReturnType<typeof fill> {
    const { organisationId } = originals[0]!
    await reserveBlob(db, organisationId, key)
    let writer: BlobWriter | undefined
    try {
      writer = await blobs.create(key)
      const filled = await fill(writer, originals)
      if (filled.placed.length === 0) throw new NothingToPack()
      await writer.commit()
      return filled
    } catch (error) {
      // The sweep finds what this leaves.
      await writer?.abort().catch(() => undefined)
      await dropReservation(db, key).catch(() => undefined)
      throw error
    }
  }

  async function writeOne(originals: readonly Movable[], from: string | null): Promise<Written> {
    const written: Written = { packs: 1, messages: 0, bytes: 0 }
    const { organisationId, messageId: firstId } = originals[0]!
    const lastId = originals.at(-1)!.messageId
    const key = blobKey(organisationId, dayOf(firstId), newId(clock.now()))
    const { placed, bytes } = await writeBlob(key, originals)
    let isMade = false
    for (const page of stretches(placed, MOVE_MESSAGES, sizeOf, MOVE_BYTES)) {
      signal.throwIfAborted()
      const began = clock.monotonic()
      const moved = await db.transaction(async (sql) => {
        if (!isMade) await insertPack(sql, { blobKey: key, organisationId, firstId, lastId, bytes })
        return movePage(sql, { organisationId, from, to: key, placed: page })
      })
      isMade = true
      written.messages += moved.messages
      written.bytes += moved.bytes
      // As long as it worked it rests, so that half of the disk at the most is its own.
      await clock.sleep(clock.monotonic() - began, signal)
    }
    return written
  }

  return {
    async write(originals, from) {
      const all: Written = { packs: 0, messages: 0, bytes: 0 }
      for (const some of stretches(originals, PACK_MESSAGES, sizeOf, deps.packBytes ?? PACK_BYTES))
        try {
          const one = await writeOne(some, from)
          all.packs += one.packs
          all.messages += one.messages
          all.bytes += one.bytes
        } catch (error) {
          if (!(error instanceof NothingToPack)) throw error
        }
      return all
    },
  }
}

/** All of them are gone or were left where they are. */
class NothingToPack extends Error {}

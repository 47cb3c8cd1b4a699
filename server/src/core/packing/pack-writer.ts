/**
 * Writes packs: the originals of one organisation and day, one behind the other, into a blob; then the messages are told
 * where their bytes are now.
 *
 * Order, so that a crash between any two steps loses nothing: reservation, bytes, durable blob, then pages of messages,
 * each moved in one transaction (the first also makes the pack's row and ends the reservation). What is left behind is a
 * reservation and a blob that the sweep finds, or a pack whose dead bytes are counted.
 */
import type { Clock } from '../../platform/clock.ts'
import { newId } from '../../platform/ids.ts'
import { blobKey, type BlobWriter } from '../../store/blobs/blob-store.ts'
import { dropReservation, reserveBlob } from '../../store/bodies.ts'
import { dayOf, movePage, type Movable } from '../../store/pack-moves.ts'
import { insertPack } from '../../store/packs.ts'
import { appendOriginals, parts, type OriginalsDeps } from './originals.ts'

const PACK_BYTES = 67_108_864
const PACK_MESSAGES = 10_000
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

export function createPackWriter(deps: OriginalsDeps & { clock: Clock; packBytes?: number }): PackWriter {
  const { db, blobs, clock, signal } = deps

  /** null: all of them are gone, or were left where they are, and there is no blob. */
  async function writeBlob(key: string, originals: readonly Movable[]) {
    await reserveBlob(db, originals[0]!.organisationId, key)
    let writer: BlobWriter | undefined
    try {
      writer = await blobs.create(key)
      const appended = await appendOriginals(deps, writer, originals)
      if (appended.placed.length > 0) {
        await writer.commit()
        return appended
      }
    } catch (error) {
      await giveUp(key, writer)
      throw error
    }
    await giveUp(key, writer)
    return null
  }

  /** The sweep finds what this leaves. */
  async function giveUp(key: string, writer: BlobWriter | undefined): Promise<void> {
    await writer?.abort().catch(() => undefined)
    await dropReservation(db, key).catch(() => undefined)
  }

  async function writeOne(originals: readonly Movable[], from: string | null): Promise<Written> {
    const written: Written = { packs: 0, messages: 0, bytes: 0 }
    const { organisationId, messageId: firstId } = originals[0]!
    const lastId = originals.at(-1)!.messageId
    const key = blobKey(organisationId, dayOf(firstId), newId(clock.now()))
    const blob = await writeBlob(key, originals)
    if (!blob) return written
    for (const placed of parts(blob.placed, MOVE_MESSAGES, MOVE_BYTES)) {
      signal.throwIfAborted()
      const began = clock.monotonic()
      const moved = await db.transaction(async (sql) => {
        if (written.packs === 0)
          await insertPack(sql, { blobKey: key, organisationId, firstId, lastId, bytes: blob.bytes })
        return movePage(sql, { organisationId, from, to: key, placed })
      })
      written.packs = 1
      written.messages += moved.messages
      written.bytes += moved.bytes
      // As long as it worked it rests: half of the disk's time at the most is its own.
      await clock.sleep(clock.monotonic() - began, signal)
    }
    return written
  }

  return {
    async write(originals, from) {
      const all: Written = { packs: 0, messages: 0, bytes: 0 }
      for (const part of parts(originals, PACK_MESSAGES, deps.packBytes ?? PACK_BYTES)) {
        const one = await writeOne(part, from)
        all.packs += one.packs
        all.messages += one.messages
        all.bytes += one.bytes
      }
      return all
    },
  }
}

/**
 * Takes a body while it arrives and puts it where its size belongs: in memory for the accept commit (small), chunk rows
 * (medium), the blob store (large). The class may rise on the way; memory stays at two chunks whatever the size, but for
 * medium bodies that are wanted for the hand-over: those are kept as well, as far as there is room for it.
 *
 * Promise: after `finish` the bytes are durable, or will be with the accept commit that links them (chunk rows are
 * written with asynchronous commit on another connection, but their WAL lies before the accept commit's, whose fsync
 * covers both). What is never linked is swept after half a day. A full disk ends the body with disk-full (452).
 */
import type { Clock } from '../../platform/clock.ts'
import type { Config } from '../../platform/config/config.ts'
import { classifyDbError, type Database, type DedicatedSql } from '../../platform/db/database.ts'
import type { DiskGuard } from '../../platform/disk-guard.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import { blobKey, type BlobStore, type BlobWriter } from '../../store/blobs/blob-store.ts'
import { BodyStore } from '../../platform/codes.ts'
import { CHUNK_BYTES, dropChunks, dropReservation, insertChunk, openBody, reserveBlob } from '../../store/bodies.ts'
import type { StoredBody } from './incoming.ts'

export interface BodySink {
  /** A returned promise is back-pressure: wait for it before the next write. */
  write(chunk: Buffer): void | Promise<void>
  finish(): Promise<StoredBody>
  /** Nothing of it stays, now or after the sweep. */
  abort(): void
  /** What was kept for the hand-over is somebody else's now, or nobody's: its room is given back. */
  release(): void
}

export interface BodyIntake {
  /** `keep`: finish() gives a medium body's bytes as well, where there is room. */
  open(organisationId: Id, bodyId: Id, options?: { keep?: boolean }): BodySink
  stop(): Promise<void>
}

interface Deps {
  db: Database
  blobs: BlobStore
  clock: Clock
  config: Pick<Config, 'storage'>
  /** Told of every byte before it is written; throws WireError disk-full. Left out where a test has room enough. */
  disk?: Pick<DiskGuard, 'spend'>
}

/** So many small pieces are joined into one. */
const MOST_LOOSE = 256
/**
 * A medium body up to this size is relayed from memory: reading it back from the database costs twice what writing it did.
 * All of them together may take MOST_KEPT; who finds no room is read back.
 */
const KEEP_BYTES = 1_048_576
const MOST_KEPT = 33_554_432
/** Connections that write chunk rows: two were the best of one to four when measured. */
const STAGING_CONNECTIONS = 2

export function createBodyIntake(deps: Deps): BodyIntake {
  const { inlineBytes, blobBytes } = deps.config.storage
  const staging: (Promise<DedicatedSql> | null)[] = Array.from({ length: STAGING_CONNECTIONS }, () => null)
  let turn = 0
  /** octets kept for the hand-over, of all bodies */
  let keptBytes = 0

  /** Nobody gets this connection again, and no other that took its place meanwhile is touched. */
  function giveUp(slot: number, connection: Promise<DedicatedSql>): void {
    if (staging[slot] === connection) staging[slot] = null
    void connection.then((sql) => sql.close()).catch(() => undefined)
  }

  async function stage(organisationId: Id, bodyId: Id, seq: number, bytes: Buffer): Promise<void> {
    const slot = (turn = (turn + 1) % STAGING_CONNECTIONS)
    const connection = (staging[slot] ??= deps.db.dedicated('staging', { synchronous_commit: 'off' }))
    let sql: DedicatedSql | null = null
    try {
      sql = await connection
      await insertChunk(sql, organisationId, bodyId, seq, bytes)
    } catch (error) {
      const kind = classifyDbError(error)
      if (sql === null || kind === 'connection' || kind === 'unavailable') giveUp(slot, connection)
      throw new WireError(
        (error as { code?: string }).code === '53100' ? 'disk-full' : 'database-unavailable',
        undefined,
        { cause: error },
      )
    }
  }

  function open(organisationId: Id, bodyId: Id, { keep = false } = {}): BodySink {
    let parts: Buffer[] = []
    /** parts before this one are joined already */
    let joined = 0
    let held = 0
    let total = 0
    let seq = 0
    let blob: { writer: BlobWriter; key: string } | null = null
    let work: Promise<void> = Promise.resolve()
    let failed: unknown = null
    let busy = 0
    /** null: not wanted, or there was no room */
    let kept: Buffer[] | null = keep ? [] : null
    let keptHere = 0

    function release(): void {
      keptBytes -= keptHere
      keptHere = 0
      kept = null
    }
    function keepPiece(piece: Buffer): void {
      if (kept === null) return
      if (keptHere + piece.length > KEEP_BYTES || keptBytes + piece.length > MOST_KEPT) return release()
      kept.push(piece)
      keptHere += piece.length
      keptBytes += piece.length
    }

    const enqueue = (job: () => Promise<void>): Promise<void> => {
      busy++
      work = work
        .then(async () => {
          if (failed === null) await job()
        })
        .catch((error: unknown) => {
          failed ??= error
        })
        .finally(() => {
          busy--
        })
      return work
    }

    async function becomeBlob(): Promise<{ writer: BlobWriter }> {
      const key = blobKey(organisationId, deps.clock.now(), bodyId)
      await reserveBlob(deps.db, organisationId, key)
      const writer = await deps.blobs.create(key)
      blob = { writer, key }
      if (seq === 0) return blob
      const written = { organisationId, bodyId, bodyStore: BodyStore.chunks, blobKey: null }
      for await (const chunk of openBody(deps.db, deps.blobs, written)) await writer.write(chunk)
      await dropChunks(deps.db, organisationId, bodyId)
      return blob
    }

    /** Moves what is held to its place, in whole chunks unless it is the last. */
    function flush(last: boolean): Promise<void> {
      if (total > blobBytes) return pass()
      const all = parts.length === 1 ? parts[0]! : Buffer.concat(parts, held)
      const cut = last ? all.length : all.length - (all.length % CHUNK_BYTES)
      parts = cut < all.length ? [all.subarray(cut)] : []
      joined = 0
      held = all.length - cut
      keepPiece(all.subarray(0, cut))
      return enqueue(async () => {
        for (let at = 0; at < cut; at += CHUNK_BYTES) {
          const piece = all.subarray(at, Math.min(cut, at + CHUNK_BYTES))
          deps.disk?.spend(piece.length)
          await stage(organisationId, bodyId, seq++, piece)
        }
      })
    }

    /** On to the blob, as the pieces came: joining them would be a second body to collect. */
    function pass(): Promise<void> {
      const pieces = parts
      parts = []
      joined = 0
      held = 0
      release()
      return enqueue(async () => {
        const { writer } = blob ?? (await becomeBlob())
        for (const piece of pieces) {
          if (failed !== null) return
          deps.disk?.spend(piece.length)
          await writer.write(piece)
        }
      })
    }

    return {
      write(chunk) {
        parts.push(chunk)
        // A sender may send octet by octet: a buffer for each costs a hundred times what it holds.
        if (parts.length - joined >= MOST_LOOSE) {
          parts.push(Buffer.concat(parts.splice(joined)))
          joined = parts.length
        }
        held += chunk.length
        total += chunk.length
        if (total <= inlineBytes || held < CHUNK_BYTES) return undefined
        const done = flush(false)
        return busy > 1 ? done : undefined
      },
      async finish() {
        if (total <= inlineBytes) {
          deps.disk?.spend(total)
          return { kind: 'row', bytes: parts.length === 1 ? parts[0]! : Buffer.concat(parts, held) }
        }
        if (held > 0) void flush(true)
        await work
        if (failed !== null) throw failed
        if (!blob) return kept === null ? { kind: 'chunks' } : { kind: 'chunks', bytes: kept }
        await blob.writer.commit()
        return { kind: 'blob', blobKey: blob.key }
      },
      release,
      abort() {
        parts = []
        release()
        failed ??= new Error('aborted')
        void work
          .then(async () => {
            if (blob) {
              await blob.writer.abort()
              await dropReservation(deps.db, blob.key)
            } else if (seq > 0) await dropChunks(deps.db, organisationId, bodyId)
          })
          .catch(() => undefined) // the sweep finds what this leaves
      },
    }
  }

  return {
    open,
    async stop() {
      await Promise.all(staging.map(async (one) => (await one?.catch(() => null))?.close()))
    },
  }
}

/**
 * Bytes that were let go really go: a pack of which a quarter is dead, or whose oldest dead byte is a week old, is
 * rewritten without them; one in which nothing lives ends, and its blob is removed after a grace for those who read it.
 *
 * A rewriting is a packing out of a pack: cut short at any step it leaves messages in the old pack and in the new one,
 * each with its dead bytes counted, and the next round goes on.
 */
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { BlobStore } from '../../store/blobs/blob-store.ts'
import { endDeadPacks, forgetPack, halfDeadPacks, livingIn, removablePacks } from '../../store/packs.ts'
import type { PackWriter } from './pack-writer.ts'

/** Packs rewritten in a round: about a minute and a half of work at the usual pace. */
export const MOST_REWRITTEN = 10
const REMOVED_AT_ONCE = 100

/** What could not be moved is not tried again for a day. */
export interface LeftAlone {
  size(): number
  has(what: Id): boolean
  add(what: Id): void
}

export async function rewritePacks(db: Database, writer: PackWriter, left: LeftAlone): Promise<number> {
  await endDeadPacks(db)
  const due = (await halfDeadPacks(db, MOST_REWRITTEN + left.size())).filter(({ blobKey }) => !left.has(blobKey))
  let rewritten = 0
  for (const pack of due.slice(0, MOST_REWRITTEN)) {
    const living = (await livingIn(db, pack)).filter(({ messageId }) => !left.has(messageId))
    const { messages } = await writer.write(living, pack.blobKey)
    rewritten++
    // Something in it cannot be moved: it stays, and its pack with it.
    if (messages < living.length || living.length === 0) left.add(pack.blobKey)
  }
  await endDeadPacks(db)
  return rewritten
}

/** Removes the blobs of packs that ended a while ago; how many. Blob first: a row without a blob is found again. */
export async function removePacks(db: Database, blobs: BlobStore): Promise<number> {
  for (let all = 0; ;) {
    const gone = await db.transaction(async (sql) => {
      const keys = await removablePacks(sql, REMOVED_AT_ONCE)
      for (const key of keys) {
        await blobs.remove(key)
        await forgetPack(sql, key)
      }
      return keys.length
    })
    all += gone
    if (gone < REMOVED_AT_ONCE) return all
  }
}

/**
 * What changed since a state (RFC 8620 section 5.2), for emails and for mailboxes, read in one snapshot. A client that
 * applies the answers ends with exactly what the server has, also when it reads them in small pages: an email that was
 * moved between pages is named `updated`, and one that is gone is named `destroyed` even if the client never heard of it.
 */
import type { Database, Sql } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import {
  changedPlacements,
  folderStates,
  placementHistory,
  type ChangedPlacement,
} from '../../store/mailbox-changes.ts'
import type { MailOwner } from '../../store/mailbox.ts'
import { stateOf, WHOLE, wholePoint, type MailState, type Point } from './state.ts'

export interface EmailChanges {
  newState: MailState
  hasMore: boolean
  created: Id[]
  updated: Id[]
  destroyed: Id[]
}

export interface MailboxChanges {
  newState: MailState
  created: number[]
  updated: number[]
  destroyed: number[]
}

/** One snapshot for several reads: nothing can happen between them. */
export function inSnapshot<T>(db: Database, read: (sql: Sql) => Promise<T>): Promise<T> {
  return db.transaction(async (sql) => {
    await sql.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY')
    return read(sql)
  })
}

const NOTHING: Point = wholePoint(0)
const isBehind = (modseq: number, uid: number, point: Point): boolean =>
  modseq < point.modseq || (modseq === point.modseq && uid <= point.uid)

/** null: the state is not one that this mailbox ever had. */
export function emailChanges(
  db: Database,
  owner: MailOwner,
  since: MailState,
  most: number,
): Promise<EmailChanges | null> {
  return inSnapshot(db, async (sql) => {
    const folders = await folderStates(sql, owner)
    const known = new Map(folders.map((folder) => [folder.folderNo, folder.modseq]))
    for (const [folderNo, { modseq }] of since) if (modseq > (known.get(folderNo) ?? -1)) return null
    const changed: ChangedPlacement[] = []
    const newState = new Map(since)
    let hasMore = false
    for (const { folderNo, modseq } of folders) {
      const point = since.get(folderNo) ?? NOTHING
      if (point.modseq === modseq && point.uid === WHOLE) continue
      const left = most - changed.length
      const rows = await changedPlacements(sql, owner, { folderNo, modseq: point.modseq, uid: point.uid }, left + 1)
      changed.push(...rows.slice(0, left))
      if (rows.length > left) {
        const last = rows[left - 1]
        if (last) newState.set(folderNo, { modseq: last.modseq, uid: last.uid, base: point.base })
        hasMore = true
        break
      }
      newState.set(folderNo, wholePoint(modseq))
    }
    const ids = [...new Set(changed.map(({ copyId }) => copyId))]
    return { newState, hasMore, ...(await classify(sql, owner, ids, since)) }
  })
}

async function classify(
  sql: Sql,
  owner: MailOwner,
  ids: Id[],
  since: MailState,
): Promise<Pick<EmailChanges, 'created' | 'updated' | 'destroyed'>> {
  const history = ids.length > 0 ? await placementHistory(sql, owner, ids) : []
  const before = new Set<Id>()
  const now = new Set<Id>()
  for (const row of history) {
    if (row.isLive) now.add(row.copyId)
    const point = since.get(row.folderNo) ?? NOTHING
    // It was there at `since` when it had been made by then and had not been taken away by then. What was made while a
    // folder was read in part counts as new: told twice as created does no harm, updated but never created would.
    const wasGone = !row.isLive && isBehind(row.modseq, row.uid, point)
    if (row.createdModseq <= point.base && !wasGone) before.add(row.copyId)
  }
  return {
    created: ids.filter((id) => now.has(id) && !before.has(id)),
    updated: ids.filter((id) => now.has(id) && before.has(id)),
    destroyed: ids.filter((id) => !now.has(id)),
  }
}

export function mailboxChanges(db: Database, owner: MailOwner, since: MailState): Promise<MailboxChanges | null> {
  return inSnapshot(db, async (sql) => {
    const folders = await folderStates(sql, owner)
    const known = new Map(folders.map((folder) => [folder.folderNo, folder]))
    for (const [folderNo, { modseq }] of since) if (modseq > (known.get(folderNo)?.modseq ?? -1)) return null
    const moved = folders.filter(({ folderNo, modseq }) => since.get(folderNo)?.modseq !== modseq)
    const was = ({ folderNo }: { folderNo: number }): boolean => since.has(folderNo)
    const numbers = (list: typeof moved): number[] => list.map(({ folderNo }) => folderNo)
    return {
      newState: stateOf(folders),
      created: numbers(moved.filter((folder) => !folder.isRemoved && !was(folder))),
      updated: numbers(moved.filter((folder) => !folder.isRemoved && was(folder))),
      destroyed: numbers(moved.filter((folder) => folder.isRemoved && was(folder))),
    }
  })
}

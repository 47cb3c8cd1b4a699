/**
 * Changing messages in a mailbox: keywords, moves, destroying. One transaction for all changes of a call; the folders
 * concerned are locked in the order of their numbers, as accept does, and a deadlock is repeated. Deleted (in Trash or
 * destroyed) cancels what is owed, moved out of Trash makes it owed again (promise 10), in the same commit.
 */
import { FolderRole, Flag } from '../../platform/codes.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { repeating as repeatingWhat } from '../../platform/db/repeat.ts'
import type { Id } from '../../platform/ids.ts'
import { listFolders, lockFolders, type FolderRow } from '../../store/folders.ts'
import {
  findPlacements,
  writePlacements,
  type FolderChange,
  type MailOwner,
  type PlacementRow,
} from '../../store/mailbox.ts'
import { copiesThatLeft } from '../../store/submissions.ts'
import type { OwedMail } from '../return/index.ts'
import { changeKeywords, MOST_KEYWORDS, sameKeywords, type KeywordChange } from './keywords.ts'

export interface EmailOp {
  copyId: Id
  keywords?: KeywordChange
  moveTo?: number
  destroy?: boolean
  /**
   * Not destroyed if its message has left or may be leaving: while it lies in Drafts, or anywhere but in Trash. Who means
   * a draft then learns that it is one no more, and the only copy of what was sent stays.
   */
  sparesSent?: 'in-drafts' | 'outside-trash'
}

export type OpResult = 'done' | 'not-found' | 'no-folder' | 'too-many-keywords' | 'was-sent'

/** From this try on all folders are locked: whoever moves the same mail all the time is waited for, not raced. */
const LOCKS_ALL_FROM = 3
class Moved extends Error {
  constructor() {
    super('the message was moved again and again while it was to be changed')
  }
}

/** Repeats what lost against another transaction, or came too late; anything else is the caller's. */
export const repeating = <T>(run: (tries: number) => Promise<T>): Promise<T> =>
  repeatingWhat(run, (error) => error instanceof Moved)

export function applyOps(
  db: Database,
  owed: OwedMail,
  owner: MailOwner,
  ops: readonly EmailOp[],
): Promise<Map<Id, OpResult>> {
  return repeating((tries) => db.transaction((sql) => applyOpsIn(sql, owed, owner, ops, tries)))
}

interface Locked {
  folders: Map<number, FolderRow>
  placed: Map<Id, PlacementRow>
}

/** The folders of these copies (and others that are named) locked, and where the copies are under the locks. */
async function lockPlaced(
  sql: Sql,
  owner: MailOwner,
  ids: readonly Id[],
  { tries, others = [] }: { tries: number; others?: readonly number[] },
): Promise<Locked> {
  const first = tries < LOCKS_ALL_FROM ? await findPlacements(sql, owner, ids) : await listFolders(sql, owner)
  const wanted = new Set([...first.map(({ folderNo }) => folderNo), ...others])
  const folders = new Map((await lockFolders(sql, owner, [...wanted])).map((folder) => [folder.folderNo, folder]))
  // Read again under the locks: it may have been moved while we waited for them.
  const placed = new Map((await findPlacements(sql, owner, ids)).map((row) => [row.copyId, row]))
  for (const row of placed.values()) if (!folders.has(row.folderNo)) throw new Moved()
  return { folders, placed }
}

export async function applyOpsIn(
  sql: Sql,
  owed: OwedMail,
  owner: MailOwner,
  ops: readonly EmailOp[],
  /** of `repeating` */
  tries: number,
): Promise<Map<Id, OpResult>> {
  const ids = ops.map(({ copyId }) => copyId)
  // Each is worked out from where the copy was before the call: a second one would place it a second time.
  if (new Set(ids).size < ids.length) throw new TypeError('one message is changed twice in one call')
  const others = ops.flatMap(({ moveTo }) => moveTo ?? [])
  const { folders, placed } = await lockPlaced(sql, owner, ids, { tries, others })
  const change = new Change(folders)
  const left = await spared(sql, owner, ops, { folders, placed })
  const results = new Map<Id, OpResult>()
  for (const op of ops) {
    const row = placed.get(op.copyId)
    results.set(op.copyId, !row ? 'not-found' : left.has(op.copyId) ? 'was-sent' : change.apply(row, op))
  }
  await change.write(sql, owner)
  const actor = `person:${owner.personId}`
  if (change.cancelled.length > 0) await owed.cancelOwed(sql, { ...owner, copyIds: change.cancelled, actor })
  if (change.restored.length > 0) await owed.restoreOwed(sql, { ...owner, copyIds: change.restored, actor })
  return results
}

/** Under the locks: a submission of a copy begins under the same ones (holdPlaced). */
async function spared(
  sql: Sql,
  owner: MailOwner,
  ops: readonly EmailOp[],
  { folders, placed }: Locked,
): Promise<Set<Id>> {
  const asked = ops.filter(({ copyId, destroy, sparesSent }) => {
    const row = placed.get(copyId)
    if (!destroy || !sparesSent || !row) return false
    const role = folders.get(row.folderNo)?.role
    return sparesSent === 'in-drafts' ? role === FolderRole.drafts : role !== FolderRole.trash
  })
  if (asked.length === 0) return new Set()
  return copiesThatLeft(
    sql,
    owner,
    asked.map(({ copyId }) => copyId),
  )
}

/** Runs `work` in a transaction through which this copy stays where it is; null: it is nowhere. */
export function holdPlaced<T>(
  db: Database,
  owner: MailOwner,
  copyId: Id,
  work: (sql: Sql) => Promise<T>,
): Promise<T | null> {
  return repeating((tries) =>
    db.transaction(async (sql) => {
      const { placed } = await lockPlaced(sql, owner, [copyId], { tries })
      return placed.has(copyId) ? work(sql) : null
    }),
  )
}

/** Collects the effects of operations on locked folders; the folders' numbers move once for all of them. */
class Change {
  readonly cancelled: Id[] = []
  readonly restored: Id[] = []
  private readonly folders: ReadonlyMap<number, FolderRow>
  private readonly touched = new Map<number, FolderChange>()
  private readonly flags: Parameters<typeof writePlacements>[2]['flags'] = []
  private readonly tombstones: Parameters<typeof writePlacements>[2]['tombstones'] = []
  private readonly inserts: Parameters<typeof writePlacements>[2]['inserts'] = []

  constructor(folders: ReadonlyMap<number, FolderRow>) {
    this.folders = folders
  }

  private touch(folderNo: number): FolderChange {
    let change = this.touched.get(folderNo)
    if (!change) {
      const folder = this.folders.get(folderNo)!
      change = { folderNo, modseq: folder.modseq + 1, uidnext: folder.uidnext, total: 0, unseen: 0, bytes: 0 }
      this.touched.set(folderNo, change)
    }
    return change
  }

  private isTrash(folderNo: number): boolean {
    return this.folders.get(folderNo)?.role === FolderRole.trash
  }

  apply(row: PlacementRow, op: EmailOp): OpResult {
    const moves = op.moveTo !== undefined && op.moveTo !== row.folderNo
    if (moves && !this.folders.has(op.moveTo!)) return 'no-folder'
    const stored = op.keywords ? changeKeywords(row, op.keywords) : row
    if ((stored.keywords?.length ?? 0) > MOST_KEYWORDS) return 'too-many-keywords'
    if (op.destroy) {
      this.leave(row)
      this.cancelled.push(row.copyId)
    } else if (moves) {
      this.leave(row)
      const target = this.touch(op.moveTo!)
      const { flags, keywords } = stored
      const movedFrom = this.isTrash(op.moveTo!) ? row.folderNo : null
      this.inserts.push({
        ...row,
        folderNo: op.moveTo!,
        uid: target.uidnext,
        flags,
        keywords,
        modseq: target.modseq,
        movedFrom,
      })
      target.uidnext++
      this.count(target, 1, row.size, flags)
      if (this.isTrash(op.moveTo!)) this.cancelled.push(row.copyId)
      else if (this.isTrash(row.folderNo)) this.restored.push(row.copyId)
    } else if (!sameKeywords(row, stored)) {
      const folder = this.touch(row.folderNo)
      this.flags.push({
        folderNo: row.folderNo,
        uid: row.uid,
        flags: stored.flags,
        keywords: stored.keywords,
        modseq: folder.modseq,
      })
      folder.unseen += (row.flags & Flag.seen ? 1 : 0) - (stored.flags & Flag.seen ? 1 : 0)
    }
    return 'done'
  }

  private leave(row: PlacementRow): void {
    const source = this.touch(row.folderNo)
    this.tombstones.push({ folderNo: row.folderNo, uid: row.uid, modseq: source.modseq })
    this.count(source, -1, -row.size, row.flags)
  }

  private count(change: FolderChange, n: number, bytes: number, flags: number): void {
    change.total += n
    change.bytes += bytes
    if (!(flags & Flag.seen)) change.unseen += n
  }

  /** A new message: its copy is written by the caller. */
  insert(
    folderNo: number,
    row: Omit<PlacementRow, 'folderNo' | 'uid' | 'modseq' | 'createdModseq' | 'movedFrom'>,
  ): void {
    const target = this.touch(folderNo)
    this.inserts.push({ ...row, folderNo, uid: target.uidnext, modseq: target.modseq, movedFrom: null })
    target.uidnext++
    this.count(target, 1, row.size, row.flags)
  }

  async write(sql: Sql, owner: MailOwner): Promise<void> {
    if (this.touched.size === 0) return
    const { flags, tombstones, inserts } = this
    await writePlacements(sql, owner, { folders: [...this.touched.values()], flags, tombstones, inserts })
  }
}

/** Places a new copy; false when there is no such folder. */
export async function placeIn(
  sql: Sql,
  owner: MailOwner,
  folderNo: number,
  row: Parameters<Change['insert']>[1],
): Promise<boolean> {
  const folders = await lockFolders(sql, owner, [folderNo])
  if (folders.length === 0) return false
  const change = new Change(new Map(folders.map((folder) => [folder.folderNo, folder])))
  change.insert(folderNo, row)
  await change.write(sql, owner)
  return true
}

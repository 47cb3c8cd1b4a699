/** A person's folders: the six everybody has, and own ones: made, renamed, nested, removed. Names are unique among siblings. */
import type { OwedMail } from '../return/index.ts'
import { StandardFolder } from '../../platform/codes.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import {
  insertFolder,
  listFolders,
  lockFolders,
  removeFolder,
  renameFolder,
  type FolderRow,
} from '../../store/folders.ts'
import { livePlacementsOf, type MailOwner } from '../../store/mailbox.ts'
import { applyOpsIn, repeating } from './update.ts'

const MOST_FOLDERS = 1000
export const MOST_DEPTH = 10
export const MOST_NAME_BYTES = 255

export type FolderProblem =
  | 'not-found'
  | 'no-parent'
  | 'name-taken'
  | 'bad-name'
  | 'too-deep'
  | 'too-many'
  | 'standard'
  | 'has-child'
  | 'has-email'
export type FolderOutcome = { folderNo: number } | { problem: FolderProblem }

function nameProblem(
  folders: readonly FolderRow[],
  name: string,
  parentNo: number | null,
  self: number | null,
): FolderProblem | null {
  // RFC 8621 section 2: a Net-Unicode string of 1 to maxSizeMailboxName octets.
  if (
    name === '' ||
    Buffer.byteLength(name) > MOST_NAME_BYTES ||
    /[\u0000-\u001f\u007f-\u009f]/.test(name) ||
    !name.isWellFormed()
  )
    return 'bad-name'
  const folded = name.normalize('NFC').toLowerCase()
  if (
    folders.some(
      (f) => f.parentNo === parentNo && f.folderNo !== self && f.name.normalize('NFC').toLowerCase() === folded,
    )
  )
    return 'name-taken'
  const byNo = new Map(folders.map((folder) => [folder.folderNo, folder]))
  let depth = 1
  for (let at = parentNo; at !== null; at = byNo.get(at)!.parentNo) {
    if (!byNo.has(at)) return 'no-parent'
    if (at === self || ++depth > MOST_DEPTH) return 'too-deep'
  }
  return null
}

/** The Inbox's lock stands for the whole tree: one change of folders at a time per person. */
async function lockTree(sql: Sql, owner: MailOwner): Promise<FolderRow[]> {
  await lockFolders(sql, owner, [StandardFolder.inbox])
  return listFolders(sql, owner)
}

export function createFolder(
  db: Database,
  owner: MailOwner,
  wish: { name: string; parentNo: number | null },
): Promise<FolderOutcome> {
  return repeating(() =>
    db.transaction(async (sql) => {
      const folders = await lockTree(sql, owner)
      if (folders.length >= MOST_FOLDERS) return { problem: 'too-many' as const }
      const problem = nameProblem(folders, wish.name, wish.parentNo, null)
      if (problem) return { problem }
      return { folderNo: await insertFolder(sql, owner, wish) }
    }),
  )
}

export function changeFolder(
  db: Database,
  owner: MailOwner,
  folderNo: number,
  wish: { name?: string; parentNo?: number | null },
): Promise<FolderOutcome> {
  return repeating(() =>
    db.transaction(async (sql) => {
      const folders = await lockTree(sql, owner)
      const folder = folders.find((one) => one.folderNo === folderNo)
      if (!folder) return { problem: 'not-found' as const }
      const name = wish.name ?? folder.name
      const parentNo = wish.parentNo === undefined ? folder.parentNo : wish.parentNo
      if (name === folder.name && parentNo === folder.parentNo) return { folderNo }
      if (folder.role !== null) return { problem: 'standard' as const }
      const problem = nameProblem(folders, name, parentNo, folderNo)
      if (problem) return { problem }
      await renameFolder(sql, owner, folderNo, name, parentNo)
      return { folderNo }
    }),
  )
}

/** Its messages are destroyed with it when that is asked for (RFC 8621 section 2.5, onDestroyRemoveEmails). */
export function destroyFolder(
  db: Database,
  owed: OwedMail,
  owner: MailOwner,
  folderNo: number,
  withEmails: boolean,
): Promise<FolderOutcome> {
  return repeating((tries) =>
    db.transaction(async (sql) => {
      const folders = await lockTree(sql, owner)
      const folder = folders.find((one) => one.folderNo === folderNo)
      if (!folder) return { problem: 'not-found' as const }
      if (folder.role !== null) return { problem: 'standard' as const }
      if (folders.some((one) => one.parentNo === folderNo)) return { problem: 'has-child' as const }
      await lockFolders(sql, owner, [folderNo])
      const emails = await livePlacementsOf(sql, owner, folderNo)
      if (emails.length > 0 && !withEmails) return { problem: 'has-email' as const }
      await applyOpsIn(
        sql,
        owed,
        owner,
        emails.map(({ copyId }) => ({ copyId, destroy: true })),
        tries,
      )
      await removeFolder(sql, owner, folderNo)
      return { folderNo }
    }),
  )
}

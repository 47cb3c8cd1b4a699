/** Mailbox/get (RFC 8621 section 2.1). */
import { z } from 'zod'
import type { FolderRow } from '../../../core/mailbox/index.ts'
import { FolderRole, wordOf } from '../../../platform/codes.ts'
import { folderNoOf, mailboxId } from '../../../protocols/jmap/index.ts'
import { checkAccount, readArgs, realId, type Call, type Method } from '../call.ts'
import { getArgs } from '../schemas.ts'
import { checkGetSize, checkProperties, pick } from '../standard.ts'

const PROPERTIES = [
  'id', 'name', 'parentId', 'role', 'sortOrder', 'totalEmails', 'unreadEmails', 'totalThreads', 'unreadThreads', 'myRights', 'isSubscribed',
] // prettier-ignore
const schema = z.strictObject(getArgs)

export const sortOrderOf = (folder: FolderRow): number => (folder.role === null ? 100 : folder.role * 10)

export function rightsOf(folder: FolderRow, isReadOnly: boolean): object {
  const may = !isReadOnly
  const isOwn = may && folder.role === null
  return {
    mayReadItems: true,
    mayAddItems: may,
    mayRemoveItems: may,
    maySetSeen: may,
    maySetKeywords: may,
    mayCreateChild: may,
    mayRename: isOwn,
    mayDelete: isOwn,
    maySubmit: may,
  }
}

async function counted(
  folders: readonly FolderRow[],
  properties: readonly string[],
  call: Call,
): Promise<Map<number, object>> {
  const threads = properties.some((property) => property.endsWith('Threads'))
    ? new Map((await call.mailbox.threadCounts(call.owner)).map((count) => [count.folderNo, count]))
    : null
  const unseen = folders.filter((folder) => folder.unseen > 0).map(({ folderNo }) => folderNo)
  const drafts =
    properties.includes('unreadEmails') && unseen.length > 0
      ? await call.mailbox.unseenDrafts(call.owner, unseen)
      : null
  return new Map(
    folders.map((folder) => [
      folder.folderNo,
      {
        unreadEmails: folder.unseen - (drafts?.get(folder.folderNo) ?? 0),
        totalThreads: threads?.get(folder.folderNo)?.totalThreads ?? 0,
        unreadThreads: threads?.get(folder.folderNo)?.unreadThreads ?? 0,
      },
    ]),
  )
}

export const mailboxGet: Method = async (raw, call) => {
  const args = readArgs(schema, raw)
  checkAccount(args.accountId, call)
  const properties = checkProperties(args.properties, PROPERTIES)
  const ids = args.ids?.map((id) => realId(id, call))
  if (ids) checkGetSize(ids)
  const { folders, state } = await call.mailbox.folders(call.owner)
  const wanted = ids ? folders.filter((folder) => ids.includes(mailboxId(folder.folderNo))) : folders
  const counts = await counted(wanted, properties, call)
  const list = wanted.map((folder) =>
    pick(
      {
        id: mailboxId(folder.folderNo),
        name: folder.name,
        parentId: folder.parentNo === null ? null : mailboxId(folder.parentNo),
        role: folder.role === null ? null : wordOf(FolderRole, folder.role),
        sortOrder: sortOrderOf(folder),
        totalEmails: folder.total,
        myRights: rightsOf(folder, call.isReadOnly),
        isSubscribed: true,
        ...counts.get(folder.folderNo),
      },
      properties,
    ),
  )
  const known = new Set(folders.map(({ folderNo }) => folderNo))
  const notFound = [...new Set(ids ?? [])].filter((id) => !known.has(folderNoOf(id) ?? 0))
  return { accountId: args.accountId, state: await call.mailbox.formatState('b', state), list, notFound }
}

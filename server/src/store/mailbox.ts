/**
 * Placements: a person's messages in their folders (folders.ts). Every change is made under the locks of its folders, moves each folder's change number once, and keeps
 * counters equal to contents. Nothing is deleted: a placement that leaves its folder gets a tombstone, which is the
 * change log that IMAP and JMAP ask about; the copy and its bytes stay (promise 10).
 */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface MailOwner {
  organisationId: Id
  personId: Id
  /** who acts, where the mailbox is a shared one */
  actorId?: Id
}

export interface PlacementRow {
  folderNo: number
  uid: number
  copyId: Id
  messageId: Id
  threadId: Id
  flags: number
  keywords: string[] | null
  createdModseq: number
  modseq: number
  movedFrom: number | null
  size: number
}

const PLACEMENT = `p.folder_no AS "folderNo", p.uid, p.copy_id AS "copyId", p.message_id AS "messageId", p.thread_id AS "threadId", p.flags, p.keywords,
  p.created_modseq AS "createdModseq", p.modseq, p.moved_from AS "movedFrom", p.size`

/** The live placements of copies, wherever they are. */
export function findPlacements(sql: Sql, owner: MailOwner, copyIds: readonly Id[]): Promise<PlacementRow[]> {
  return sql.query<PlacementRow>(
    `SELECT ${PLACEMENT} FROM folder f JOIN placement p ON p.organisation_id = f.organisation_id AND p.person_id = f.person_id
       AND p.folder_no = f.folder_no AND p.copy_id = ANY ($3::uuid[])
     WHERE f.organisation_id = $1 AND f.person_id = $2 AND p.tombstone IS NULL`,
    [owner.organisationId, owner.personId, [...copyIds]],
  )
}

export function livePlacementsOf(sql: Sql, owner: MailOwner, folderNo: number): Promise<PlacementRow[]> {
  return sql.query<PlacementRow>(
    `SELECT ${PLACEMENT} FROM placement p
     WHERE p.organisation_id = $1 AND p.person_id = $2 AND p.folder_no = $3 AND p.tombstone IS NULL`,
    [owner.organisationId, owner.personId, folderNo],
  )
}

export interface FlagChange {
  folderNo: number
  uid: number
  flags: number
  keywords: string[] | null
  modseq: number
}
export interface Tombstone {
  folderNo: number
  uid: number
  modseq: number
}
export type NewPlacement = Omit<PlacementRow, 'createdModseq'>
export interface FolderChange {
  folderNo: number
  /** the new values */
  modseq: number
  uidnext: number
  /** differences */
  total: number
  unseen: number
  bytes: number
}

const KEY = `organisation_id = $1 AND person_id = $2`

/** All parts of one change, under the folders' locks. */
export async function writePlacements(
  sql: Sql,
  owner: MailOwner,
  change: { folders: FolderChange[]; flags: FlagChange[]; tombstones: Tombstone[]; inserts: NewPlacement[] },
): Promise<void> {
  const values = (rows: readonly object[]): [string, string, string] => [
    owner.organisationId,
    owner.personId,
    JSON.stringify(rows),
  ]
  if (change.flags.length > 0)
    await sql.query(
      `UPDATE placement p SET flags = t.flags, keywords = t.keywords, modseq = t.modseq
       FROM jsonb_to_recordset($3::jsonb) AS t("folderNo" int, uid bigint, flags int, keywords text[], modseq bigint)
       WHERE ${KEY} AND p.folder_no = t."folderNo" AND p.uid = t.uid`,
      values(change.flags),
    )
  if (change.tombstones.length > 0)
    await sql.query(
      `UPDATE placement p SET tombstone = now(), modseq = t.modseq
       FROM jsonb_to_recordset($3::jsonb) AS t("folderNo" int, uid bigint, modseq bigint)
       WHERE ${KEY} AND p.folder_no = t."folderNo" AND p.uid = t.uid AND p.tombstone IS NULL`,
      values(change.tombstones),
    )
  if (change.inserts.length > 0)
    await sql.query(
      `INSERT INTO placement (organisation_id, person_id, folder_no, uid, copy_id, message_id, thread_id, flags, keywords,
         created_modseq, modseq, moved_from, size)
       SELECT $1, $2, "folderNo", uid, "copyId", "messageId", "threadId", flags, keywords, modseq, modseq, "movedFrom", size
       FROM jsonb_to_recordset($3::jsonb) AS t("folderNo" int, uid bigint, "copyId" uuid, "messageId" uuid, "threadId" uuid, flags int,
         keywords text[], modseq bigint, "movedFrom" int, size bigint)`,
      values(change.inserts),
    )
  await sql.query(
    `UPDATE folder f SET modseq = t.modseq, uidnext = t.uidnext, total = f.total + t.total, unseen = f.unseen + t.unseen,
       bytes = f.bytes + t.bytes
     FROM jsonb_to_recordset($3::jsonb) AS t("folderNo" int, modseq bigint, uidnext bigint, total int, unseen int, bytes bigint)
     WHERE ${KEY} AND f.folder_no = t."folderNo"`,
    values(change.folders),
  )
}

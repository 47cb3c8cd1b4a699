/**
 * Folders: the six standard ones of every person (codes.ts StandardFolder), made with the person so that accept can place
 * mail in folder 1 without asking, and those people make. Locks are always taken in the order of folder_no, as accept
 * takes them. A removed folder stays as a row: its change number is how others learn that it went.
 */
import { FolderRole, StandardFolder } from '../platform/codes.ts'
import { uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import type { MailOwner } from './mailbox.ts'

export interface FolderRow {
  folderNo: number
  parentNo: number | null
  name: string
  role: number | null
  uidvalidity: number
  uidnext: number
  modseq: number
  total: number
  unseen: number
  bytes: number
  removedModseq: number | null
}

const FOLDER = `folder_no AS "folderNo", parent_no AS "parentNo", name, role, uidvalidity, uidnext, modseq, total, unseen,
  bytes, removed_modseq AS "removedModseq"`

/** RFC 9051 section 2.3.1.1: UIDVALIDITY, 32 bits, larger after every restore because the epoch is. Plus the folder's number. */
const UIDVALIDITY_BASE = 'coalesce((SELECT epoch FROM installation), 1)::bigint'

/** Stored names are plain English words; pages show the role's word in the reader's language. */
const TITLES: Record<keyof typeof StandardFolder, string> = {
  inbox: 'Inbox',
  drafts: 'Drafts',
  sent: 'Sent',
  trash: 'Trash',
  junk: 'Junk',
  archive: 'Archive',
}
const KEYS = Object.keys(StandardFolder) as (keyof typeof StandardFolder)[]
const VALUES = KEYS.map((key) => `(${StandardFolder[key]}, '${TITLES[key]}', ${FolderRole[key]})`).join(', ')

/** Makes the standard folders of these people; what is there stays as it is. */
export async function ensureStandardFolders(sql: Sql, organisationId: Id, personIds: readonly Id[]): Promise<void> {
  if (personIds.length === 0) return
  await sql.query(
    `INSERT INTO folder (organisation_id, person_id, folder_no, name, role, uidvalidity)
     SELECT $1::uuid, p.person_id, f.no, f.name, f.role,
            ${UIDVALIDITY_BASE} + f.no
     FROM unnest($2::uuid[]) AS p(person_id), (VALUES ${VALUES}) AS f(no, name, role)
     ON CONFLICT DO NOTHING`,
    [organisationId, uuidArray(personIds)],
  )
}

/** Every folder that is not removed, or all that ever were. */
export function listFolders(sql: Sql, owner: MailOwner, withRemoved = false): Promise<FolderRow[]> {
  return sql.query<FolderRow>(
    `SELECT ${FOLDER} FROM folder WHERE organisation_id = $1 AND person_id = $2 ${withRemoved ? '' : 'AND removed_modseq IS NULL'}
     ORDER BY folder_no`,
    [owner.organisationId, owner.personId],
  )
}

/** Locks folders until the end of the transaction, always in the same order. Missing and removed ones are left out. */
export function lockFolders(sql: Sql, owner: MailOwner, folderNos: readonly number[]): Promise<FolderRow[]> {
  return sql.query<FolderRow>(
    `SELECT ${FOLDER} FROM folder WHERE organisation_id = $1 AND person_id = $2 AND folder_no = ANY ($3::int[])
       AND removed_modseq IS NULL ORDER BY folder_no FOR UPDATE`,
    [owner.organisationId, owner.personId, [...new Set(folderNos)]],
  )
}

/** A new epoch has begun: every folder's UIDVALIDITY follows, so that clients forget what they knew of UIDs. */
export async function renewUidvalidity(sql: Sql): Promise<void> {
  await sql.query(`UPDATE folder SET uidvalidity = ${UIDVALIDITY_BASE} + folder_no`)
}

export interface NewFolder {
  name: string
  parentNo: number | null
}

/** The caller holds the Inbox's lock, so numbers are given out one at a time. */
export async function insertFolder(sql: Sql, owner: MailOwner, folder: NewFolder): Promise<number> {
  const [row] = await sql.query<{ folderNo: number }>(
    `INSERT INTO folder (organisation_id, person_id, folder_no, parent_no, name, uidvalidity)
     SELECT $1, $2, max(folder_no) + 1, $3, $4, ${UIDVALIDITY_BASE} + max(folder_no) + 1
     FROM folder WHERE organisation_id = $1 AND person_id = $2 RETURNING folder_no AS "folderNo"`,
    [owner.organisationId, owner.personId, folder.parentNo, folder.name],
  )
  return row!.folderNo
}

export async function renameFolder(
  sql: Sql,
  owner: MailOwner,
  folderNo: number,
  name: string,
  parentNo: number | null,
): Promise<void> {
  await sql.query(
    `UPDATE folder SET name = $4, parent_no = $5, modseq = modseq + 1
     WHERE organisation_id = $1 AND person_id = $2 AND folder_no = $3`,
    [owner.organisationId, owner.personId, folderNo, name, parentNo],
  )
}

/** Its placements were tombstoned or moved before. */
export async function removeFolder(sql: Sql, owner: MailOwner, folderNo: number): Promise<void> {
  await sql.query(
    `UPDATE folder SET modseq = modseq + 1, removed_modseq = modseq + 1
     WHERE organisation_id = $1 AND person_id = $2 AND folder_no = $3 AND role IS DISTINCT FROM ${FolderRole.inbox}`,
    [owner.organisationId, owner.personId, folderNo],
  )
}

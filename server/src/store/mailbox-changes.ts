/**
 * What changed in a person's folders since a point. A point in a folder is (modseq, uid): everything changed up to
 * `modseq`, and of the change numbered `modseq` itself only up to `uid`, so that a huge change can be read in pages.
 */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import type { MailOwner } from './mailbox.ts'

export interface FolderPoint {
  folderNo: number
  modseq: number
  uid: number
}

export interface ChangedPlacement {
  folderNo: number
  uid: number
  copyId: Id
  createdModseq: number
  modseq: number
  isLive: boolean
}

const ROW = `folder_no AS "folderNo", uid, copy_id AS "copyId", created_modseq AS "createdModseq", modseq, tombstone IS NULL AS "isLive"`

/**
 * Changed placements of one folder behind a point, oldest change first. Two index ranges: rows never changed since they
 * were made (the folder's last uids; uid and created_modseq rise together) and rows changed later (placement_changes).
 */
export function changedPlacements(
  sql: Sql,
  owner: MailOwner,
  point: FolderPoint,
  limit: number,
): Promise<ChangedPlacement[]> {
  return sql.query<ChangedPlacement>(
    `WITH base AS (SELECT coalesce(max(uid), 0) AS last_uid FROM (SELECT uid FROM placement WHERE organisation_id = $1
         AND person_id = $2 AND folder_no = $3 AND (created_modseq, uid) <= ($4::bigint, $5::bigint) ORDER BY uid DESC LIMIT 1) b)
     SELECT * FROM (
       (SELECT ${ROW} FROM placement, base WHERE organisation_id = $1 AND person_id = $2 AND folder_no = $3
          AND uid > last_uid AND modseq = created_modseq ORDER BY uid LIMIT $6)
       UNION ALL
       (SELECT ${ROW} FROM placement WHERE organisation_id = $1 AND person_id = $2 AND folder_no = $3
          AND modseq > created_modseq AND (modseq, uid) > ($4::bigint, $5::bigint) ORDER BY modseq, uid LIMIT $6)
     ) AS changed ORDER BY modseq, uid LIMIT $6`,
    [owner.organisationId, owner.personId, point.folderNo, point.modseq, point.uid, limit],
  )
}

/** Every placement, live or not, of some copies: whether a copy was there before and is there now. */
export function placementHistory(sql: Sql, owner: MailOwner, copyIds: readonly Id[]): Promise<ChangedPlacement[]> {
  return sql.query<ChangedPlacement>(
    `SELECT p.folder_no AS "folderNo", p.uid, p.copy_id AS "copyId", p.created_modseq AS "createdModseq", p.modseq,
       p.tombstone IS NULL AS "isLive"
     FROM folder f JOIN placement p ON p.organisation_id = f.organisation_id AND p.person_id = f.person_id
       AND p.folder_no = f.folder_no AND p.copy_id = ANY ($3::uuid[])
     WHERE f.organisation_id = $1 AND f.person_id = $2`,
    [owner.organisationId, owner.personId, [...copyIds]],
  )
}

export interface FolderState {
  folderNo: number
  modseq: number
  isRemoved: boolean
}

/** The change number of every folder, removed ones too: the state of a mailbox. */
export function folderStates(sql: Sql, owner: MailOwner): Promise<FolderState[]> {
  return sql.query<FolderState>(
    `SELECT folder_no AS "folderNo", modseq, removed_modseq IS NOT NULL AS "isRemoved" FROM folder
     WHERE organisation_id = $1 AND person_id = $2 ORDER BY folder_no`,
    [owner.organisationId, owner.personId],
  )
}

/** One number per person that moves with every change: what the push hub polls for the people who are connected. */
export function changeSums(sql: Sql, personIds: readonly Id[]): Promise<{ personId: Id; sum: number }[]> {
  return sql.query<{ personId: Id; sum: number }>(
    `SELECT person_id AS "personId", sum(modseq)::bigint AS sum FROM folder
     WHERE (organisation_id, person_id) IN (SELECT organisation_id, person_id FROM person WHERE person_id = ANY ($1::uuid[]))
     GROUP BY person_id`,
    [[...personIds]],
  )
}

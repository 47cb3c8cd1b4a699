/** Counts over a mailbox that folders do not keep, and the messages of threads. Live placements only. */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import type { ListedEmail } from './mailbox-list.ts'
import type { MailOwner } from './mailbox.ts'

/** The messages of threads, oldest first (RFC 8621 section 3). */
export function readThreads(sql: Sql, owner: MailOwner, threadIds: readonly Id[]): Promise<ListedEmail[]> {
  return sql.query<ListedEmail>(
    `SELECT p.copy_id AS "copyId", p.thread_id AS "threadId" FROM placement p
     WHERE p.organisation_id = $1 AND p.person_id = $2 AND p.tombstone IS NULL AND p.thread_id = ANY ($3::uuid[])
     ORDER BY p.copy_id`,
    [owner.organisationId, owner.personId, [...threadIds]],
  )
}

export interface ThreadCount {
  folderNo: number
  totalThreads: number
  unreadThreads: number
}

/**
 * RFC 8621 section 2: a thread is unread in a mailbox when any of its messages, wherever it is, is unread. `mask`: seen and
 * draft. From the index of threads alone (placement_thread), in its order: nothing is sorted, no message is looked at.
 */
export function countThreads(sql: Sql, owner: MailOwner, mask: number): Promise<ThreadCount[]> {
  return sql.query<ThreadCount>(
    `SELECT folder_no AS "folderNo", count(*) AS "totalThreads", count(*) FILTER (WHERE unread) AS "unreadThreads"
     FROM (SELECT folder_no, bool_or(bool_or((flags & $3) = 0)) OVER (PARTITION BY thread_id) AS unread FROM placement
           WHERE organisation_id = $1 AND person_id = $2 AND tombstone IS NULL GROUP BY thread_id, folder_no) t
     GROUP BY folder_no`,
    [owner.organisationId, owner.personId, mask],
  )
}

/** Messages neither seen nor draft, by folder (RFC 8621 section 2, unreadEmails): the counter counts drafts too. */
export function countUnseenDrafts(
  sql: Sql,
  owner: MailOwner,
  wish: { folderNos: readonly number[]; seen: number; draft: number },
): Promise<{ folderNo: number; n: number }[]> {
  return sql.query<{ folderNo: number; n: number }>(
    `SELECT folder_no AS "folderNo", count(*) AS n FROM placement
     WHERE organisation_id = $1 AND person_id = $2 AND folder_no = ANY ($3::int[]) AND tombstone IS NULL
       AND (flags & $4) = 0 AND (flags & $5) <> 0 GROUP BY folder_no`,
    [owner.organisationId, owner.personId, [...wish.folderNos], wish.seen, wish.draft],
  )
}

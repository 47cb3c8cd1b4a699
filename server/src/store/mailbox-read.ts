/** Reading a mailbox: messages by id, and the messages of a person's right to one. Live placements only. */
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import type { MailOwner } from './mailbox.ts'

export interface EmailRow {
  copyId: Id
  threadId: Id
  source: number
  folderNo: number
  uid: number
  modseq: number
  createdModseq: number
  flags: number
  keywords: string[] | null
  movedFrom: number | null
  messageId: Id
  direction: number
  envelopeFrom: string
  headerFrom: string | null
  subject: string | null
  messageIdHeader: string | null
  headerDate: Date | null
  size: number
  bodyStore: number
  blobKey: string | null
  prefix: Buffer
}

const EMAIL = `p.copy_id AS "copyId", p.thread_id AS "threadId", c.source, p.folder_no AS "folderNo", p.uid, p.modseq,
  p.created_modseq AS "createdModseq", p.flags, p.keywords, p.moved_from AS "movedFrom", p.message_id AS "messageId",
  m.direction, m.envelope_from AS "envelopeFrom", m.header_from AS "headerFrom", m.subject,
  m.message_id_header AS "messageIdHeader", m.header_date AS "headerDate", m.size, m.body_store AS "bodyStore",
  m.blob_key AS "blobKey", m.prefix`
const COPY_OF = `JOIN copy c ON c.organisation_id = p.organisation_id AND c.copy_id = p.copy_id`
const MESSAGE_OF = `JOIN message m ON m.organisation_id = p.organisation_id AND m.message_id = p.message_id`
const BY_COPY = `FROM folder f JOIN placement p ON p.organisation_id = f.organisation_id AND p.person_id = f.person_id
  AND p.folder_no = f.folder_no`

/** In any order; ids that are not this person's, or not placed any more, are missing. */
export function readEmails(sql: Sql, owner: MailOwner, copyIds: readonly Id[]): Promise<EmailRow[]> {
  return sql.query<EmailRow>(
    `SELECT ${EMAIL} ${BY_COPY} AND p.copy_id = ANY ($3::uuid[]) ${COPY_OF} ${MESSAGE_OF}
     WHERE f.organisation_id = $1 AND f.person_id = $2 AND p.tombstone IS NULL`,
    [owner.organisationId, owner.personId, [...copyIds]],
  )
}

/** A message for download: only with a copy of one's own. The placement may be gone, the right stays. */
export async function readOwnMessage(sql: Sql, owner: MailOwner, messageId: Id): Promise<OwnMessageRow | null> {
  const [row] = await sql.query<OwnMessageRow>(
    `SELECT m.message_id AS "messageId", c.source, m.direction, m.envelope_from AS "envelopeFrom", m.size,
       m.body_store AS "bodyStore", m.blob_key AS "blobKey", m.prefix
     FROM copy c JOIN message m ON m.organisation_id = c.organisation_id AND m.message_id = c.message_id
     WHERE c.organisation_id = $1 AND c.person_id = $2 AND c.message_id = $3 LIMIT 1`,
    [owner.organisationId, owner.personId, messageId],
  )
  return row ?? null
}
export type OwnMessageRow = Pick<
  EmailRow,
  'messageId' | 'source' | 'direction' | 'envelopeFrom' | 'size' | 'bodyStore' | 'blobKey' | 'prefix'
>

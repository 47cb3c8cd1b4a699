/** Files a person uploaded that are not part of a message yet; their bytes are under the upload's id. Swept after a day. */
import { BodyStore } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import type { MailOwner } from './mailbox.ts'

export interface UploadRow {
  uploadId: Id
  type: string
  size: number
  bodyStore: number
}

export async function insertUpload(
  sql: Sql,
  owner: MailOwner,
  upload: { uploadId: Id; type: string; size: number; body: { kind: 'row'; bytes: Buffer } | { kind: 'chunks' } },
): Promise<void> {
  const isRow = upload.body.kind === 'row'
  await sql.query(
    `WITH b AS (INSERT INTO body (organisation_id, body_id, bytes) SELECT $1, $2, $7::bytea WHERE $7::bytea IS NOT NULL)
     INSERT INTO upload (organisation_id, upload_id, person_id, type, size, body_store) VALUES ($1, $2, $3, $4, $5, $6)`,
    [
      owner.organisationId,
      upload.uploadId,
      owner.personId,
      upload.type,
      upload.size,
      isRow ? BodyStore.row : BodyStore.chunks,
      upload.body.kind === 'row' ? upload.body.bytes : null,
    ],
  )
}

export async function readUpload(sql: Sql, owner: MailOwner, uploadId: Id): Promise<UploadRow | null> {
  const [row] = await sql.query<UploadRow>(
    `SELECT upload_id AS "uploadId", type, size, body_store AS "bodyStore" FROM upload
     WHERE organisation_id = $1 AND person_id = $2 AND upload_id = $3`,
    [owner.organisationId, owner.personId, uploadId],
  )
  return row ?? null
}

/** Bytes of uploads younger than a day: what one person may still upload. */
export async function uploadedBytes(sql: Sql, owner: MailOwner): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    `SELECT coalesce(sum(size), 0)::bigint AS n FROM upload
     WHERE organisation_id = $1 AND person_id = $2 AND created_at > now() - interval '1 day'`,
    [owner.organisationId, owner.personId],
  )
  return row!.n
}

/** Ids as JMAP shows them. Account: person id. Email: copy id. Mailbox: `m<folder number>`. Blobs: see BlobRef. */
import { isId, type Id } from '../../platform/ids.ts'

export const mailboxId = (folderNo: number): string => `m${folderNo}`
export const folderNoOf = (id: string): number | null => (/^m[1-9]\d{0,8}$/.test(id) ? Number(id.slice(1)) : null)

export type BlobRef =
  /** a whole message */
  | { kind: 'message'; messageId: Id }
  /** one part of it, after its transfer encoding */
  | { kind: 'part'; messageId: Id; partId: string }
  | { kind: 'upload'; uploadId: Id }

export function formatBlobId(ref: BlobRef): string {
  switch (ref.kind) {
    case 'message':
      return `M${ref.messageId}`
    case 'part':
      // RFC 8620 section 1.2 has no dot: parts are joined by '_'.
      return `P${ref.messageId}_${ref.partId.replaceAll('.', '_')}`
    case 'upload':
      return `U${ref.uploadId}`
  }
}

export function parseBlobId(text: string): BlobRef | null {
  const id = text.slice(1, 37)
  if (!isId(id)) return null
  const rest = text.slice(37)
  if (text.startsWith('M') && rest === '') return { kind: 'message', messageId: id }
  if (text.startsWith('U') && rest === '') return { kind: 'upload', uploadId: id }
  if (text.startsWith('P') && /^(_\d{1,5}){1,100}$/.test(rest))
    return { kind: 'part', messageId: id, partId: rest.slice(1).replaceAll('_', '.') }
  return null
}

/** RFC 8620 section 1.4 UTCDate. */
export const utcDate = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')

export function parseUtcDate(text: unknown): number | null {
  if (typeof text !== 'string' || !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/.test(text)) return null
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}

/** RFC 8620 section 1.4 Date: with any zone. */
export function parseAnyDate(text: unknown): number | null {
  if (typeof text !== 'string' || !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/.test(text))
    return null
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}

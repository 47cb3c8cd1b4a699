/** Blobs (RFC 8620 section 6): what a blob id stands for, always within the person's own messages and uploads. */
import type { Mailbox, MailOwner } from '../../core/mailbox/index.ts'
import { parseBlobId } from '../../protocols/jmap/index.ts'
import { findPart } from '../../protocols/mime/index.ts'

export interface OpenBlob {
  type: string
  /** null: only known when it was read */
  size: number | null
  /** it has no more bytes than that */
  most: number
  bytes: AsyncIterable<Buffer>
}

export async function openBlob(mailbox: Mailbox, owner: MailOwner, blobId: string): Promise<OpenBlob | null> {
  const ref = parseBlobId(blobId)
  if (!ref) return null
  if (ref.kind === 'upload') {
    const upload = await mailbox.upload(owner, ref.uploadId)
    return (
      upload && { type: upload.type, size: upload.size, most: upload.size, bytes: mailbox.readUpload(owner, upload) }
    )
  }
  const message = await mailbox.message(owner, ref.messageId)
  if (!message) return null
  const { view } = mailbox
  if (ref.kind === 'message') {
    const size = view.size(message)
    return { type: 'message/rfc822', size, most: size, bytes: view.read(message) }
  }
  const part = findPart((await view.digest(message, true)).structure.root, ref.partId)
  return part && { type: part.type, size: null, most: part.length, bytes: view.part(message, part) }
}

/** Of which message it is; null: of none. */
export function messageOfBlob(blobId: string): string | null {
  const ref = parseBlobId(blobId)
  return ref === null || ref.kind === 'upload' ? null : ref.messageId
}

/** The whole blob in memory, at most `most` bytes of it. Room for it is the caller's to take (platform/byte-room). */
export async function readBlob(
  call: { mailbox: Mailbox; owner: MailOwner },
  blobId: string,
  most: number,
): Promise<Buffer | 'too-large' | null> {
  const blob = await openBlob(call.mailbox, call.owner, blobId)
  if (!blob) return null
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of blob.bytes) {
    size += chunk.length
    if (size > most) return 'too-large'
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

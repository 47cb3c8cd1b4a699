/**
 * Mail clients put what they send into Sent themselves, where their submission puts it too: some after it, some before. Such
 * a message is known by its Message-ID and its content, and the copy that is there stands for it. What was to be sent later
 * waited in Drafts meanwhile: it takes the place of what its client has put into Sent (take-place.ts).
 *
 * The content is the header without the fields that servers add or take away and without its folding, and the body
 * without the line ends behind it. What differs in anything else is a message of its own.
 */
import { createHash, type Hash } from 'node:crypto'
import { CopySource } from '../../platform/codes.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import type { BlobStore } from '../../store/blobs/blob-store.ts'
import { openBody } from '../../store/bodies.ts'
import { copiesByMessageId, type TwinCopy } from '../../store/mailbox-append.ts'
import type { MailOwner } from '../../store/mailbox.ts'

/** A client that was offline appends when it is back. */
export const RECOGNISED_MS = 86_400_000

/** On its way (RFC 5321 section 4.4, RFC 6376, RFC 8601), on its way out (RFC 5322 section 3.6.3), or a client's own notes. */
const ADDED =
  /^(received|return-path|bcc|resent-bcc|dkim-signature|authentication-results|arc-[a-z-]+|delivered-to|holdfast-[a-z-]+|fcc|status|x-status|x-mozilla-[a-z0-9-]+|x-identity-key|x-account-key|content-length)$/
const HEADER_BYTES = 1_048_576
/** Line ends at the end are held back as long as they are so few. */
const MOST_HELD = 65_536
const CR = 0x0d
const LF = 0x0a

function hashHeader(hash: Hash, header: string): void {
  const fields = header
    .split(/\r?\n(?![ \t])/)
    .map((field) => /^([!-9;-~]+)[ \t]*:([^]*)$/.exec(field))
    .flatMap((match) => (match ? [`${match[1]!.toLowerCase()}:${match[2]!.replace(/\s+/g, ' ').trim()}`] : []))
    .filter((field) => !ADDED.test(field.slice(0, field.indexOf(':'))))
  hash.update(JSON.stringify(fields.sort()))
}

export interface ContentDigest {
  write(chunk: Buffer): void
  /** null: its header is too large to be compared */
  finish(): string | null
}

export function createContentDigest(): ContentDigest {
  const hash = createHash('sha256')
  let header: Buffer | null = Buffer.alloc(0)
  let tooLarge = false
  let held: Buffer[] = []
  let heldBytes = 0
  const release = (): void => {
    for (const piece of held) hash.update(piece)
    held = []
    heldBytes = 0
  }
  function body(chunk: Buffer): void {
    let end = chunk.length
    while (end > 0 && (chunk[end - 1] === CR || chunk[end - 1] === LF)) end--
    if (end > 0) release()
    hash.update(chunk.subarray(0, end))
    held.push(chunk.subarray(end))
    heldBytes += chunk.length - end
    if (heldBytes > MOST_HELD) release()
  }
  return {
    write(chunk) {
      if (tooLarge || chunk.length === 0) return
      if (header === null) return body(chunk)
      const from = Math.max(0, header.length - 3)
      header = Buffer.concat([header, chunk])
      const at = header.indexOf('\r\n\r\n', from)
      if (at >= 0) {
        const rest = header.subarray(at + 4)
        hashHeader(hash, header.toString('latin1', 0, at))
        header = null
        body(rest)
      } else if (header.length > HEADER_BYTES) tooLarge = true
    },
    finish() {
      if (tooLarge) return null
      if (header !== null) hashHeader(hash, header.toString('latin1'))
      return hash.digest('hex')
    },
  }
}

export interface Twins {
  /** Copies in that folder that may be the same message. */
  candidates(sql: Sql): Promise<TwinCopy[]>
  /** The first of them that is. */
  same(candidates: readonly TwinCopy[]): Promise<Id | null>
}

export interface TwinDeps {
  db: Database
  blobs: BlobStore
}

/** null: nobody can say what it is. */
export async function digestOf(
  deps: TwinDeps,
  { organisationId }: MailOwner,
  { messageId, bodyStore, blobKey }: Pick<TwinCopy, 'messageId' | 'bodyStore' | 'blobKey'>,
): Promise<string | null> {
  const digest = createContentDigest()
  const ref = { organisationId, bodyId: messageId, bodyStore, blobKey }
  try {
    for await (const chunk of openBody(deps.db, deps.blobs, ref)) digest.write(chunk)
  } catch (error) {
    // Without its bytes nobody can say that it is the same.
    if (error instanceof WireError) return null
    throw error
  }
  return digest.finish()
}

export function twinsOf(
  deps: TwinDeps,
  owner: MailOwner,
  message: {
    folderNo: number
    messageId: string
    size: number
    digest: string
    /** looked for among those that are not much older than this (milliseconds since the epoch) */
    now: number
    isSubmitted: boolean
  },
): Twins {
  return {
    async candidates(sql) {
      const all = await copiesByMessageId(sql, owner, { ...message, since: message.now - RECOGNISED_MS })
      // What somebody sends once more, to others, is a message of its own; only a client's own copy stands for it.
      return message.isSubmitted ? all.filter(({ source }) => source === CopySource.imported) : all
    },
    async same(candidates) {
      for (const one of candidates) if ((await digestOf(deps, owner, one)) === message.digest) return one.copyId
      return null
    },
  }
}

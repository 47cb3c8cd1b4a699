/**
 * What a message lacks and its submission server adds (RFC 6409 sections 8.2 and 8.3): Date and Message-ID. They stand at
 * its top; nothing else of it changes. From a copy that was stored with them it can be told whether the bytes that came
 * are the same: a client that did not hear our 250 sends them once more.
 */
import { createHash } from 'node:crypto'
import { headerEnd, lastHeader, mimeLimits, parseStructure } from '../../protocols/mime/index.ts'
import { mailDate } from '../routing/index.ts'

export interface Filling {
  /** milliseconds since the epoch */
  date: number
  /** with its angle brackets */
  messageId: string
}

export interface Completion {
  /** The fields to stand before what came; empty where nothing lacks. */
  fields(filling: Filling): Buffer
  /** it came with a Message-ID of its own */
  isNamed: boolean
}

/** As everybody who reads this header afterwards (outgoing.ts). */
const HEADERS_ONLY = { depth: 0, parts: 1, headers: 2000, headerBytes: mimeLimits.headerBytes }

/** `beginning`: of the message, with its whole header section. */
export function completionOf(beginning: Buffer): Completion {
  const { headers } = parseStructure(beginning.subarray(0, headerEnd(beginning)), HEADERS_ONLY).root
  const hasDate = lastHeader(headers, 'date') !== null
  const hasId = lastHeader(headers, 'message-id') !== null
  return {
    isNamed: hasId,
    fields: (filling) =>
      Buffer.from(
        (hasDate ? '' : `Date: ${mailDate(filling.date)}\r\n`) + (hasId ? '' : `Message-ID: ${filling.messageId}\r\n`),
      ),
  }
}

/** A copy that may be of the same message. */
export interface Stored {
  size: number
  sha256: Buffer
  messageId: string | null
  /** milliseconds since the epoch */
  date: number | null
}

/** Is it these bytes, filled up with the copy's own Date and Message-ID where they had none? */
export function isSame(
  stored: Stored,
  came: { completion: Completion; pieces: readonly Buffer[]; size: number },
): boolean {
  const fields = came.completion.fields({ date: stored.date ?? 0, messageId: stored.messageId ?? '' })
  if (fields.length + came.size !== stored.size) return false
  const hash = createHash('sha256').update(fields)
  for (const piece of came.pieces) hash.update(piece)
  return hash.digest().equals(stored.sha256)
}

/**
 * A message as its reader sees it: `Return-Path`, the trace headers written at accept, then the original, octet by octet
 * (DESIGN: mailbox and relay show prefix + original). Offsets in a structure count from the first octet of that view.
 * Structures are kept in memory, bounded by weight: a message never changes.
 */
import { Direction } from '../../platform/codes.ts'
import type { Sql } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import {
  bodyLists,
  createStructureParser,
  decodeCharset,
  hasAttachment,
  htmlToText,
  previewOf,
  transferDecoder,
  type BodyLists,
  type MimePart,
  type MimeStructure,
} from '../../protocols/mime/index.ts'
import type { BlobStore } from '../../store/blobs/blob-store.ts'
import { openBody } from '../../store/bodies.ts'
import type { OwnMessageRow } from '../../store/mailbox-read.ts'

export type ViewedMessage = OwnMessageRow & { organisationId: Id }

export interface Digest {
  structure: MimeStructure
  lists: BodyLists
  preview: string
  hasAttachment: boolean
  /** false: only the beginning was read, sizes and late parts are not known */
  isWhole: boolean
}

/** What is read of a large message when only its headers, preview and attachments' existence are asked. */
const HEAD_BYTES = 262_144
const PREVIEW_BYTES = 32_768
const CACHE_WEIGHT = 33_554_432

export function leadOf(message: Pick<ViewedMessage, 'direction' | 'envelopeFrom' | 'prefix'>): Buffer {
  // Drafts and imported messages are shown as they are: no envelope brought them.
  if (message.direction === Direction.draft) return message.prefix
  // RFC 5321 section 4.4.
  return Buffer.concat([
    Buffer.from(`Return-Path: <${message.envelopeFrom.replace(/[\r\n]/g, '')}>\r\n`, 'utf8'),
    message.prefix,
  ])
}

/** About what a structure takes in memory; the headers of inner parts may be the most of it. */
const weightOf = (part: MimePart): number =>
  part.headers.reduce((n, { raw }) => n + 2 * raw.length + 100, 2000) +
  part.subParts.reduce((n, child) => n + weightOf(child), 0)

export interface MessageView {
  size(message: ViewedMessage): number
  /** Octets of the view from `start` to `end` (exclusive). */
  read(message: ViewedMessage, start?: number, end?: number): AsyncGenerator<Buffer>
  digest(message: ViewedMessage, whole: boolean): Promise<Digest>
  /** A part's content after its transfer encoding. */
  part(message: ViewedMessage, part: MimePart): AsyncGenerator<Buffer>
  /** At most `most` octets of text are decoded. */
  partText(
    message: ViewedMessage,
    part: MimePart,
    most: number,
  ): Promise<{ text: string; problem: boolean; cut: boolean }>
}

export function createMessageView(deps: { sql: Sql; blobs: BlobStore }): MessageView {
  const cache = new Map<Id, { digest: Digest; weight: number }>()
  let weight = 0

  function remember(id: Id, digest: Digest): void {
    const own = weightOf(digest.structure.root)
    const old = cache.get(id)
    if (old) weight -= old.weight
    cache.delete(id)
    cache.set(id, { digest, weight: own })
    weight += own
    for (const [key, entry] of cache) {
      if (weight <= CACHE_WEIGHT) break
      cache.delete(key)
      weight -= entry.weight
    }
  }

  async function* read(message: ViewedMessage, start = 0, end = Infinity): AsyncGenerator<Buffer> {
    const lead = leadOf(message)
    if (start < lead.length) yield lead.subarray(start, Math.min(end, lead.length))
    if (end <= lead.length) return
    const ref = {
      organisationId: message.organisationId,
      bodyId: message.messageId,
      bodyStore: message.bodyStore,
      blobKey: message.blobKey,
    }
    yield* openBody(deps.sql, deps.blobs, ref, Math.max(0, start - lead.length), end - lead.length)
  }

  async function* part(message: ViewedMessage, wanted: MimePart): AsyncGenerator<Buffer> {
    const decoder = transferDecoder(wanted.encoding)
    for await (const chunk of read(message, wanted.offset, wanted.offset + wanted.length)) {
      const out = decoder.push(chunk)
      if (out.length > 0) yield out
    }
    const last = decoder.finish()
    if (last.length > 0) yield last
  }

  async function partText(message: ViewedMessage, wanted: MimePart, most: number): ReturnType<MessageView['partText']> {
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of part(message, wanted)) {
      chunks.push(chunk)
      size += chunk.length
      if (size > most) break
    }
    const bytes = Buffer.concat(chunks)
    const cut = bytes.length > most
    const { text, problem } = decodeCharset(cut ? bytes.subarray(0, most) : bytes, wanted.charset)
    // A character cut in two at the end is the cut's doing.
    return {
      text: (cut ? text.replace(/\ufffd+$/, '') : text).replace(/\r\n/g, '\n'),
      problem: cut ? text.slice(0, -2).includes('\ufffd') && problem : problem,
      cut,
    }
  }

  async function digest(message: ViewedMessage, whole: boolean): Promise<Digest> {
    const known = cache.get(message.messageId)
    if (known && (known.digest.isWhole || !whole)) {
      cache.delete(message.messageId)
      cache.set(message.messageId, known)
      return known.digest
    }
    const isWhole = whole || message.size <= HEAD_BYTES * 2
    const parser = createStructureParser()
    const head: Buffer[] = []
    let kept = 0
    for await (const chunk of read(message, 0, isWhole ? Infinity : HEAD_BYTES)) {
      parser.push(chunk)
      if (kept < HEAD_BYTES) head.push(chunk)
      kept += chunk.length
    }
    const structure = parser.finish()
    const lists = bodyLists(structure.root)
    const first = lists.textBody.find(({ type }) => type.startsWith('text/'))
    let preview = ''
    if (first) {
      const bytes = Buffer.concat(head).subarray(first.offset, first.offset + Math.min(first.length, PREVIEW_BYTES * 2))
      const decoder = transferDecoder(first.encoding)
      const { text } = decodeCharset(
        Buffer.concat([decoder.push(bytes), decoder.finish()]).subarray(0, PREVIEW_BYTES),
        first.charset,
      )
      preview = previewOf(first.type === 'text/html' ? htmlToText(text) : text)
    }
    const made: Digest = { structure, lists, preview, hasAttachment: hasAttachment(lists), isWhole }
    remember(message.messageId, made)
    return made
  }

  return { size: (message) => leadOf(message).length + message.size, read, digest, part, partText }
}

/**
 * A message that a person puts into the own mailbox: a draft, an imported message. Durable when it returns; it streams, so
 * that nothing large is held here.
 */
import { createHash } from 'node:crypto'
import { CopySource, Direction } from '../../platform/codes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { createHeaderScanner, type HeaderFacts } from '../../protocols/smtp/header-scanner.ts'
import { insertOwnMessage, retentionDays } from '../../store/mailbox-append.ts'
import type { MailOwner } from '../../store/mailbox.ts'
import { countOwnContent } from '../../store/own-content.ts'
import type { BodyIntake, BodySink, StoredBody } from '../queue/index.ts'
import { threadIdOf } from '../routing/index.ts'
import { toStored } from './keywords.ts'
import { isOverQuota, overQuota, roomLeft, takeRoom, type StorageLimit } from './storage-limit.ts'
import { placeIn, repeating } from './update.ts'

export interface Appended {
  copyId: Id
  messageId: Id
  threadId: Id
  size: number
}

export interface AppendWish {
  folderNo: number
  keywords: readonly string[]
  /** its pieces; what they throw breaks it off, and nothing of it stays */
  bytes: Iterable<Buffer> | AsyncIterable<Buffer>
  receivedAt: number
  source: 'draft' | 'sent' | 'imported'
}

/** PostgreSQL's text takes no NUL and no half of a surrogate pair. */
const clean = (text: string | null): string | null =>
  text === null ? null : text.replaceAll('\0', '\ufffd').toWellFormed()
const HEADER_BYTES = 1_048_576

/** null: there is no such folder. Throws over-quota, and then nothing of it stays. */
export async function appendMessage(
  deps: { db: Database; clock: Clock; bodies: BodyIntake; config: { storage: StorageLimit } },
  owner: MailOwner,
  wish: AppendWish,
): Promise<Appended | null> {
  const { db, clock } = deps
  const messageId = newId(clock.now())
  const limit = deps.config.storage
  const room = await roomLeft(db, owner, limit, 'message')
  const bytes = within(wish.bytes, room, () => overQuota(limit))
  const { header, size, sha256, body, abort } = await receive(deps.bodies.open(owner.organisationId, messageId), bytes)
  const copyId = newId(wish.receivedAt)
  const threadId = threadIdOf(owner.personId, header.references[0] ?? header.inReplyTo ?? header.messageId, copyId)
  const message = {
    messageId,
    copyId,
    threadId,
    source: CopySource[wish.source],
    direction: Direction.draft,
    receivedAt: new Date(wish.receivedAt),
    headerFrom: clean(header.from),
    subject: clean(header.subject),
    messageIdHeader: clean(header.messageId),
    inReplyTo: clean(header.inReplyTo),
    headerDate: header.date === null ? null : new Date(header.date),
    size,
    sha256,
    body,
    prefix: Buffer.alloc(0),
    keepDays: await retentionDays(db, owner.organisationId),
  }
  const placed = await repeating(() =>
    db.transaction(async (sql) => {
      const row = { copyId, messageId, threadId, ...toStored(wish.keywords), size }
      if (!(await placeIn(sql, owner, wish.folderNo, row))) return false
      await takeRoom(sql, owner, limit, { added: 'message', size })
      await insertOwnMessage(sql, owner, message)
      await countOwnContent(sql, owner, copyId, size)
      return true
    }),
  ).catch((error: unknown) => {
    if (isOverQuota(error)) abort()
    throw error
  })
  // Whatever fails in that transaction leaves the bytes to the sweeper: its commit may have happened all the same.
  if (!placed) abort()
  return placed ? { copyId, messageId, threadId, size } : null
}

interface Received {
  header: HeaderFacts
  size: number
  sha256: Buffer
  body: StoredBody
  abort: () => void
}

type Pieces = AppendWish['bytes']

/** The same pieces, as long as they are not more than `most` bytes. */
async function* within(bytes: Pieces, most: number, tooMany: () => Error): AsyncGenerator<Buffer> {
  let size = 0
  for await (const chunk of bytes) {
    size += chunk.length
    if (size > most) throw tooMany()
    yield chunk
  }
}

async function receive(sink: BodySink, bytes: Pieces): Promise<Received> {
  const scanner = createHeaderScanner(HEADER_BYTES)
  const hash = createHash('sha256')
  let size = 0
  try {
    for await (const chunk of bytes) {
      scanner.write(chunk)
      hash.update(chunk)
      size += chunk.length
      await sink.write(chunk)
    }
    const body = await sink.finish()
    return { header: scanner.finish(), size, sha256: hash.digest(), body, abort: () => sink.abort() }
  } catch (error) {
    sink.abort()
    throw error
  }
}

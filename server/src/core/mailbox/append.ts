/**
 * A message that a person puts into the own mailbox: a draft, an imported message. Durable when it returns; it streams, so
 * that nothing large is held here. What a client appends to Sent after it was sent is there already, and so is what it sends
 * after it was appended (sent-twice.ts): that copy gets the new one's keywords and is the answer.
 */
import { createHash } from 'node:crypto'
import { CopySource, Direction, StandardFolder } from '../../platform/codes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { createHeaderScanner, type HeaderFacts } from '../../protocols/smtp/header-scanner.ts'
import type { BlobStore } from '../../store/blobs/blob-store.ts'
import { lockFolders } from '../../store/folders.ts'
import { insertOwnMessage, retentionDays, type TwinCopy } from '../../store/mailbox-append.ts'
import { readEmails } from '../../store/mailbox-read.ts'
import type { MailOwner } from '../../store/mailbox.ts'
import { countOwnContent } from '../../store/own-content.ts'
import type { BodyIntake, BodySink, StoredBody } from '../queue/index.ts'
import type { OwedMail } from '../return/index.ts'
import { threadIdOf } from '../routing/index.ts'
import { toStored } from './keywords.ts'
import { isOverQuota, overQuota, roomLeft, takeRoom, type StorageLimit } from './storage-limit.ts'
import { createContentDigest, twinsOf, type Twins } from './sent-twice.ts'
import { applyOpsIn, placeIn, repeating } from './update.ts'

export interface Appended {
  copyId: Id
  messageId: Id
  threadId: Id
  size: number
  /** it was there before: the same message put there by somebody else, or what `already` named */
  existed: 'twin' | 'already' | false
}

export interface AppendDeps {
  db: Database
  blobs: BlobStore
  clock: Clock
  bodies: BodyIntake
  config: { storage: StorageLimit }
  owed: OwedMail
}

export interface AppendWish {
  folderNo: number
  keywords: readonly string[]
  /** its pieces; what they throw breaks it off, and nothing of it stays */
  bytes: Iterable<Buffer> | AsyncIterable<Buffer>
  receivedAt: number
  source: 'draft' | 'sent' | 'imported'
  /** A copy in that folder that stands for it, asked while nobody else puts anything there; null: it is a new one. */
  already?: (sql: Sql) => Promise<Id | null>
}

/** PostgreSQL's text takes no NUL and no half of a surrogate pair. */
const clean = (text: string | null): string | null =>
  text === null ? null : text.replaceAll('\0', '\ufffd').toWellFormed()
const HEADER_BYTES = 1_048_576

/** null: there is no such folder. Throws over-quota, and then nothing of it stays. */
export async function appendMessage(deps: AppendDeps, owner: MailOwner, wish: AppendWish): Promise<Appended | null> {
  const { db, clock } = deps
  const messageId = newId(clock.now())
  const limit = deps.config.storage
  const room = await roomLeft(db, owner, limit, 'message')
  const bytes = within(wish.bytes, room, () => overQuota(limit))
  // Whoever is first: the client that puts it there, or its submission.
  const mayBeTwin = wish.source !== 'draft' && wish.folderNo === StandardFolder.sent
  const received = await receive(deps.bodies.open(owner.organisationId, messageId), bytes, mayBeTwin)
  const { header, size, sha256, body, digest, abort } = received
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
  async function insert(sql: Sql): Promise<Appended> {
    await placeIn(sql, owner, wish.folderNo, { copyId, messageId, threadId, ...toStored(wish.keywords), size })
    await takeRoom(sql, owner, limit, { added: 'message', size })
    await insertOwnMessage(sql, owner, message)
    await countOwnContent(sql, owner, copyId, size)
    return { copyId, messageId, threadId, size, existed: false }
  }
  const isSubmitted = wish.source === 'sent'
  const about = {
    folderNo: wish.folderNo,
    messageId: message.messageIdHeader ?? '',
    size,
    now: clock.now(),
    isSubmitted,
  }
  const twins = digest === null || about.messageId === '' ? null : twinsOf(deps, owner, { ...about, digest })
  const placed = await place(deps, owner, wish, { insert, twins }).catch((error: unknown) => {
    if (isOverQuota(error)) abort()
    throw error
  })
  // Whatever fails in that transaction leaves the bytes to the sweeper: its commit may have happened all the same.
  if (placed?.copyId !== copyId) abort()
  return placed
}

/** In one transaction, with the folder locked: the copy that is there already, or the new one; null: no such folder. */
async function place(
  deps: AppendDeps,
  owner: MailOwner,
  wish: AppendWish,
  { insert, twins }: { insert: (sql: Sql) => Promise<Appended>; twins: Twins | null },
): Promise<Appended | null> {
  for (;;) {
    // Their bytes are read before the folder is locked; who came in between is looked at in the next round.
    const known: TwinCopy[] = twins ? await twins.candidates(deps.db) : []
    const twin = twins ? await twins.same(known) : null
    const done = await repeating(() =>
      deps.db.transaction(async (sql) => {
        if ((await lockFolders(sql, owner, [wish.folderNo])).length === 0) return { placed: null }
        const now = twins ? await twins.candidates(sql) : []
        const same = now.find(({ copyId }) => copyId === twin)?.copyId
        const there = same ?? (await wish.already?.(sql)) ?? null
        if (there !== null) {
          const placed = await standsFor(sql, deps, owner, { copyId: there, wish })
          return { placed: { ...placed, existed: same ? 'twin' : 'already' } as const }
        }
        if (now.some(({ copyId }) => !known.some((one) => one.copyId === copyId))) return null
        return { placed: await insert(sql) }
      }),
    )
    if (done) return done.placed
  }
}

async function standsFor(
  sql: Sql,
  deps: AppendDeps,
  owner: MailOwner,
  { copyId, wish }: { copyId: Id; wish: AppendWish },
): Promise<Omit<Appended, 'existed'>> {
  const keywords = { kind: 'patch', add: wish.keywords, remove: [] } as const
  // Under its folder's lock already, so that it is where it was.
  await applyOpsIn(sql, deps.owed, owner, [{ copyId, keywords }], 1)
  const { messageId, threadId, size } = (await readEmails(sql, owner, [copyId]))[0]!
  return { copyId, messageId, threadId, size }
}

interface Received {
  header: HeaderFacts
  size: number
  sha256: Buffer
  body: StoredBody
  /** of its content, where that was asked for and can be said */
  digest: string | null
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

async function receive(sink: BodySink, bytes: Pieces, mayBeTwin: boolean): Promise<Received> {
  const scanner = createHeaderScanner(HEADER_BYTES)
  const hash = createHash('sha256')
  const content = mayBeTwin ? createContentDigest() : null
  let size = 0
  try {
    for await (const chunk of bytes) {
      scanner.write(chunk)
      hash.update(chunk)
      content?.write(chunk)
      size += chunk.length
      await sink.write(chunk)
    }
    const body = await sink.finish()
    const digest = content?.finish() ?? null
    return { header: scanner.finish(), size, sha256: hash.digest(), body, digest, abort: () => sink.abort() }
  } catch (error) {
    sink.abort()
    throw error
  }
}

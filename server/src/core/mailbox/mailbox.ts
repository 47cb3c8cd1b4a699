/**
 * The mailbox as servers use it: one object, every call with the owner it acts for. All rights are here: an id that is
 * not the owner's is answered like one that does not exist.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { BlobStore } from '../../store/blobs/blob-store.ts'
import { openBody } from '../../store/bodies.ts'
import { readInstallation } from '../../store/installation.ts'
import { folderStates } from '../../store/mailbox-changes.ts'
import type { ListedEmail } from '../../store/mailbox-list.ts'
import { readEmails, readOwnMessage, type EmailRow } from '../../store/mailbox-read.ts'
import { countThreads, countUnseenDrafts, readThreads, type ThreadCount } from '../../store/mailbox-threads.ts'
import { ensureStandardFolders, listFolders, type FolderRow } from '../../store/folders.ts'
import type { MailOwner } from '../../store/mailbox.ts'
import { sharedWith, type SharedMailbox } from '../../store/shared.ts'
import { readUpload, type UploadRow } from '../../store/uploads.ts'
import { Flag } from '../../platform/codes.ts'
import { createBodyIntake, type BodyIntake } from '../queue/index.ts'
import type { Config } from '../../platform/config/config.ts'
import type { DiskGuard } from '../../platform/disk-guard.ts'
import type { OwedMail } from '../return/index.ts'
import { appendMessage, type Appended, type AppendWish } from './append.ts'
import { emailChanges, mailboxChanges, inSnapshot, type EmailChanges, type MailboxChanges } from './changes.ts'
import { changeFolder, createFolder, destroyFolder, type FolderOutcome } from './folders.ts'
import { createMailHub, type MailHub } from './hub.ts'
import { createMessageView, type MessageView, type ViewedMessage } from './message-view.ts'
import { searchEmails, type MailSearch, type NoSearch, type SearchPage, type SearchResult } from './query.ts'
import { moveToSent } from './take-place.ts'
import { formatState, parseState, stateOf, type MailState, type StateKind } from './state.ts'
import { applyOps, holdPlaced, type EmailOp, type OpResult } from './update.ts'
import { storeUpload, type StoredUpload } from './uploads.ts'

export interface Mailbox {
  view: MessageView
  hub: MailHub
  ensureFolders(organisationId: Id, personIds: readonly Id[]): Promise<void>
  folders(owner: MailOwner): Promise<{ folders: FolderRow[]; state: MailState }>
  threadCounts(owner: MailOwner): Promise<ThreadCount[]>
  /** messages that are drafts and not seen, by folder: they do not count as unread */
  unseenDrafts(owner: MailOwner, folderNos: readonly number[]): Promise<Map<number, number>>
  createFolder(owner: MailOwner, wish: { name: string; parentNo: number | null }): Promise<FolderOutcome>
  changeFolder(
    owner: MailOwner,
    folderNo: number,
    wish: { name?: string; parentNo?: number | null },
  ): Promise<FolderOutcome>
  destroyFolder(owner: MailOwner, folderNo: number, withEmails: boolean): Promise<FolderOutcome>
  /** with the state they were read in */
  emails(owner: MailOwner, copyIds: readonly Id[]): Promise<{ rows: EmailRow[]; state: MailState }>
  threads(owner: MailOwner, threadIds: readonly Id[]): Promise<{ emails: ListedEmail[]; state: MailState }>
  search(owner: MailOwner, search: MailSearch, page: SearchPage, signal?: AbortSignal): Promise<SearchResult | NoSearch>
  state(owner: MailOwner): Promise<MailState>
  /** shared mailboxes that a person reads beside their own */
  sharedWith(owner: MailOwner): Promise<SharedMailbox[]>
  emailChanges(owner: MailOwner, since: MailState, most: number): Promise<EmailChanges | null>
  mailboxChanges(owner: MailOwner, since: MailState): Promise<MailboxChanges | null>
  update(owner: MailOwner, ops: readonly EmailOp[]): Promise<Map<Id, OpResult>>
  /** Runs `work` in a transaction through which this message is neither moved nor destroyed; null: it is nowhere. */
  holding<T>(owner: MailOwner, copyId: Id, work: (sql: Sql) => Promise<T>): Promise<T | null>
  appendToFolder(owner: MailOwner, wish: AppendWish): Promise<Appended | null>
  /** From Drafts, when it has left; a client's own copy of it in Sent makes room. Done twice it is done once. */
  moveToSent(owner: MailOwner, copyId: Id): Promise<void>
  /** null: no copy of one's own */
  message(owner: MailOwner, messageId: Id): Promise<ViewedMessage | null>
  storeUpload(owner: MailOwner, type: string, bytes: AsyncIterable<Buffer>): Promise<StoredUpload>
  upload(owner: MailOwner, uploadId: Id): Promise<UploadRow | null>
  readUpload(owner: MailOwner, upload: UploadRow): AsyncGenerator<Buffer>
  start(): void
  stop(): Promise<void>
  formatState(kind: StateKind, state: MailState): Promise<string>
  parseState(kind: StateKind, text: string): Promise<MailState | null>
}

export interface MailboxDeps {
  db: Database
  blobs: BlobStore
  bodies: BodyIntake
  /** for uploads, as for `bodies` */
  disk?: Pick<DiskGuard, 'spend'>
  config: Pick<Config, 'storage'>
  clock: Clock
  log: Log
  owed: OwedMail
}

export function createMailbox(deps: MailboxDeps): Mailbox {
  const { db } = deps
  const view = createMessageView({ sql: db, blobs: deps.blobs })
  // An upload lives for a day at most: chunk rows whatever its size, so that no blob is made for it.
  const { storage } = deps.config
  const uploads = createBodyIntake({ ...deps, config: { storage: { ...storage, blobBytes: Number.MAX_SAFE_INTEGER } } })
  const hub = createMailHub({ sql: db, clock: deps.clock, log: deps.log })
  let known: Promise<number> | null = null
  // The epoch only changes by a restore or an import, which no process lives through.
  const epoch = (): Promise<number> =>
    (known ??= readInstallation(db).then(
      (row) => row?.epoch ?? 1,
      (error: unknown) => {
        known = null
        throw error
      },
    ))

  const touching = async <T>(owner: MailOwner, work: Promise<T>): Promise<T> => {
    const result = await work
    hub.touch(owner.personId)
    return result
  }

  return {
    view,
    hub,
    ensureFolders: (organisationId, personIds) => ensureStandardFolders(db, organisationId, personIds),
    folders: (owner) =>
      inSnapshot(db, async (sql) => ({
        folders: await listFolders(sql, owner),
        state: stateOf(await folderStates(sql, owner)),
      })),
    threadCounts: (owner) => countThreads(db, owner, Flag.seen | Flag.draft),
    unseenDrafts: async (owner, folderNos) =>
      new Map(
        (await countUnseenDrafts(db, owner, { folderNos, seen: Flag.seen, draft: Flag.draft })).map(
          ({ folderNo, n }) => [folderNo, n],
        ),
      ),
    createFolder: (owner, wish) => touching(owner, createFolder(db, owner, wish)),
    changeFolder: (owner, folderNo, wish) => touching(owner, changeFolder(db, owner, folderNo, wish)),
    destroyFolder: (owner, folderNo, withEmails) =>
      touching(owner, destroyFolder(db, deps.owed, owner, folderNo, withEmails)),
    emails: (owner, copyIds) =>
      inSnapshot(db, async (sql) => ({
        rows: await readEmails(sql, owner, copyIds),
        state: stateOf(await folderStates(sql, owner)),
      })),
    threads: (owner, threadIds) =>
      inSnapshot(db, async (sql) => ({
        emails: await readThreads(sql, owner, threadIds),
        state: stateOf(await folderStates(sql, owner)),
      })),
    search: (owner, search, page, signal) => searchEmails({ sql: db, view }, owner, search, page, signal),
    sharedWith: (owner) => sharedWith(db, owner),
    state: async (owner) => stateOf(await folderStates(db, owner)),
    emailChanges: (owner, since, most) => emailChanges(db, owner, since, most),
    mailboxChanges: (owner, since) => mailboxChanges(db, owner, since),
    update: (owner, ops) => touching(owner, applyOps(db, deps.owed, owner, ops)),
    holding: (owner, copyId, work) => holdPlaced(db, owner, copyId, work),
    moveToSent: (owner, copyId) => touching(owner, moveToSent(deps, owner, copyId)),
    appendToFolder: (owner, wish) => touching(owner, appendMessage(deps, owner, wish)),
    async message(owner, messageId) {
      const row = await readOwnMessage(db, owner, messageId)
      return row && { ...row, organisationId: owner.organisationId }
    },
    storeUpload: (owner, type, bytes) => storeUpload({ ...deps, bodies: uploads }, owner, type, bytes),
    upload: (owner, uploadId) => readUpload(db, owner, uploadId),
    readUpload: (owner, upload) =>
      openBody(db, deps.blobs, {
        organisationId: owner.organisationId,
        bodyId: upload.uploadId,
        bodyStore: upload.bodyStore,
        blobKey: null,
      }),
    start: () => hub.start(),
    async stop() {
      hub.stop()
      await uploads.stop()
    },
    formatState: async (kind, state) => formatState(kind, await epoch(), state),
    parseState: async (kind, text) => parseState(kind, await epoch(), text),
  }
}

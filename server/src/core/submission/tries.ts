/**
 * Earlier tries to send a draft. Each has a row, written before its message is stored (`pending`), so that a try that was
 * cut off (a lost answer, a killed process) is found by the next one, or by nobody: then by the round that looks for them.
 *
 * Promises: a message that was stored has left, and that is the answer, whatever happens behind the commit. It is sent
 * anew only when it surely was not and will not be stored. What the person sent becomes owed to the primary exactly once.
 *
 * States: pending -> final (stored) | canceled (surely not). Final stays. What is to leave later (releases.ts):
 * waiting -> pending when its time has come | canceled by its person; pending -> waiting where it surely was not stored.
 */
import { createHash } from 'node:crypto'
import type { Clock, Timer } from '../../platform/clock.ts'
import { UndoStatus } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { newId, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { MailOwner } from '../../store/mailbox.ts'
import {
  cancelSubmission,
  finishSubmission,
  homeAddress,
  insertSubmission,
  readTries,
  type NewSubmission,
  type ReleaseTime,
  type Try,
} from '../../store/submissions.ts'
import { claimWaiting, isInTrash, keepUntilReleased } from '../../store/waiting.ts'
import { foldAddress, type Directory } from '../directory/index.ts'
import type { Mailbox } from '../mailbox/index.ts'
import { addSentOwed } from '../return/index.ts'
import { checkAllowance, type AllowanceLimits } from './allowance.ts'
import type { Envelope } from './envelope.ts'

/** releaseAt: not null while it waits for its time, and afterwards */
export type Left = Pick<Try, 'submissionId' | 'messageId' | 'sentAt' | 'undoStatus' | 'releaseAt'>

type Stored = Pick<Try, 'submissionId' | 'copyId' | 'identityAddress' | 'releaseAt'>

export interface Tries {
  /** The try by which this sending has left already or waits for its time; null: it may be sent. Throws conflict while nobody can say. */
  earlier(owner: MailOwner, copyId: Id, envelopeDigest: Buffer | null): Promise<Left | null>
  /** Those of a draft that were not canceled, newest first. */
  all(owner: MailOwner, copyId: Id): Promise<Left[]>
  /** False: another try was faster. Throws not-found: the draft is gone; rate-limited: too many recipients this hour. */
  begin(owner: MailOwner, one: NewSubmission, release?: ReleaseTime): Promise<boolean>
  /** What waited leaves now; `gone`: it waits no more, `deleted`: its message is in Trash or nowhere. */
  claim(
    owner: MailOwner,
    one: Pick<NewSubmission, 'submissionId' | 'copyId' | 'messageId'>,
  ): Promise<'claimed' | 'gone' | 'deleted'>
  /** Its message is stored. Never throws: what cannot be noted now is noted by the next round. */
  left(owner: MailOwner, one: Stored): Promise<void>
  /** Its message was surely not stored. Never throws. */
  failed(owner: MailOwner, submissionId: Id): Promise<void>
  /** Settles tries for which nobody came back; how many. */
  settle(): Promise<number>
  start(): void
  stop(): void
}

export interface TriesDeps {
  db: Database
  clock: Clock
  log: Log
  mailbox: Pick<Mailbox, 'holding' | 'moveToSent'>
  config: { submission: AllowanceLimits }
  directory: Pick<Directory, 'resolve'>
}

const EVERY_MS = 60_000
const BATCH = 100

/** Whom a submission names beside its message; null where it goes to those the message itself names. */
export function envelopeDigest(envelope: Envelope | null): Buffer | null {
  if (!envelope) return null
  const folded = envelope.to.map((address) => foldAddress(address) ?? address)
  return createHash('sha256')
    .update([...new Set(folded)].sort().join('\n'))
    .digest()
}

export function createTries(deps: TriesDeps): Tries {
  const { db, clock, log } = deps
  let timer: Timer | null = null
  let running = false

  /** The primary of the author; null: there is none to bring it home to. */
  async function homeRoute(owner: MailOwner, identityAddress: string): Promise<Id | null> {
    const address = await homeAddress(db, owner, identityAddress)
    if (address === null) return null
    try {
      return (await deps.directory.resolve(address)).routeId
    } catch (error) {
      if (error instanceof WireError) return null
      throw error
    }
  }

  async function finish(owner: MailOwner, one: Stored): Promise<void> {
    const { organisationId, personId } = owner
    // What waited lay in Drafts until it left. Before the row says that all is done: what is cut off here is done again by
    // the next round.
    if (one.releaseAt) await deps.mailbox.moveToSent(owner, one.copyId)
    const routeId = await homeRoute(owner, one.identityAddress)
    await db.transaction(async (sql) => {
      await finishSubmission(sql, owner, one.submissionId)
      const owedId = newId(clock.now())
      await addSentOwed(sql, [{ organisationId, personId, owedId, routeId, copyId: one.copyId }])
    })
  }

  async function left(owner: MailOwner, one: Stored): Promise<void> {
    try {
      await finish(owner, one)
    } catch (error) {
      log.warn({ err: String(error), submissionId: one.submissionId }, 'it has left; its record is completed later')
    }
  }

  async function failed(owner: MailOwner, submissionId: Id): Promise<void> {
    try {
      await cancelSubmission(db, owner, submissionId)
    } catch (error) {
      log.warn({ err: String(error), submissionId }, 'it has not left; its record is completed later')
    }
  }

  async function settle(): Promise<number> {
    let settled = 0
    for (const one of await readTries(db, { pending: BATCH })) {
      if (one.isOpen) continue
      if (one.isStored) await finish(one, one)
      else await cancelSubmission(db, one, one.submissionId)
      settled++
    }
    return settled
  }

  return {
    left,
    failed,
    settle,
    all: (owner, copyId) => readTries(db, { owner, copyId }),
    async earlier(owner, copyId, digest) {
      const known = await readTries(db, { owner, copyId })
      for (const one of known.filter(({ undoStatus }) => undoStatus === UndoStatus.pending)) {
        if (one.isOpen)
          throw new WireError(
            'conflict',
            'an earlier try to send it, or one from another window or device, may still succeed; look again in a minute',
          )
        if (one.isStored) await left(owner, one)
        else await cancelSubmission(db, owner, one.submissionId)
      }
      const same = (other: Buffer | null): boolean =>
        digest === null || other === null ? digest === other : digest.equals(other)
      const stands = known.filter((one) => one.undoStatus !== UndoStatus.pending || one.isStored)
      const found = stands.find((one) => same(one.envelopeDigest))
      if (!found && stands.some(({ undoStatus }) => undoStatus === UndoStatus.waiting))
        throw new WireError('conflict', 'it waits to be sent to others; cancel that first')
      return found ?? null
    },
    async begin(owner, one, release = null) {
      // The draft stays as long as its row is not there: who destroys it then finds the row (mailbox, sparesSent).
      const begun = await deps.mailbox.holding(owner, one.copyId, async (sql) => {
        if (!(await insertSubmission(sql, owner, one, release))) return false
        if (release) await keepUntilReleased(sql, owner, one.submissionId)
        await checkAllowance(sql, owner, deps.config.submission)
        return true
      })
      if (begun === null) throw new WireError('not-found', 'the message to send is not in your mailbox')
      return begun
    },
    async claim(owner, { submissionId, copyId, messageId }) {
      const claimed = await deps.mailbox.holding(owner, copyId, async (sql) => {
        if (await isInTrash(sql, owner, copyId)) return 'deleted'
        if (!(await claimWaiting(sql, owner, submissionId, messageId))) return 'gone'
        await checkAllowance(sql, owner, deps.config.submission)
        return 'claimed'
      })
      return claimed ?? 'deleted'
    },
    start() {
      timer ??= clock.every(EVERY_MS, () => {
        if (running) return
        running = true
        settle()
          .catch((error: unknown) => log.warn({ err: String(error) }, 'cut-off submissions are settled later'))
          .finally(() => {
            running = false
          })
      })
    },
    stop() {
      timer?.cancel()
      timer = null
    },
  }
}

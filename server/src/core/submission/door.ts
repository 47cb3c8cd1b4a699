/**
 * The door for what people send with their own mail client: from the bytes behind DATA to the way that mail from the web
 * pages takes (submission.ts), so that own addresses, hidden recipients, signatures, holds and hourly limits are the same.
 *
 * Promises: after `finish` the message has left and lies in Sent once, with its Bcc, as the author wrote it, or waits for
 * its time in Drafts (releases.ts); when it throws, it has not left, and what was put there for it is taken out again (what
 * the client has put there itself stays). A client that did not hear our 250 and
 * sends the same bytes to the same people again within REPEATED_MS gets 250 and nothing leaves twice: its copy in Sent is
 * found, in whatever process, and the way from it remembers what has left (tries.ts). What was cut off between the copy
 * and the sending is found in the same way, and sent then. Bytes without a Message-ID are the same message for a moment
 * only (two connections at once): what a program sends once more is otherwise meant to arrive once more.
 */
import { createHash } from 'node:crypto'
import type { ByteRoom } from '../../platform/byte-room.ts'
import type { Clock } from '../../platform/clock.ts'
import { StandardFolder } from '../../platform/codes.ts'
import type { Config } from '../../platform/config/config.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { newId, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { headerEnd } from '../../protocols/mime/index.ts'
import { ownAddresses, recentCopies } from '../../store/submissions.ts'
import { waitForOthers } from '../../store/waiting.ts'
import { foldAddress } from '../directory/index.ts'
import type { MxSink } from '../intake/index.ts'
import type { Mailbox, MailOwner } from '../mailbox/index.ts'
import { beginningOf, collect, type Collected } from './collected.ts'
import { completionOf, isSame, type Completion, type Filling } from './completion.ts'
import type { Hold } from '../../protocols/smtp/hold.ts'
import { mayWriteAs } from './delegated.ts'
import type { Envelope } from './envelope.ts'
import { aheadOf } from './hold.ts'
import { prepareOutgoing } from './outgoing.ts'
import type { Submission } from './submission.ts'
import { envelopeDigest } from './tries.ts'

export interface ClientEnvelope extends Envelope {
  /** the client asked for SMTPUTF8 */
  smtputf8: boolean
  /** when it is to leave; null: at once */
  hold?: Hold | null
}

export interface SubmissionDoor {
  /** At MAIL. Throws forbidden: it is not an address of theirs. */
  checkSender(owner: MailOwner, address: string): Promise<void>
  /** seconds that a message may be held; 0: none is */
  readonly maxHold: number
  /** At DATA. `finish` throws what Submission.submit throws, over-quota and memory-full. */
  begin(owner: MailOwner, envelope: ClientEnvelope): MxSink
}

export interface SubmissionDoorDeps {
  db: Database
  clock: Clock
  log: Log
  config: Pick<Config, 'hostname' | 'smtp'>
  room: Pick<ByteRoom, 'claim'>
  mailbox: Pick<Mailbox, 'appendToFolder' | 'ensureFolders' | 'update'>
  submission: Pick<Submission, 'submit' | 'maxHold'>
}

const REPEATED_MS = 600_000
/** Without a Message-ID of its own: a monitor says the same again in a minute, and means it. */
const MOMENT_MS = 10_000

interface Came {
  pieces: readonly Buffer[]
  size: number
  completion: Completion
  held: boolean
  /** of whom it is for */
  digest: Buffer | null
}

/** In A-labels: it stands in a header. */
function domainOf(address: string): string {
  const folded = foldAddress(address) ?? address
  return folded.slice(folded.lastIndexOf('@') + 1)
}

export function createSubmissionDoor(deps: SubmissionDoorDeps): SubmissionDoor {
  const { db, clock, log, mailbox } = deps
  /** by person and bytes: a client that is back before its first try has ended waits for it */
  const underWay = new Map<string, Promise<unknown>>()

  /**
   * The author's copy in Sent, in Drafts of what is held: the one of an earlier try, or of one in another process (who
   * puts something into a folder does so alone, over all of them), the one that the client has put there itself, or a new one.
   */
  async function keep(owner: MailOwner, came: Came, filling: Filling): Promise<{ copyId: Id; isClients: boolean }> {
    const { completion } = came
    const append = () =>
      mailbox.appendToFolder(owner, {
        folderNo: came.held ? StandardFolder.drafts : StandardFolder.sent,
        keywords: came.held ? ['$seen', '$draft'] : ['$seen'],
        bytes: [completion.fields(filling), ...came.pieces],
        receivedAt: filling.date,
        source: 'sent',
        already: (sql) => earlier(sql, owner, came),
      })
    let appended = await append()
    if (!appended) {
      // Who has no emergency mailbox may have no folders yet.
      await mailbox.ensureFolders(owner.organisationId, [owner.personId])
      appended = await append()
    }
    if (!appended) throw new Error('a person has no folder Sent')
    return { copyId: appended.copyId, isClients: appended.existed === 'twin' }
  }

  /** The copy of an earlier try; null: there is none. */
  async function earlier(sql: Sql, owner: MailOwner, came: Came): Promise<Id | null> {
    const recent = await recentCopies(sql, owner, {
      // What was held may have left by now.
      folderNos: came.held ? [StandardFolder.drafts, StandardFolder.sent] : [StandardFolder.sent],
      since: clock.now() - (came.completion.isNamed ? REPEATED_MS : MOMENT_MS),
      atLeast: came.size,
    })
    const same = recent.filter((one) => isSame(one, came)).map(({ copyId }) => copyId)
    if (same.length === 0 || !came.held) return same[0] ?? null
    // A client that was told to write to fewer at once has the rest held in a second transaction.
    const taken = await waitForOthers(sql, owner, same, came.digest)
    return same.find((copyId) => !taken.has(copyId)) ?? null
  }

  /** What has left, or may have, stays. Never throws. */
  async function takeBack(owner: MailOwner, copyId: Id): Promise<void> {
    try {
      await mailbox.update(owner, [{ copyId, destroy: true, sparesSent: 'outside-trash' }])
    } catch (error) {
      log.warn({ err: String(error), copyId }, 'a message that did not leave could not be taken out of Sent')
    }
  }

  async function send(owner: MailOwner, envelope: ClientEnvelope, came: Collected): Promise<{ queueId: string }> {
    const { from, to, dsn = null } = envelope
    const beginning = beginningOf(came.pieces, deps.config.smtp.headerBytes + 2)
    const may = mayWriteAs(await ownAddresses(db, owner))
    // All that its header can be refused for, before anything is stored. It is looked at again on the way out.
    const header = beginning.subarray(0, headerEnd(beginning))
    prepareOutgoing(header, { ...may, identity: from, envelope: { from, to }, hostname: deps.config.hostname })
    const completion = completionOf(header)
    const at = clock.now()
    const filling = { date: at, messageId: `<${newId(at)}@${domainOf(from)}>` }
    const hold = aheadOf(envelope.hold ?? null, at, deps.submission.maxHold)
    const what = {
      pieces: came.pieces,
      size: came.size,
      completion,
      held: hold !== null,
      digest: envelopeDigest({ from, to }),
    }
    const before = await earlier(db, owner, what)
    const { copyId, isClients } =
      before === null ? await keep(owner, what, filling) : { copyId: before, isClients: false }
    // The way from here takes room of its own, and reads the bytes where they are stored.
    came.release()
    try {
      const { messageId } = await deps.submission.submit({
        ...owner,
        copyId,
        identityAddress: from,
        envelope: { from, to, dsn, ...(envelope.requireTls ? { requireTls: true } : {}) },
        hold,
        protocol: envelope.smtputf8 ? 'UTF8SMTPSA' : 'ESMTPSA',
      })
      return { queueId: messageId }
    } catch (error) {
      if (!isClients) await takeBack(owner, copyId)
      if (error instanceof WireError && error.code === 'not-found')
        throw new WireError('conflict', 'it was taken out of Sent while it was being sent', { cause: error })
      throw error
    }
  }

  /** One after the other where it is the same message. Another process is told to come again (tries.ts). */
  async function inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const mine = (underWay.get(key) ?? Promise.resolve()).then(work, work)
    underWay.set(key, mine)
    try {
      return await mine
    } finally {
      if (underWay.get(key) === mine) underWay.delete(key)
    }
  }

  return {
    maxHold: deps.submission.maxHold,
    async checkSender(owner, address) {
      const own = await ownAddresses(db, owner)
      if (!own.some((one) => one.address === foldAddress(address)))
        throw new WireError('forbidden', `${address.slice(0, 254)} is not an address of yours`)
    },
    begin({ organisationId, personId }, envelope) {
      const owner = { organisationId, personId }
      const came = collect(deps.room)
      const digest = createHash('sha256').update(`${personId}\n`)
      return {
        write(chunk) {
          came.add(chunk)
          digest.update(chunk)
        },
        async finish() {
          try {
            return await inTurn(digest.digest('hex'), () => send(owner, envelope, came))
          } finally {
            came.release()
          }
        },
        abort: () => came.release(),
      }
    },
  }
}

/**
 * The door for what people send with their own mail client: from the bytes behind DATA to the way that mail from the web
 * pages takes (submission.ts), so that own addresses, hidden recipients, signatures, holds and hourly limits are the same.
 *
 * Promises: after `finish` the message has left and lies in Sent once, with its Bcc, as the author wrote it; when it
 * throws, it has not left, and what was put into Sent for it is taken out again. A client that did not hear our 250 and
 * sends the same bytes to the same people again within REPEATED_MS gets 250 and nothing leaves twice: its copy in Sent is
 * found, in whatever process, and the way from it remembers what has left (tries.ts). What was cut off between the copy
 * and the sending is found in the same way, and sent then.
 */
import { createHash } from 'node:crypto'
import type { ByteRoom } from '../../platform/byte-room.ts'
import type { Clock } from '../../platform/clock.ts'
import { StandardFolder } from '../../platform/codes.ts'
import type { Config } from '../../platform/config/config.ts'
import type { Database } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { newId, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { headerEnd } from '../../protocols/mime/index.ts'
import { ownAddresses, recentCopies } from '../../store/submissions.ts'
import { foldAddress } from '../directory/index.ts'
import type { MxSink } from '../intake/index.ts'
import type { Mailbox, MailOwner } from '../mailbox/index.ts'
import { beginningOf, collect, type Collected } from './collected.ts'
import { completionOf, isSame, type Completion } from './completion.ts'
import { prepareOutgoing, type Envelope } from './outgoing.ts'
import type { Submission } from './submission.ts'

export interface ClientEnvelope extends Envelope {
  /** the client asked for SMTPUTF8 */
  smtputf8: boolean
  /** and REQUIRETLS */
  requireTls?: boolean
}

export interface SubmissionDoor {
  /** At MAIL. Throws forbidden: it is not an address of theirs. */
  checkSender(owner: MailOwner, address: string): Promise<void>
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
  submission: Pick<Submission, 'submit'>
}

const REPEATED_MS = 600_000

/** In A-labels: it stands in a header. */
function domainOf(address: string): string {
  const folded = foldAddress(address) ?? address
  return folded.slice(folded.lastIndexOf('@') + 1)
}

export function createSubmissionDoor(deps: SubmissionDoorDeps): SubmissionDoor {
  const { db, clock, log, mailbox } = deps
  /** by person and bytes: a client that is back before its first try has ended waits for it */
  const underWay = new Map<string, Promise<unknown>>()

  /** Puts the author's copy into Sent. */
  async function keep(owner: MailOwner, came: Collected, fields: Buffer, at: number): Promise<Id> {
    const append = () =>
      mailbox.appendToFolder(owner, {
        folderNo: StandardFolder.sent,
        keywords: ['$seen'],
        bytes: [fields, ...came.pieces],
        receivedAt: at,
        source: 'sent',
      })
    let appended = await append()
    if (!appended) {
      // Who has no emergency mailbox may have no folders yet.
      await mailbox.ensureFolders(owner.organisationId, [owner.personId])
      appended = await append()
    }
    if (!appended) throw new Error('a person has no folder Sent')
    return appended.copyId
  }

  /** The copy of an earlier try; null: there is none. */
  async function earlier(owner: MailOwner, came: Collected, completion: Completion): Promise<Id | null> {
    const recent = await recentCopies(db, owner, {
      folderNo: StandardFolder.sent,
      since: clock.now() - REPEATED_MS,
      atLeast: came.size,
    })
    const same = recent.find((one) => isSame(one, { completion, pieces: came.pieces, size: came.size }))
    return same?.copyId ?? null
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
    const { from, to } = envelope
    const beginning = beginningOf(came.pieces, deps.config.smtp.headerBytes + 2)
    const own = (await ownAddresses(db, owner)).map(({ address }) => address)
    // All that its header can be refused for, before anything is stored. It is looked at again on the way out.
    const header = beginning.subarray(0, headerEnd(beginning))
    prepareOutgoing(header, { own, identity: from, envelope: { from, to }, hostname: deps.config.hostname })
    const completion = completionOf(header)
    const at = clock.now()
    const filling = { date: at, messageId: `<${newId(at)}@${domainOf(from)}>` }
    const copyId = (await earlier(owner, came, completion)) ?? (await keep(owner, came, completion.fields(filling), at))
    // The way from here takes room of its own, and reads the bytes where they are stored.
    came.release()
    try {
      const { messageId } = await deps.submission.submit({
        ...owner,
        copyId,
        identityAddress: from,
        envelope: { from, to },
        protocol: envelope.smtputf8 ? 'UTF8SMTPSA' : 'ESMTPSA',
        ...(envelope.requireTls ? { requireTls: true } : {}),
      })
      return { queueId: messageId }
    } catch (error) {
      await takeBack(owner, copyId)
      if (error instanceof WireError && error.code === 'not-found')
        throw new WireError('conflict', 'it was taken out of Sent while it was being sent', { cause: error })
      throw error
    }
  }

  /** One after the other where it is the same message. */
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

/**
 * Sending: from a draft in the mailbox to deliveries, to colleagues' mailboxes and to the outside world, in one commit.
 *
 * Promises: success is answered after the commit, and from then on always: the same draft sent again to the same people
 * by a nervous client, another window or another process does not leave twice (tries.ts). Nothing leaves when one
 * recipient cannot be reached at all: the author hears which, and nobody has got it yet.
 */
import type { ByteRoom } from '../../platform/byte-room.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Config } from '../../platform/config/config.ts'
import type { Database } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { isId, newId, NIL_ID, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import {
  lastSubmission,
  outboundRoute,
  ownAddresses,
  recipientsLastHour,
  type OwnAddress,
} from '../../store/submissions.ts'
import { foldAddress, type Directory } from '../directory/index.ts'
import type { EmailRow, Mailbox, MailOwner } from '../mailbox/index.ts'
import type { Accept } from '../queue/index.ts'
import type { Routed, Routing } from '../routing/index.ts'
import { prepareOutgoing, threadRootOf, type Envelope, type Outgoing } from './outgoing.ts'
import { identityId, listSent, type SentMail } from './sent.ts'
import { stageOutgoing, type StageDeps } from './stage.ts'
import { RECIPIENTS_PER_HOUR, tooManyThisHour } from './allowance.ts'
import { createTries, envelopeDigest, type Left, type Tries } from './tries.ts'

export interface SubmitWish extends MailOwner {
  copyId: Id
  identityAddress: string
  envelope?: Envelope | null
  /** how it came from the author, for its Received field (RFC 5321 section 4.4); HTTP where it is not said */
  protocol?: string
  /** it may go on only over TLS (RFC 8689) */
  requireTls?: boolean
}

export interface Submitted {
  id: Id
  messageId: Id
  threadId: Id | null
  sentAt: number
}

export interface OwnIdentity {
  id: string
  name: string
  address: string
}

export interface Submission {
  identities(owner: MailOwner): Promise<OwnIdentity[]>
  /** Throws WireError: not-found, forbidden, no-recipients, too-many-recipients, unknown-recipient, rate-limited, … */
  submit(wish: SubmitWish): Promise<Submitted>
  /** newest first */
  list(owner: MailOwner, ids: readonly Id[] | null): Promise<SentMail[]>
  lastId(owner: MailOwner): Promise<Id | null>
  /** tries that were cut off and for which nobody comes back */
  cutOff: Pick<Tries, 'settle' | 'start' | 'stop'>
}

export interface SubmissionDeps extends StageDeps {
  db: Database
  clock: Clock
  log: Log
  config: Pick<Config, 'hostname' | 'smtp'>
  mailbox: Mailbox
  directory: Pick<Directory, 'resolve'>
  routing: Pick<Routing, 'outbound'>
  accept: Pick<Accept, 'accept'>
  room: Pick<ByteRoom, 'within'>
}

export const RECIPIENTS_PER_MESSAGE = 100
/** The draft, the message without its Bcc, and what is on its way to the disk. */
const TIMES_IN_MEMORY = 3

const answerOf = (earlier: Left, draft: EmailRow | undefined): Submitted => ({
  id: earlier.submissionId,
  messageId: earlier.messageId,
  threadId: draft?.threadId ?? null,
  sentAt: earlier.sentAt.getTime(),
})

export function createSubmission(deps: SubmissionDeps): Submission {
  const { db, clock, mailbox } = deps
  const sending = new Set<Id>()
  const tries = createTries(deps)

  async function identities(owner: MailOwner): Promise<OwnIdentity[]> {
    return (await ownAddresses(db, owner)).map(({ address, display, name }) => ({
      id: identityId(address),
      name,
      address: display,
    }))
  }

  const findDraft = async (owner: MailOwner, copyId: Id): Promise<EmailRow | undefined> =>
    (await mailbox.emails(owner, [copyId])).rows[0]

  async function load(owner: MailOwner, row: EmailRow): Promise<Buffer> {
    const message = { ...row, organisationId: owner.organisationId }
    const bytes = Buffer.allocUnsafe(row.size)
    let at = 0
    // The original without trace headers: what leaves is the author's own.
    for await (const chunk of mailbox.view.read(message, mailbox.view.size(message) - row.size))
      at += chunk.copy(bytes, at)
    if (at !== row.size) throw new Error(`${at} of ${row.size} stored bytes were found`)
    return bytes
  }

  /** The author's own route, whose hold keeps what they send; who has none has none that could be held. */
  async function ownRoute(from: string): Promise<Id> {
    try {
      return (await deps.directory.resolve(from)).routeId
    } catch (error) {
      if (error instanceof WireError && error.code === 'recipient-unverified') return NIL_ID
      throw error
    }
  }

  async function route(owner: MailOwner, outgoing: Outgoing, receivedAt: number, from: string): Promise<Routed> {
    const { refused, ...routed } = await deps.routing.outbound(
      {
        receivedAt,
        threadRoot: threadRootOf(outgoing.bytes),
        organisationId: owner.organisationId,
        outboundRouteId: await outboundRoute(db, owner.organisationId),
        author: { personId: owner.personId, routeId: await ownRoute(from) },
      },
      outgoing.recipients,
    )
    const [first] = refused
    if (first) {
      const detail = refused.map(({ address, error }) => `<${address}> ${error.detail ?? error.spec.text}`).join('; ')
      throw new WireError(first.error.code, detail, { cause: first.error })
    }
    return routed
  }

  /** Checks, stages and stores it; when this resolves, it has left. */
  async function leave(
    owner: MailOwner,
    draft: EmailRow,
    sender: { own: string[]; identity: OwnAddress; envelope: Envelope | null; protocol: string; requireTls: boolean },
  ): Promise<Submitted> {
    const { copyId } = draft
    const { own, identity, envelope, protocol, requireTls } = sender
    const outgoing = prepareOutgoing(await load(owner, draft), {
      own,
      identity: identity.display,
      envelope,
      hostname: deps.config.hostname,
    })
    const count = outgoing.recipients.length
    if (count > RECIPIENTS_PER_MESSAGE)
      throw new WireError('too-many-recipients', `a message from here may have ${RECIPIENTS_PER_MESSAGE}`)
    // Before any work is done for it; what counts is the same question under a lock, with the try's row (tries.begin).
    if ((await recipientsLastHour(db, owner)) + count > RECIPIENTS_PER_HOUR) throw tooManyThisHour()
    const sentAt = clock.now()
    const submissionId = newId(sentAt)
    const messageId = newId(sentAt)
    const routed = await route(owner, outgoing, sentAt, identity.address)
    const { organisationId } = owner
    const leaving = { organisationId, messageId, receivedAt: sentAt, outgoing, routed, protocol, requireTls }
    const staged = await stageOutgoing(deps, leaving)
    const one = {
      submissionId,
      copyId,
      messageId,
      identityAddress: identity.address,
      envelopeDigest: envelopeDigest(envelope),
      recipients: count,
    }
    let begun = false
    try {
      // Right before the commit: the age of its row says how long the commit can still be to come.
      begun = await tries.begin(owner, one)
    } finally {
      if (!begun) staged.abort()
    }
    if (!begun) return known(owner, draft, one.envelopeDigest)
    try {
      await deps.accept.accept(staged.incoming)
    } catch (error) {
      // Only where it is certain that nothing was stored; else the row stays and the next try finds out.
      if (!(error instanceof WireError && error.code === 'commit-unknown')) {
        staged.abort()
        await tries.failed(owner, submissionId)
      }
      throw error
    }
    await tries.left(owner, one)
    return { id: submissionId, messageId, threadId: draft.threadId, sentAt }
  }

  /** Another try was faster: what has become of it is the answer. */
  async function known(owner: MailOwner, draft: EmailRow, digest: Buffer | null): Promise<Submitted> {
    const earlier = await tries.earlier(owner, draft.copyId, digest)
    if (!earlier) throw new WireError('conflict', 'another try to send it has just failed; try again')
    return answerOf(earlier, draft)
  }

  async function submit(wish: SubmitWish): Promise<Submitted> {
    const { copyId, envelope = null, protocol = 'HTTP' } = wish
    if (!isId(copyId)) throw new WireError('not-found', 'the message to send is not in your mailbox')
    const owner = { organisationId: wish.organisationId, personId: wish.personId }
    const addresses = await ownAddresses(db, owner)
    const identity = addresses.find(({ address }) => address === foldAddress(wish.identityAddress))
    if (!identity) throw new WireError('forbidden', `${wish.identityAddress.slice(0, 254)} is not an address of yours`)
    const earlier = await tries.earlier(owner, copyId, envelopeDigest(envelope))
    const draft = await findDraft(owner, copyId)
    if (earlier) return answerOf(earlier, draft)
    if (!draft) throw new WireError('not-found', 'the message to send is not in your mailbox')
    if (draft.size > deps.config.smtp.messageBytes) throw new WireError('message-too-large')
    const own = addresses.map(({ address }) => address)
    const sender = { own, identity, envelope, protocol, requireTls: wish.requireTls === true }
    return deps.room.within(draft.size * TIMES_IN_MEMORY, () => leave(owner, draft, sender))
  }

  return {
    identities,
    cutOff: tries,
    lastId: (owner) => lastSubmission(db, owner),
    list: (owner, ids) => listSent(deps, owner, ids),
    async submit(wish) {
      // A double click: the second one waits for nothing and is told so.
      if (sending.has(wish.copyId)) throw new WireError('conflict', 'this message is being sent already')
      sending.add(wish.copyId)
      try {
        return await submit(wish)
      } finally {
        sending.delete(wish.copyId)
      }
    },
  }
}

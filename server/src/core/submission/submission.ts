/**
 * Sending: from a draft in the mailbox to deliveries, to colleagues' mailboxes and to the outside world, in one commit, at
 * once or at its time (releases.ts).
 *
 * Promises: success is answered after the commit, and from then on always: the same draft sent again to the same people
 * by a nervous client, another window or another process does not leave twice (tries.ts). Nothing leaves when one
 * recipient cannot be reached at all: the author hears which, and nobody has got it yet.
 */
import type { Config } from '../../platform/config/config.ts'
import { WireError } from '../../platform/errors.ts'
import { isId, newId, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { ownAddresses, submissionsState, type OwnAddress } from '../../store/submissions.ts'
import { cancelWaiting, type WaitingRow } from '../../store/waiting.ts'
import { UndoStatus } from '../../platform/codes.ts'
import type { Hold } from '../../protocols/smtp/hold.ts'
import { foldAddress } from '../directory/index.ts'
import type { EmailRow, Mailbox, MailOwner } from '../mailbox/index.ts'
import { askAllowance } from './allowance.ts'
import { mayWriteAs, noteDelegated } from './delegated.ts'
import type { Envelope } from './envelope.ts'
import { createLeaving, type LeavingDeps, type Sender } from './leaving.ts'
import { createReleases, type Releases } from './releases.ts'
import { identityId, listSent, type SentMail, type SentWish } from './sent.ts'
import { createTries, envelopeDigest, type Left, type Tries } from './tries.ts'
import { createUnsent } from './unsent.ts'

export interface SubmitWish extends MailOwner {
  copyId: Id
  identityAddress: string
  envelope?: Envelope | null
  /** when it is to leave (aheadOf); null: at once */
  hold?: Hold | null
  /** how it came from the author, for its Received field (RFC 5321 section 4.4); HTTP where it is not said */
  protocol?: string
}

export interface Submitted {
  id: Id
  /** the submission's own while it waits */
  messageId: Id
  threadId: Id | null
  sentAt: number
  undoStatus: 'final' | 'pending'
}

export interface OwnIdentity {
  id: string
  name: string
  address: string
}

export interface Submission {
  identities(owner: MailOwner): Promise<OwnIdentity[]>
  /** Throws WireError: not-found, forbidden, no-recipients, too-many-recipients, unknown-recipient, rate-limited, hold-too-long, … */
  submit(wish: SubmitWish): Promise<Submitted>
  /** What waits for its time does not leave. `left`: too late; null: there is no such submission. */
  cancel(owner: MailOwner, submissionId: Id): Promise<'canceled' | 'left' | null>
  /** newest first */
  list(owner: MailOwner, wish: SentWish): Promise<SentMail[]>
  /** moves when something of a person's submissions does */
  state(owner: MailOwner): Promise<string>
  /** seconds that a message may be held; 0: none is */
  readonly maxHold: number
  /** tries that were cut off and for which nobody comes back */
  cutOff: Pick<Tries, 'settle' | 'start' | 'stop'>
  releases: Releases
}

export interface SubmissionDeps extends LeavingDeps {
  log: Log
  config: Pick<Config, 'hostname' | 'smtp' | 'submission' | 'delivery'>
  mailbox: Mailbox
}

export const RECIPIENTS_PER_MESSAGE = 100

const answerOf = (left: Left, draft: EmailRow | undefined): Submitted => ({
  id: left.submissionId,
  messageId: left.messageId,
  threadId: draft?.threadId ?? null,
  sentAt: (left.releaseAt ?? left.sentAt).getTime(),
  undoStatus: left.undoStatus === UndoStatus.waiting ? 'pending' : 'final',
})

/** Who wants it sent at once must not be told that it is. */
function refuseWaiting({ undoStatus }: Left, isHeld: boolean): void {
  if (!isHeld && undoStatus === UndoStatus.waiting)
    throw new WireError('conflict', 'it waits to be sent later; cancel that first')
}

export function createSubmission(deps: SubmissionDeps): Submission {
  const { db, clock, mailbox, config } = deps
  const sending = new Set<Id>()
  const tries = createTries(deps)
  const leaving = createLeaving(deps, tries)

  async function identities(owner: MailOwner): Promise<OwnIdentity[]> {
    const addresses = await ownAddresses(db, owner)
    // In a shared mailbox one writes from its addresses, not from one's own.
    const here = owner.actorId === undefined ? addresses : addresses.filter(({ delegated }) => delegated !== null)
    return here.map(({ address, display, name }) => ({
      id: identityId(address),
      name,
      address: display,
    }))
  }

  const findDraft = async (owner: MailOwner, copyId: Id): Promise<EmailRow | undefined> =>
    (await mailbox.emails(owner, [copyId])).rows[0]

  function senderOf(
    addresses: readonly OwnAddress[],
    isShared: boolean,
    wish: Pick<SubmitWish, 'identityAddress' | 'envelope' | 'protocol'>,
  ): Sender {
    const { identityAddress, envelope = null, protocol = 'HTTP' } = wish
    const identity = addresses.find(
      ({ address, delegated }) => address === foldAddress(identityAddress) && (!isShared || delegated !== null),
    )
    if (!identity) throw new WireError('forbidden', `${identityAddress.slice(0, 254)} is not an address of yours`)
    const may = mayWriteAs(addresses)
    // A shared mailbox is at home by its own address: its route, its Sent, its hold.
    const home = isShared || identity.delegated === null ? identity.address : may.own[0]
    if (home === undefined) throw new WireError('forbidden', 'you have no address of your own')
    return { may, identity, home, envelope, protocol }
  }

  /** Another try was faster: what has become of it is the answer. */
  async function known(
    owner: MailOwner,
    draft: EmailRow,
    { envelope, isHeld }: { envelope: Envelope | null; isHeld: boolean },
  ): Promise<Submitted> {
    const earlier = await tries.earlier(owner, draft.copyId, envelopeDigest(envelope))
    if (earlier) refuseWaiting(earlier, isHeld)
    if (!earlier) throw new WireError('conflict', 'another try to send it has just failed; try again')
    return answerOf(earlier, draft)
  }

  const depart = (owner: MailOwner, draft: EmailRow, sender: Sender, hold: Hold | null): Promise<Submitted> =>
    leaving.prepared(owner, draft, sender, async (outgoing) => {
      const count = outgoing.recipients.length
      if (count > RECIPIENTS_PER_MESSAGE)
        throw new WireError('too-many-recipients', `a message from here may have ${RECIPIENTS_PER_MESSAGE}`)
      // What counts is the same question under a lock, with the try's row (tries.begin).
      await askAllowance(db, owner, config.submission, count)
      const { copyId, threadId } = draft
      const submissionId = newId(clock.now())
      if (hold) {
        await leaving.route(owner, outgoing, sender, clock.now())
        const begun = await tries.begin(
          owner,
          {
            submissionId,
            copyId,
            messageId: submissionId,
            identityAddress: sender.identity.address,
            envelopeDigest: envelopeDigest(sender.envelope),
            recipients: count,
            envelope: { ...(sender.envelope ?? { from: sender.identity.display }), to: outgoing.recipients },
            protocol: sender.protocol,
          },
          hold,
        )
        if (!begun) return known(owner, draft, { envelope: sender.envelope, isHeld: true })
        const [waiting] = await tries.all(owner, copyId)
        if (!waiting) throw new WireError('conflict', 'it was canceled at once')
        return answerOf(waiting, draft)
      }
      const left = await leaving.leave(owner, outgoing, sender, {
        submissionId,
        copyId,
        releaseAt: null,
        begin: (one) => tries.begin(owner, one),
      })
      return left
        ? { id: submissionId, threadId, ...left, undoStatus: 'final' }
        : known(owner, draft, { envelope: sender.envelope, isHeld: false })
    })

  async function submit(wish: SubmitWish): Promise<Submitted> {
    const { copyId, envelope = null } = wish
    if (!isId(copyId)) throw new WireError('not-found', 'the message to send is not in your mailbox')
    const { organisationId, personId, actorId } = wish
    const owner = { organisationId, personId, ...(actorId === undefined ? {} : { actorId }) }
    const sender = senderOf(await ownAddresses(db, owner), actorId !== undefined, wish)
    const earlier = await tries.earlier(owner, copyId, envelopeDigest(envelope))
    const draft = await findDraft(owner, copyId)
    if (earlier) {
      refuseWaiting(earlier, wish.hold !== null && wish.hold !== undefined)
      return answerOf(earlier, draft)
    }
    if (!draft) throw new WireError('not-found', 'the message to send is not in your mailbox')
    if (draft.size > config.smtp.messageBytes) throw new WireError('message-too-large')
    await noteDelegated(db, owner, sender.identity, copyId)
    return depart(owner, draft, sender, wish.hold ?? null)
  }

  async function release(waiting: WaitingRow): Promise<boolean> {
    const { submissionId, copyId, releaseAt, by } = waiting
    const owner = {
      organisationId: waiting.organisationId,
      personId: waiting.personId,
      ...(by === null ? {} : { actorId: by }),
    }
    const draft = await findDraft(owner, copyId)
    // Who deleted it does not want it sent.
    const forget = async (): Promise<false> => {
      await cancelWaiting(db, owner, submissionId)
      return false
    }
    if (!draft) return forget()
    const sender = senderOf(await ownAddresses(db, owner), by !== null, {
      ...waiting,
      envelope: waiting.envelope as Envelope,
    })
    const claim = { is: 'gone' as Awaited<ReturnType<Tries['claim']>> }
    const left = await leaving.prepared(owner, draft, sender, (outgoing) =>
      leaving.leave(owner, outgoing, sender, {
        submissionId,
        copyId,
        releaseAt,
        begin: async (one) => {
          claim.is = await tries.claim(owner, one)
          return claim.is === 'claimed'
        },
      }),
    )
    return claim.is === 'deleted' ? forget() : left !== null
  }

  return {
    identities,
    cutOff: tries,
    releases: createReleases({ ...deps, release, tell: createUnsent(deps) }),
    maxHold: config.submission.maxHold,
    state: (owner) => submissionsState(db, owner),
    list: (owner, wish) => listSent(deps, owner, wish),
    async cancel(owner, submissionId) {
      if (await cancelWaiting(db, owner, submissionId)) return 'canceled'
      const [one] = await listSent(deps, owner, { ids: [submissionId] })
      return one ? (one.undoStatus === 'canceled' ? 'canceled' : 'left') : null
    },
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

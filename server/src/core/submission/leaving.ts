/**
 * How a draft leaves: read, checked, routed, staged, and stored by one accept commit, with a row of its try around it.
 * Of what leaves at once and of what has waited for its time.
 */
import type { ByteRoom } from '../../platform/byte-room.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { newId, NIL_ID, type Id } from '../../platform/ids.ts'
import { outboundRoute, type NewSubmission, type OwnAddress } from '../../store/submissions.ts'
import type { Directory } from '../directory/index.ts'
import type { EmailRow, Mailbox, MailOwner } from '../mailbox/index.ts'
import type { Accept } from '../queue/index.ts'
import { FINALS_PER_MESSAGE, type Routing } from '../routing/index.ts'
import { wishFor, type Envelope } from './envelope.ts'
import { prepareOutgoing, threadRootOf, type MayWrite, type Outgoing } from './outgoing.ts'
import { stageAll, type Routes, type StageDeps } from './stage.ts'
import { envelopeDigest, type Tries } from './tries.ts'

export interface LeavingDeps extends StageDeps {
  db: Database
  clock: Clock
  mailbox: Pick<Mailbox, 'view'>
  directory: Pick<Directory, 'resolve'>
  routing: Pick<Routing, 'outbound' | 'posting'>
  accept: Pick<Accept, 'accept'>
  room: Pick<ByteRoom, 'within'>
}

export interface Sender {
  may: MayWrite
  identity: OwnAddress
  /** the own address by which the author is at home */
  home: string
  envelope: Envelope | null
  protocol: string
}

export interface Leaving {
  /** Runs `work` with the draft as it would leave. Throws what it can be refused for. */
  prepared<T>(owner: MailOwner, draft: EmailRow, sender: Sender, work: (outgoing: Outgoing) => Promise<T>): Promise<T>
  /** Can all its recipients be reached? Throws WireError with those who cannot. */
  route(owner: MailOwner, outgoing: Outgoing, sender: Sender, receivedAt: number): Promise<Routes>
  /**
   * Stages and stores it; when this resolves, it has left. `begin` runs right before the commit and says whether this one
   * may; null: it may not. `releaseAt`: of what has waited.
   */
  leave(
    owner: MailOwner,
    outgoing: Outgoing,
    sender: Sender,
    one: { submissionId: Id; copyId: Id; releaseAt: Date | null; begin: (one: NewSubmission) => Promise<boolean> },
  ): Promise<{ messageId: Id; sentAt: number } | null>
}

/** A try counts as given up a minute after its row was written; until then it is this process's. */
const MOST_SURE_MS = 30_000
/** The draft, the message without its Bcc, and what is on its way to the disk. */
const TIMES_IN_MEMORY = 3

export function createLeaving(deps: LeavingDeps, tries: Pick<Tries, 'left' | 'failed'>): Leaving {
  async function load(owner: MailOwner, row: EmailRow): Promise<Buffer> {
    const message = { ...row, organisationId: owner.organisationId }
    const bytes = Buffer.allocUnsafe(row.size)
    let at = 0
    // The original without trace headers: what leaves is the author's own.
    for await (const chunk of deps.mailbox.view.read(message, deps.mailbox.view.size(message) - row.size))
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

  async function route(owner: MailOwner, outgoing: Outgoing, sender: Sender, receivedAt: number): Promise<Routes> {
    const { organisationId, personId } = owner
    const input = {
      receivedAt,
      threadRoot: threadRootOf(outgoing.bytes),
      organisationId,
      from: sender.identity.address,
      outboundRouteId: await outboundRoute(deps.db, organisationId),
      author: { organisationId, personId, routeId: await ownRoute(sender.home), address: sender.home },
      writtenHere: true,
      asks: (address: string) => wishFor(sender.envelope, address),
    }
    const { refused, postings, ...routed } = await deps.routing.outbound(input, outgoing.recipients)
    const [first] = refused
    if (first) {
      const detail = refused.map(({ address, error }) => `<${address}> ${error.detail ?? error.spec.text}`).join('; ')
      throw new WireError(first.error.code, detail, { cause: first.error })
    }
    const finals = postings.reduce((sum, { list }) => sum + list.members.length, routed.deliveries.length)
    if (finals > FINALS_PER_MESSAGE)
      throw new WireError('too-many-recipients', `its addresses stand for ${finals}, of at most ${FINALS_PER_MESSAGE}`)
    return { input, routed, postings }
  }

  return {
    route,
    prepared: (owner, draft, { may, identity, envelope }, work) =>
      deps.room.within(draft.size * TIMES_IN_MEMORY, async () => {
        const { hostname } = deps.config
        return work(
          prepareOutgoing(await load(owner, draft), { ...may, identity: identity.display, envelope, hostname }),
        )
      }),
    async leave(owner, outgoing, sender, { submissionId, copyId, releaseAt, begin }) {
      const { identity, envelope, protocol } = sender
      const sentAt = deps.clock.now()
      const messageId = newId(sentAt)
      const routes = await route(owner, outgoing, sender, sentAt)
      const { organisationId } = owner
      const dsn = envelope?.dsn ?? null
      const leaving = {
        organisationId,
        messageId,
        receivedAt: sentAt,
        outgoing,
        protocol,
        dsn,
        requireTls: envelope?.requireTls === true,
        ...routes,
      }
      const staged = await stageAll(deps, leaving)
      const one = {
        submissionId,
        copyId,
        messageId,
        identityAddress: identity.address,
        envelopeDigest: envelopeDigest(envelope),
        recipients: outgoing.recipients.length,
        envelope: envelope && { ...envelope, to: outgoing.recipients },
        protocol,
      }
      const asked = deps.clock.monotonic()
      let begun = false
      try {
        // Right before the commit: the age of its row says how long the commit can still be to come.
        begun = await begin(one)
      } finally {
        if (!begun) staged.abort()
      }
      if (!begun) return null
      if (deps.clock.monotonic() - asked > MOST_SURE_MS) {
        // This process was away: somebody else may have taken it for a try that nobody came back for. They decide.
        staged.abort()
        throw new WireError('database-unavailable')
      }
      try {
        await deps.accept.accept(...staged.unit)
      } catch (error) {
        // Only where it is certain that nothing was stored; else the row stays and the next try finds out.
        if (!(error instanceof WireError && error.code === 'commit-unknown')) {
          staged.abort()
          await tries.failed(owner, submissionId)
        }
        throw error
      }
      await tries.left(owner, { ...one, releaseAt })
      return { messageId, sentAt }
    },
  }
}

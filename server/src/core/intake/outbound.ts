/**
 * Mail that an organisation's own systems hand over (the primary's smart host is us): who is listed may write to anybody,
 * and what its people send is kept for them in Sent, so that it is there when the primary is not.
 *
 * Own domains are looked up like anybody's mail to them, so it goes home properly. Being listed is no open door: the
 * sender, and where address or certificate are shared the tenant header, must fit too (claim.ts).
 */
import { createHash } from 'node:crypto'
import type { Database } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { ListPosting, RouteKind } from '../../platform/codes.ts'
import { NIL_ID, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { HeaderFacts } from '../../protocols/smtp/header-scanner.ts'
import { parseStructure } from '../../protocols/mime/index.ts'
import { claimSentMark, dropSentMark, type SentMark } from '../../store/sent-marks.ts'
import type { Addressee, ModeBoard } from '../continuity/index.ts'
import type { Directory, Recipient, RouteBook, Source, SourceBook, SourceClient } from '../directory/index.ts'
import { claimOf, sourceByHeader, type Claim } from './claim.ts'
import type { MxEnvelope, MxRecipient, MxSink } from './door.ts'
import { lateSink } from './late-sink.ts'

/** In whose name a message goes out. */
export interface Way {
  organisationId: Id
  isOwnSender: boolean
}

export interface Outbound {
  /** Is this client one of an organisation's own systems? */
  isListed(client: SourceClient): boolean
  /** Mail in the organisation's name may come from it: one of its systems, or it has not said which they are. */
  vouches(client: SourceClient, organisationId: Id): boolean
  /** …which nobody else is taken for: no provider's server that speaks for strangers too. */
  isOwn(client: SourceClient): boolean
  /** Bare line ends are mended: it comes from such a system, or may. Asked after checkRecipient. */
  mends(envelope: MxEnvelope): boolean
  checkRecipient(address: string, envelope: MxEnvelope): Promise<Recipient>
  /** `receive` takes the message in; a null way: it comes in like anybody's. */
  begin(
    envelope: MxEnvelope,
    recipients: MxRecipient[],
    receive: (recipients: MxRecipient[], way: Way | null) => MxSink,
  ): MxSink
  /**
   * Who sent it: whose Sent folder gets a copy, and whose hold lets nothing out. Where it is nobody we know (a notice, what
   * is forwarded, a scanner) and a primary of the organisation (or the sender's domain) is on hold, it is that primary.
   */
  authorOf(envelope: MxEnvelope, way: Way): Promise<Recipient | Addressee | null>
  /** Whether this message makes the copy; null: another part of it has made it already. */
  claimCopy(author: Recipient, messageId: Id, header: Parts): Promise<CopyClaim | null>
}

/** What the parts of one message have in common, also where a program gives all its messages one Message-ID. */
type Parts = Pick<HeaderFacts, 'messageId' | 'date' | 'subject'>

export interface CopyClaim {
  /** The message was surely not stored. Never throws. */
  drop(): void
}

export interface OutboundDeps {
  db: Database
  log: Log
  directory: Directory
  sources: Pick<SourceBook, 'of' | 'has'>
  routes: Pick<RouteBook, 'all'>
  board: Pick<ModeBoard, 'flow'>
}

const HEADERS_ONLY = { depth: 0, parts: 1, headers: 2000, headerBytes: 1_048_576 }
const NOWHERE = 'this organisation has no way out to the world: set `outboundRoute` in its file and apply it'

const domainOf = (address: string): string | null =>
  address.includes('@') ? address.slice(address.lastIndexOf('@') + 1) : null

/**
 * Somebody in the world, written to in an organisation's name; null: it is not known yet in whose. The people of another
 * organisation here are the world too: so the author's hold, the way out and the trace are the same for them.
 */
function outside(address: string, source: Source | null): Recipient {
  if (source?.outboundRouteId === null) throw new WireError('config', NOWHERE)
  return {
    organisationId: source?.organisationId ?? NIL_ID,
    domainId: NIL_ID,
    address,
    folded: address,
    personId: null,
    routeId: source?.outboundRouteId ?? NIL_ID,
    filtering: false,
    rollingCopy: false,
    isProtected: false,
    retentionDays: 0,
    standing: 'outside',
  }
}

/** Is what was claimed at RCPT still so? */
function stands(claim: Claim, now: readonly Source[]): boolean {
  if (claim.kind === 'refused') return false
  const before = claim.kind === 'trusted' ? [claim.source] : claim.sources
  return now.some((one) => before.some(({ organisationId }) => organisationId === one.organisationId))
}

export function createOutbound(deps: OutboundDeps): Outbound {
  const { directory, sources } = deps
  const claims = new WeakMap<MxEnvelope, Claim>()

  async function claimFor(envelope: MxEnvelope): Promise<Claim> {
    const known = claims.get(envelope)
    if (known) return known
    const domain = domainOf(envelope.from)
    const owner = domain === null ? null : await directory.organisationOfDomain(domain)
    const claim = claimOf(sources.of(envelope), owner?.organisationId ?? null, envelope.from === '')
    claims.set(envelope, claim)
    return claim
  }

  /** null: not a person, but a list or a scanner. What we cannot know just now is another matter. */
  async function personOf(address: string): Promise<Recipient | null> {
    try {
      const found = await directory.resolve(address)
      return found.personId === null ? null : found
    } catch (error) {
      if (error instanceof WireError && error.code !== 'database-unavailable') return null
      throw error
    }
  }

  /** By the header which organisation it is; the recipients outside are written to in its name. */
  function byHeader(
    claim: Extract<Claim, { kind: 'header' }>,
    recipients: MxRecipient[],
    receive: (recipients: MxRecipient[], way: Way | null) => MxSink,
  ): MxSink {
    return lateSink((header) => {
      const fields = parseStructure(header, HEADERS_ONLY).root.headers
      const source = sourceByHeader(
        claim.sources,
        fields.map(({ name, raw }) => ({ name, value: raw })),
      )
      if (!source) {
        const goesOut = recipients.some(({ recipient }) => recipient.standing === 'outside')
        // A stranger at the same provider writes to us: mail like any.
        if (!goesOut) {
          // At RCPT it could still have been the organisation's own system.
          if (
            claim.isOwnSender &&
            recipients.some(({ recipient: { list } }) => list && list.posting !== ListPosting.anyone)
          )
            throw new WireError('list-closed', 'the header that names the tenant is missing or another')
          return receive(recipients, null)
        }
        const isOneOfSeveral = claim.sources.some(({ tenant }) => tenant === null)
        throw new WireError(
          'relay-denied',
          isOneOfSeveral
            ? 'several organisations send from this address, and its From is of none of them'
            : 'the header that names the tenant is missing or another',
        )
      }
      const { organisationId } = source
      const all = recipients.map((one) => {
        const isOwn = one.recipient.standing !== 'outside' && one.recipient.organisationId === organisationId
        return isOwn ? one : { ...one, recipient: outside(one.recipient.address, source) }
      })
      return receive(all, { organisationId, isOwnSender: claim.isOwnSender })
    })
  }

  const isOwn: Outbound['isOwn'] = (client) => sources.of(client).some(({ tenant }) => tenant === null)

  return {
    isListed: (client) => sources.of(client).length > 0,
    vouches: (client, organisationId) =>
      !sources.has(organisationId) || sources.of(client).some((source) => source.organisationId === organisationId),
    isOwn,
    mends(envelope) {
      const claim = claims.get(envelope)
      return claim !== undefined && (claim.kind !== 'refused' || isOwn(envelope))
    },
    async checkRecipient(address, envelope) {
      const claim = await claimFor(envelope)
      const domain = domainOf(address)
      const owner = domain === null ? null : await directory.organisationOfDomain(domain)
      const isForeign =
        owner !== null &&
        claim.kind === 'trusted' &&
        claim.isOwnSender &&
        owner.organisationId !== claim.source.organisationId
      if (domain === null || (owner && !isForeign)) return directory.resolve(address)
      if (claim.kind === 'refused') throw new WireError('relay-denied', claim.detail)
      return outside(address, claim.kind === 'header' ? null : claim.source)
    },
    begin(envelope, recipients, receive) {
      const claim = claims.get(envelope)
      const goesOut = recipients.some(({ recipient }) => recipient.standing === 'outside')
      if (goesOut && !(claim && stands(claim, sources.of(envelope))))
        throw new WireError('relay-denied', 'this system may not send to the world any more')
      if (!claim || claim.kind === 'refused') return receive(recipients, null)
      if (claim.kind === 'header') return byHeader(claim, recipients, receive)
      const { source, isOwnSender } = claim
      return receive(recipients, isOwnSender || goesOut ? { organisationId: source.organisationId, isOwnSender } : null)
    },
    async authorOf(envelope, { organisationId, isOwnSender }) {
      const author = isOwnSender ? await personOf(envelope.from) : null
      if (author?.organisationId === organisationId) return author
      const address = isOwnSender ? envelope.from : ''
      for (const route of deps.routes.all()) {
        if (route.organisationId !== organisationId || route.kind !== RouteKind.primary) continue
        const nobody = { organisationId, routeId: route.routeId, personId: null, address }
        if (deps.board.flow(nobody, 'fromPeople') === 'keep') return nobody
      }
      return null
    },
    async claimCopy({ organisationId, personId }, messageId, header) {
      const dropped: CopyClaim = { drop: () => undefined }
      if (header.messageId === null) return dropped
      const mark: SentMark = {
        organisationId,
        personId: personId!,
        mark: createHash('sha256')
          .update(JSON.stringify([header.messageId, header.date, header.subject]))
          .digest(),
        messageId,
      }
      if (!(await claimSentMark(deps.db, mark))) return null
      return {
        drop: () => {
          dropSentMark(deps.db, mark).catch((error: unknown) =>
            deps.log.warn({ err: String(error) }, 'the mark of a copy in Sent stays for a minute'),
          )
        },
      }
    },
  }
}

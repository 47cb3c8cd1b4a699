/**
 * Mail from outside, from RCPT to the commit: asks the directory who the recipient is, streams the bytes to where their
 * size belongs, finds loops, writes the trace headers once, and hands everything to one accept commit, also where the
 * recipients belong to several organisations (each gets message and bytes of its own; all stand or fall together).
 *
 * Where the route says so, the sender then waits for the primary's answer, and its refusal becomes ours (pass-through).
 *
 * Failure: anything unexpected is 451 and nothing stays. A loop for one of several recipients parks that one's delivery:
 * one reply for many never refuses for one what another accepts (promise 9).
 */
import { isAscii } from 'node:buffer'
import { createHash } from 'node:crypto'
import { Direction, ListPosting, Notify } from '../../platform/codes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Config } from '../../platform/config/config.ts'
import { WireError } from '../../platform/errors.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { listFields } from '../../protocols/mime/list-fields.ts'
import { createHeaderScanner, type HeaderFacts } from '../../protocols/smtp/header-scanner.ts'
import type { Mended } from '../../protocols/smtp/line-ends.ts'
import type { Addressee } from '../continuity/index.ts'
import type { Callouts } from '../callouts/index.ts'
import type { Watch } from '../delivery/index.ts'
import type { Directory, MailingList, Recipient, RouteBook } from '../directory/index.ts'
import type { ListBounces } from '../lists/index.ts'
import { postingFacts, tlsFact } from '../queue/index.ts'
import type { Accept, BodyIntake, BodySink, Incoming, MessageFacts, StoredBody } from '../queue/index.ts'
import { receivedLine, type OwnId, type ReturnPaths, type Routing } from '../routing/index.ts'
import { admit, inTime } from './admission.ts'
import type { MxDoor, MxEnvelope, MxRecipient, MxSink } from './door.ts'
import { takenByAny } from './mirror.ts'
import { listNotice, onwardOf, ownAmong, refuseFlood } from './onward.ts'
import type { CopyClaim, Outbound, Way } from './outbound.ts'
import { canarySink, type NoteCanary } from './canary-notice.ts'
import type { Rates } from './rates.ts'
import { refuseLoops } from './loops.ts'
import { signerFor, type Sign } from './signer.ts'

export interface IntakeDeps {
  clock: Clock
  config: Pick<Config, 'smtp' | 'hostname' | 'accept'>
  directory: Directory
  routes: Pick<RouteBook, 'get'>
  routing: Routing
  returnPaths: ReturnPaths
  listBounces: ListBounces
  ownId: OwnId
  accept: Accept
  bodies: BodyIntake
  /** core/delivery's: null where the message is not passed through */
  watch(incoming: Incoming): Watch | null
  /** what the organisations' own systems hand over */
  outbound: Outbound
  /** our signature on what they send to the world */
  sign: Sign
  /** of a host by its name or address, as the system knows it; empty where it does not */
  addressesOf: (host: string) => Promise<readonly string[]>
  /** a notice about a canary came back; left out: they are not known */
  canaryBack?: NoteCanary
  /** left out: everything is taken */
  rates?: Rates
  /** left out: no mail system is asked about strangers */
  callouts?: Pick<Callouts, 'whois'>
  /** throws WireError while the disk is at its reserve (promise 13) */
  checkDisk(): void
}

interface Share {
  organisationId: Id
  /** the posting's own message; null: of all other recipients of the organisation */
  list: MailingList | null
  messageId: Id
  recipients: MxRecipient[]
  sink: BodySink
}

export function createMxDoor(deps: IntakeDeps): MxDoor {
  return {
    checkRecipient: (address, envelope) => admit(deps, address, envelope),
    mends: (envelope) => deps.outbound.mends(envelope),
    begin(envelope, recipients) {
      const { canaryBack } = deps
      const notices = canaryBack ? recipients.filter(({ recipient }) => recipient.canary) : []
      if (!canaryBack || notices.length === 0) return begin(deps, envelope, recipients)
      const others = recipients.filter((one) => !notices.includes(one))
      const rest = others.length > 0 ? begin(deps, envelope, others) : null
      return canarySink(notices, canaryBack, deps.clock.now(), rest)
    },
  }
}

function begin(deps: IntakeDeps, envelope: MxEnvelope, recipients: MxRecipient[]): MxSink {
  deps.checkDisk()
  // Listed no more since RCPT: what it was trusted with then is not taken.
  if (!deps.outbound.isListed(envelope) && !recipients.some(isOutside)) return receive(deps, envelope, recipients, null)
  return deps.outbound.begin(envelope, recipients, (all, way) => receive(deps, envelope, all, { way }))
}

const isOutside = ({ recipient }: MxRecipient): boolean => recipient.standing === 'outside'

/** `listed`: one of an organisation's own systems sends; its way is null where this message only comes in. */
function receive(
  deps: IntakeDeps,
  envelope: MxEnvelope,
  recipients: MxRecipient[],
  listed: { way: Way | null } | null,
): MxSink {
  const isRedirected = recipients.some(({ recipient }) => recipient.redirect)
  if (isRedirected || recipients.some(({ recipient }) => recipient.list)) refuseFlood(recipients)
  const notice = isRedirected ? listNotice(deps.listBounces, recipients) : null
  const receivedAt = deps.clock.now()
  const shares: Share[] = []
  for (const one of recipients) {
    const { organisationId, list = null } = one.recipient
    const share = shares.find((s) => s.organisationId === organisationId && s.list?.id === list?.id)
    if (share) {
      share.recipients.push(one)
      continue
    }
    const messageId = newId(receivedAt)
    shares.push({
      organisationId,
      list,
      messageId,
      recipients: [one],
      sink: deps.bodies.open(organisationId, messageId, { keep: true }),
    })
  }
  const hash = createHash('sha256')
  const scanner = createHeaderScanner(deps.config.smtp.headerBytes)
  const signer = listed && signerFor(listed.way, envelope, recipients, deps.config.smtp.headerBytes)
  let scanned = false
  let size = 0
  // RFC 6152: what the next hop must be told; many senders have 8-bit octets and say nothing.
  let eightbit = envelope.bodyType === '8BITMIME'

  const drop = (): void => {
    for (const share of shares) share.sink.abort()
  }

  async function finish(mended: Mended | null = null): Promise<{ queueId: string }> {
    const { queueId, watch } = await store(mended)
    const refusal = await watch?.answer()
    if (refusal) throw refusal
    return { queueId }
  }

  async function store(mended: Mended | null): Promise<{ queueId: string; watch: Watch | null }> {
    const sha256 = hash.digest()
    const header = scanner.finish()
    let watch: Watch | null = null
    let copy: CopyClaim | null = null
    try {
      if (header.received >= deps.config.smtp.hops)
        throw new WireError('too-many-hops', `${header.received} Received lines`)
      const looped: Arrival['looped'] = ({ organisationId, folded }) =>
        header.traces.length > 0 && deps.ownId.seen(organisationId, header.traces, folded)
      await refuseLoops(deps, recipients, header.traces, { looped, client: listed === null ? envelope : null })
      const utf8Header = envelope.smtputf8 && header.eightbit
      takenByAny(
        deps.routes,
        recipients.map(({ recipient }) => recipient),
        { size, utf8Header },
      )
      const signature = signer && (await inTime(deps, signer.signature(deps.sign)))
      const bodies = await Promise.all(shares.map((share) => share.sink.finish()))
      const arrival = { envelope, header, sha256, size, eightbit, mended, receivedAt, looped }
      const way = listed?.way ?? null
      const author = way && (await deps.outbound.authorOf(envelope, way))
      const onward = isRedirected
        ? await Promise.all(shares.map((s) => onwardOf(deps.returnPaths, s, envelope.from)))
        : null
      const unit = shares.map((share, i) => {
        const isOut = way !== null && share.organisationId === way.organisationId
        const direction = isOut ? Direction.outbound : Direction.inbound
        const forwarded = isOut && !way.isOwnSender
        const senderFrom = onward?.[i] ?? null
        const ofOut = isOut ? { author, signature } : { author: null, signature: null }
        return incomingOf(deps, share, bodies[i]!, { ...arrival, direction, forwarded, senderFrom, ...ofOut })
      })
      if (author && 'rollingCopy' in author) copy = await keepSent(deps, unit, author, header)
      // One reply for several organisations: nobody's refusal is another's.
      if (unit.length === 1 && shares[0]!.list === null) watch = deps.watch(unit[0]!)
      const stored = await deps.accept.accept(...unit)
      const queueId = stored.join(' ')
      if (stored[0] === unit[0]!.messageId) {
        notice?.count()
        if (deps.rates && !deps.outbound.isOwn(envelope)) deps.rates.accepted(envelope, recipients)
        return { queueId, watch }
      }
      // It repeats a message that is stored already: these bytes are nobody's.
      drop()
      copy?.drop()
      watch?.drop()
      return { queueId, watch: null }
    } catch (error) {
      watch?.drop()
      // After an unknown outcome the rows may exist: only what is certainly unlinked may be dropped, so the sweep decides.
      if (!(error instanceof WireError && error.code === 'commit-unknown')) {
        drop()
        copy?.drop()
      }
      throw error
    } finally {
      // What was kept for the hand-over is counted by those who send it from here on.
      for (const share of shares) share.sink.release()
    }
  }

  return {
    write(chunk) {
      size += chunk.length
      hash.update(chunk)
      signer?.write(chunk)
      eightbit ||= !isAscii(chunk)
      notice?.write(chunk)
      if (!scanned) scanned = scanner.write(chunk)
      if (shares.length === 1) return shares[0]!.sink.write(chunk)
      const waits = shares.map((share) => share.sink.write(chunk)).filter((wait) => wait !== undefined)
      return waits.length > 0 ? Promise.all(waits).then(() => undefined) : undefined
    },
    finish,
    abort: drop,
  }
}

/** The author's copy, with the message of their organisation; once, in however many parts the primary sends it. */
async function keepSent(
  deps: IntakeDeps,
  unit: readonly Incoming[],
  author: Recipient,
  header: HeaderFacts,
): Promise<CopyClaim | null> {
  const own = unit.find(({ organisationId }) => organisationId === author.organisationId)
  const copy = own && deps.routing.sent({ receivedAt: own.receivedAt, threadRoot: threadRootOf(header) }, author)
  if (!copy) return null
  const claim = await deps.outbound.claimCopy(author, own.messageId, header)
  if (claim) own.copies.push(copy)
  return claim
}

const threadRootOf = (header: HeaderFacts): string | null =>
  header.references[0] ?? header.inReplyTo ?? header.messageId

const dsnFacts = ({ ret, envid }: MxEnvelope): MessageFacts => ({
  ...(ret ? { ret } : {}),
  ...(envid ? { envid } : {}),
})

interface Arrival {
  envelope: MxEnvelope
  header: HeaderFacts
  sha256: Buffer
  size: number
  /** BODY said so, or octets beyond ASCII came */
  eightbit: boolean
  receivedAt: number
  looped: (recipient: Recipient) => boolean
  mended: Mended | null
  direction: Direction
  forwarded: boolean
  /** where a redirect leads to the world */
  senderFrom: ((domain: string) => string) | null
  author: Addressee | null
  /** ours, as a header field */
  signature: Buffer | null
}

function incomingOf(deps: IntakeDeps, share: Share, body: StoredBody, arrival: Arrival): Incoming {
  const { envelope, header, receivedAt } = arrival
  const only = share.recipients.length === 1 ? share.recipients[0]!.recipient : null
  const prefix =
    receivedLine({
      helo: envelope.helo,
      clientIp: envelope.clientIp,
      esmtp: envelope.esmtp,
      tls: envelope.tls,
      signedIn: envelope.proof?.how === 'password',
      smtputf8: envelope.smtputf8,
      hostname: deps.config.hostname,
      messageId: share.messageId,
      recipient: only?.address ?? null,
      at: receivedAt,
    }) +
    deps.ownId.header(
      share.organisationId,
      share.messageId,
      share.recipients.flatMap(({ recipient }) => ownAmong(recipient)),
    ) +
    (share.list ? listFields({ ...share.list, isOpen: share.list.posting !== ListPosting.named }) : '')
  const { list } = share
  // Of two addresses of one list, the one that its sender asked about.
  const first = share.recipients.find(({ notify }) => (notify & Notify.success) !== 0) ?? share.recipients[0]!
  const looped = list !== null && arrival.looped(first.recipient)
  const facts: MessageFacts = list
    ? postingFacts(list.address, { ...first, envid: envelope.envid, looped })
    : dsnFacts(envelope)
  if (envelope.smtputf8) facts.smtputf8 = true
  if (arrival.eightbit) facts.eightbit = true
  if (arrival.forwarded) facts.forwarded = true
  if (arrival.mended) facts.mended = arrival.mended
  if (envelope.requireTls === true || header.tlsOptional)
    Object.assign(facts, tlsFact(envelope.requireTls === true, header))
  if (header.priority) facts.priority = header.priority
  const input = {
    receivedAt,
    threadRoot: threadRootOf(header),
    author: arrival.author,
    senderFrom: arrival.senderFrom,
    seen: arrival.looped,
  }
  const routed = list
    ? deps.routing.posting(input, { list, looped }, deps.returnPaths)
    : deps.routing.inbound(
        input,
        share.recipients.map((one) => ({ ...one, looped: arrival.looped(one.recipient) })),
      )
  return {
    organisationId: share.organisationId,
    messageId: share.messageId,
    receivedAt,
    direction: arrival.direction,
    envelopeFrom: envelope.from,
    size: arrival.size,
    sha256: arrival.sha256,
    body,
    prefix: arrival.signature ? Buffer.concat([Buffer.from(prefix), arrival.signature]) : Buffer.from(prefix),
    headerFrom: header.from,
    subject: header.subject,
    messageIdHeader: header.messageId,
    inReplyTo: header.inReplyTo,
    headerDate: header.date,
    clientIp: envelope.clientIp,
    helo: envelope.helo,
    tls: envelope.tls,
    facts,
    ...routed,
  }
}

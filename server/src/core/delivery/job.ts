/** One transaction to a next hop: one message, the recipients that go the same way, and where its bytes are. */
import type { ClientFacts } from '../../clients/smtp/client-address.ts'
import type { Incoming, MessageFacts } from '../queue/index.ts'
import type { Id } from '../../platform/ids.ts'
import type { ClaimedDelivery } from '../../store/claims.ts'

export interface JobRecipient {
  deliveryId: Id
  personId: Id | null
  address: string
  notify: number
  orcpt: string | null
  attempts: number
  held: boolean
  wasUnsure: boolean
  unsureBefore: number
  /** an admin let it go, whatever Quiet Time says */
  cleared: boolean
}

export interface Job {
  organisationId: Id
  messageId: Id
  routeId: Id
  direction: number
  /** the message's, or the deliveries' own: all of a job have the same */
  envelopeFrom: string
  /** the message's own, also where another stands on the envelope (SRS, VERP) */
  mailFrom: string
  /** whom we had it from; null: our own */
  client: ClientFacts | null
  acceptedAt: number
  /** of the original; what is sent is longer by the prefix */
  size: number
  prefix: Buffer
  facts: MessageFacts
  subject: string | null
  headerFrom: string | null
  /** in memory (hot), or where to read it */
  body: { kind: 'memory'; bytes: readonly Buffer[] } | { kind: 'stored'; bodyStore: number; blobKey: string | null }
  recipients: JobRecipient[]
  /** attempted by the return of this event; null in ordinary traffic */
  returnEventId: Id | null
  byReturn: boolean
  /** tried although its route is closed: the only witness where there are no probes */
  isTrial: boolean
  /** its bytes are in memory with another job of the message, which counts them */
  sharesBody?: boolean
  /** it was held back until now: Quiet Time, a pin, a mailbox that failed */
  hasWaited: boolean
}

/** RFC 5321 section 4.5.3.1.8: a server must take at least this many recipients in one transaction. */
export const RECIPIENTS_PER_TRANSACTION = 100

/** Bytes a job holds in memory. */
export const jobBytes = (job: Job): number =>
  (job.body.kind === 'memory' && !job.sharesBody ? job.size : 0) + job.prefix.length + 1024

/** Splits recipients of one message: one group per key (route, and destination domain where the route is the world). */
function* groups<T>(items: readonly T[], keyOf: (item: T) => string): Generator<T[]> {
  const byKey = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const list = byKey.get(key)
    if (list) list.push(item)
    else byKey.set(key, [item])
  }
  for (const list of byKey.values())
    for (let at = 0; at < list.length; at += RECIPIENTS_PER_TRANSACTION)
      yield list.slice(at, at + RECIPIENTS_PER_TRANSACTION)
}

const clientOf = ({ clientIp, helo }: Pick<Incoming, 'clientIp' | 'helo'>): ClientFacts | null =>
  clientIp === null ? null : { ip: clientIp, helo, name: undefined }

function bodyOf(body: Incoming['body'], bodyStore: number): Job['body'] {
  if (body.kind === 'row') return { kind: 'memory', bytes: [body.bytes] }
  if (body.kind === 'chunks' && body.bytes) return { kind: 'memory', bytes: body.bytes }
  return { kind: 'stored', bodyStore, blobKey: body.kind === 'blob' ? body.blobKey : null }
}

/** The transactions a freshly accepted message needs at once (its hot deliveries). */
export function jobsOfIncoming(
  incoming: Incoming,
  keyOf: (routeId: Id, address: string) => string,
  bodyStore: number,
): Job[] {
  const hot = incoming.deliveries.filter((d) => d.hot)
  const body = bodyOf(incoming.body, bodyStore)
  const wayOf = (d: (typeof hot)[number]): string => {
    const key = keyOf(d.routeId, d.recipient)
    return d.sender ? `${key} ${d.sender}` : key
  }
  return [...groups(hot, wayOf)].map((list, i) => ({
    organisationId: incoming.organisationId,
    messageId: incoming.messageId,
    routeId: list[0]!.routeId,
    direction: incoming.direction,
    envelopeFrom: list[0]!.sender ?? incoming.envelopeFrom,
    mailFrom: incoming.envelopeFrom,
    client: clientOf(incoming),
    acceptedAt: incoming.receivedAt,
    size: incoming.size,
    prefix: incoming.prefix,
    facts: incoming.facts,
    subject: incoming.subject,
    headerFrom: incoming.headerFrom,
    body,
    recipients: list.map((d) => ({
      deliveryId: d.deliveryId,
      personId: d.personId,
      address: d.recipient,
      notify: d.notify,
      orcpt: d.orcpt,
      attempts: 0,
      held: d.held,
      wasUnsure: false,
      unsureBefore: 0,
      cleared: false,
    })),
    returnEventId: null,
    byReturn: false,
    isTrial: false,
    hasWaited: false,
    ...(i > 0 ? { sharesBody: true } : {}),
  }))
}

const hasWaited = ({ reason, held }: Pick<ClaimedDelivery, 'reason' | 'held'>): boolean =>
  held || reason === 'quiet-time'

/**
 * The transactions of claimed work: deliveries of one message that go the same way share one, but for what is marked
 * differently (an unsure one is sent on its own, so that its mark tells the truth for each recipient) or has another sender.
 */
export function jobsOfClaims(
  claims: readonly ClaimedDelivery[],
  keyOf: (routeId: Id, address: string) => string,
  how: Pick<Job, 'returnEventId' | 'byReturn' | 'isTrial'>,
): Job[] {
  return [
    ...groups(
      claims,
      (c) =>
        `${c.messageId} ${keyOf(c.routeId, c.recipient)} ${c.wasUnsure} ${c.held} ${hasWaited(c)} ${c.envelopeFrom}`,
    ),
  ].map((list) => {
    const first = list[0]!
    return {
      organisationId: first.organisationId,
      messageId: first.messageId,
      routeId: first.routeId,
      direction: first.direction,
      envelopeFrom: first.envelopeFrom,
      mailFrom: first.mailFrom,
      client: clientOf(first),
      acceptedAt: first.acceptedAt.getTime(),
      size: first.size,
      prefix: first.prefix,
      facts: first.facts,
      subject: first.subject,
      headerFrom: first.headerFrom,
      body: { kind: 'stored', bodyStore: first.bodyStore, blobKey: first.blobKey },
      recipients: list.map((c) => ({
        deliveryId: c.deliveryId,
        personId: c.personId,
        address: c.recipient,
        notify: c.notify,
        orcpt: c.orcpt,
        attempts: c.attempts,
        held: c.held,
        wasUnsure: c.wasUnsure,
        unsureBefore: c.unsureBefore,
        cleared: c.isReleased,
      })),
      hasWaited: hasWaited(first),
      ...how,
    }
  })
}

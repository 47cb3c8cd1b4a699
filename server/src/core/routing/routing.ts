/**
 * From recipients to rows: for every recipient a delivery (which route, at once or waiting) and for every person among
 * them a copy with its place in the Inbox. The mode decides delivery, never visibility; whether a mailbox exists here is
 * never asked (promise 6): the scopes of the directory say who gets a copy and who a placement.
 */
import type { Clock } from '../../platform/clock.ts'
import { CopySource, Flag, StandardFolder, type Reason } from '../../platform/codes.ts'
import { toWireError, WireError } from '../../platform/errors.ts'
import { newId, type Id } from '../../platform/ids.ts'
import type { Addressee, ModeBoard } from '../continuity/index.ts'
import type { Directory, MailingList, Recipient } from '../directory/index.ts'
import { refusalOf } from '../lists/index.ts'
import type { NewCopy, NewDelivery } from '../queue/index.ts'
import { copyFor, keepsCopy } from './copies.ts'
import { memberKey, type ReturnPaths } from './return-paths.ts'
import { spread, type Final, type Onward } from './spread.ts'

export interface RoutedRecipient {
  recipient: Recipient
  notify: number
  orcpt: string | null
  /** it has been here before for this recipient */
  looped?: boolean
}

export interface Routed {
  deliveries: NewDelivery[]
  copies: NewCopy[]
}

export interface RouteInput extends Onward {
  receivedAt: number
  /** first of References, else In-Reply-To, else the message's own Message-ID; null: a thread of its own */
  threadRoot: string | null
  /** who wrote it, where it is one of ours */
  author?: Author | null
  /** handed over here by its author, not by their primary */
  writtenHere?: boolean
}

type Author = Addressee

export interface OutboundInput extends RouteInput {
  organisationId: Id
  /** left out: the null sender */
  from?: string
  outboundRouteId: Id | null
  /** who wrote it; null: Holdfast itself (notices to senders), which no hold stops */
  author: Author | null
  /** what the author wants to hear of a recipient (RFC 3461); left out: nothing was said */
  asks?: (address: string) => { notify: number; orcpt: string | null }
}

export interface Routing {
  /**
   * Recipients of one organisation, those outside among them where one of its own systems sends, or a redirect leads there.
   */
  inbound(input: RouteInput, recipients: readonly RoutedRecipient[]): Routed
  /** A posting to a list: its members, each with a bounce address of their own. */
  posting(input: RouteInput, to: Pick<Posting, 'list' | 'looped'>, paths: Pick<ReturnPaths, 'forMember'>): Routed
  /** The author's own copy of what the primary sent; null: none is kept. It is at home already: nothing is owed. */
  sent(input: RouteInput, author: Recipient): NewCopy | null
  /**
   * What leaves from here: colleagues are resolved by the directory like anybody's mail to them, the outside world goes by
   * the organisation's outbound route. While a hold of the author lets nothing out it waits in the parking lot: all of it
   * where the author themselves are held, what is for the outside where their mail system is. An address that cannot be
   * reached at all is in `refused`.
   */
  outbound(input: OutboundInput, addresses: readonly string[]): Promise<Outbound>
}

/** A list as somebody wrote to it, which this message came to before where it looped. */
export interface Posting {
  list: MailingList
  looped: boolean
  /** what the sender wants to hear of the list (RFC 3461) */
  notify: number
  orcpt: string | null
}

export interface Outbound extends Routed {
  refused: { address: string; error: WireError }[]
  /** lists among them: each takes a message of its own (posting) */
  postings: Posting[]
}

function whyParked(of: { recipient: Recipient; looped: boolean | undefined; keptInside: boolean }): Reason | null {
  if (of.looped) return 'loop'
  if (of.recipient.standing === 'park') return 'unknown-recipient-parked'
  return of.keptInside ? 'pinned-hold' : null
}

export function createRouting(deps: {
  board: ModeBoard
  directory: Directory
  clock: Clock
  /** is there room to hand one more message of this route over from memory? */
  hasRoom(routeId: Id): boolean
}): Routing {
  function deliveryTo(recipient: Recipient, notify: number, orcpt: string | null, parked: Reason | null): NewDelivery {
    const flow = deps.board.flow(recipient, recipient.isProtected ? 'inboundProtected' : 'inboundOthers')
    const open = flow === 'relay' || flow === 'attempt'
    return {
      deliveryId: newId(deps.clock.now()),
      recipient: recipient.address,
      personId: recipient.personId,
      routeId: recipient.routeId,
      notify,
      orcpt,
      hot: open && parked === null && deps.hasRoom(recipient.routeId),
      held: !open && parked === null,
      parked,
    }
  }

  /** While a hold of the author lets nothing out. */
  const isKept = (author: Author | null): boolean => author !== null && deps.board.flow(author, 'fromPeople') === 'keep'
  /**
   * Nor to colleagues: what a held mail system hands over, and what a held person writes. People of a held mail system go on
   * writing to each other here.
   */
  const isKeptInside = ({ author = null, writtenHere }: RouteInput): boolean =>
    isKept(author) && (writtenHere !== true || deps.board.isHeldThemselves(author!))

  function deliveryOutside(
    to: Pick<NewDelivery, 'recipient' | 'routeId' | 'notify' | 'orcpt'>,
    parked: Reason | null,
  ): NewDelivery {
    return {
      ...to,
      deliveryId: newId(deps.clock.now()),
      personId: null,
      hot: parked === null && deps.hasRoom(to.routeId),
      held: false,
      // Not left in the queue: the end of a hold must not send it, an admin does, one by one.
      parked,
    }
  }

  function inbound(input: RouteInput, recipients: readonly RoutedRecipient[]): Routed {
    const deliveries: NewDelivery[] = []
    const copies = new Map<Id, NewCopy>()
    const kept = isKept(input.author ?? null)
    const keptInside = isKeptInside(input)
    const isRedirected = recipients.some(({ recipient }) => recipient.redirect)
    const finals: readonly Final[] = isRedirected ? spread(recipients, input) : recipients
    for (const { recipient, notify, orcpt, looped, via, sender } of finals) {
      if (recipient.standing === 'outside') {
        const to = { recipient: recipient.address, routeId: recipient.routeId, notify, orcpt }
        const delivery = deliveryOutside(to, looped ? 'loop' : kept ? 'pinned-hold' : null)
        if (via !== undefined) delivery.via = via
        if (sender !== undefined) delivery.sender = sender
        deliveries.push(delivery)
        continue
      }
      const parked = whyParked({ recipient, looped, keptInside })
      const delivery = deliveryTo(recipient, notify, orcpt, parked)
      if (via !== undefined) delivery.via = via
      deliveries.push(delivery)
      const { personId } = recipient
      // One person under two addresses gets two deliveries, as the sender asked, but sees the message once. A loop is
      // parked, but it was accepted and may be released: it is visible like everything else.
      if (personId !== null && keepsCopy(recipient) && !copies.has(personId))
        copies.set(
          personId,
          // Nobody reads what waits to be inspected; when it is let go it gets its place.
          copyFor(parked === 'pinned-hold' ? { ...recipient, isProtected: false } : recipient, personId, input, {
            deliveryId: delivery.deliveryId,
            source: CopySource.received,
            folderNo: StandardFolder.inbox,
            flags: 0,
          }),
        )
    }
    return { deliveries, copies: [...copies.values()] }
  }

  function posting(
    input: RouteInput,
    { list, looped }: Pick<Posting, 'list' | 'looped'>,
    paths: Pick<ReturnPaths, 'forMember'>,
  ): Routed {
    // A list is where the sender's message ends: what they asked about its delivery ends there too (RFC 3461 section 5.2.7.3).
    // What a member has sent here again they get as well: the list alone knows its loops.
    const routed = inbound(
      input,
      list.members.map((member) => ({ recipient: member, notify: 0, orcpt: null, looped })),
    )
    for (const delivery of routed.deliveries) {
      delivery.via = list.address
      delivery.sender = paths.forMember(list.address, memberKey(delivery.recipient), delivery.deliveryId)
    }
    return routed
  }

  function sent(input: RouteInput, author: Recipient): NewCopy | null {
    if (author.personId === null || !keepsCopy(author)) return null
    return copyFor(author, author.personId, input, {
      deliveryId: null,
      source: CopySource.sent,
      folderNo: StandardFolder.sent,
      flags: Flag.seen,
    })
  }

  return {
    inbound,
    posting,
    sent,
    async outbound(input, addresses) {
      const inside: RoutedRecipient[] = []
      const outside: NewDelivery[] = []
      const refused: Outbound['refused'] = []
      const postings: Posting[] = []
      const kept = isKept(input.author)
      for (const address of addresses) {
        const { notify, orcpt } = input.asks?.(address) ?? { notify: 0, orcpt: null }
        try {
          const owner = await deps.directory.organisationOfDomain(address.slice(address.lastIndexOf('@') + 1))
          if (owner?.organisationId === input.organisationId) {
            const recipient = await deps.directory.resolve(address)
            const { list } = recipient
            if (!list) {
              inside.push({ recipient, notify, orcpt })
              continue
            }
            const no = refusalOf(list, { from: input.from ?? '', isOwn: true, isVouched: true })
            if (no) throw no
            if (!postings.some((one) => one.list.id === list.id)) postings.push({ list, looped: false, notify, orcpt })
            continue
          }
          if (input.outboundRouteId === null)
            throw new WireError(
              'config',
              'this organisation has no way out to the world: set `outbound` in its file and apply it',
            )
          const to = { recipient: address, routeId: input.outboundRouteId, notify, orcpt }
          outside.push(deliveryOutside(to, kept ? 'pinned-hold' : null))
        } catch (error) {
          refused.push({ address, error: toWireError(error) })
        }
      }
      const routed = inbound(input, inside)
      return { deliveries: [...routed.deliveries, ...outside], copies: routed.copies, refused, postings }
    },
  }
}

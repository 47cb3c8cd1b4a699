/**
 * What the recipient's mail system is known not to take is refused at RCPT, where the sender's server can still tell its
 * author, and not after our 250: a message larger than the smallest limit of the route's hosts (RFC 1870 section 6.1), and
 * addresses beyond ASCII for hosts that do not speak of them (RFC 6531 section 3.5), and what may go on only over TLS
 * (RFC 8689) for hosts that do not promise that. Of a mail system that was never spoken to the common set is assumed: what goes
 * beyond it is put off until a probe has asked, and not refused. A declared size is the sender's word; what came all the same is looked at once more before our 250.
 */
import { WireError } from '../../platform/errors.ts'
import { RouteKind } from '../../platform/codes.ts'
import type { Recipient, Route, RouteBook } from '../directory/index.ts'
import type { MxEnvelope } from './door.ts'

const isInternational = (address: string): boolean => /[^\0-\x7f]/.test(address)

/** RFC 8689 section 4.2: over authenticated TLS to who goes on in the same way; of the world's servers nobody knows yet. */
function mayKeepTls({ kind, settings, offer }: Route): boolean {
  if (kind === RouteKind.mx || settings.requireTlsTrusted) return true
  return settings.tls !== 'none' && (offer?.requireTls ?? true)
}

/** What lies on the way to the world is not probed: there nothing is assumed. */
const isYetUnknown = ({ kind, offer }: Route): boolean => kind === RouteKind.primary && offer === null

/** Our trace fields and signature, which go along: a message that fits without them alone would come back. */
const ADDED_OCTETS = 2_048

const tooLarge = (size: number): WireError =>
  new WireError('message-too-large', `the recipient's mail system takes ${size} octets at most`)
const isTooLarge = (octets: number, offered: number): boolean => offered > 0 && octets + ADDED_OCTETS > offered

/** Where mail for an address ends, as far as its refusal goes. */
type End = Pick<Recipient, 'routeId' | 'address'>

/** By the list's members as they were found: so long they are the same ones. */
const endsOfLists = new WeakMap<readonly Recipient[], readonly End[]>()

/** Of thousands of members only the ways to them count, and on each whether one of them has an address beyond ASCII. */
function endsOf({ list, redirect, ...own }: Recipient): readonly End[] {
  if (!list) return redirect?.to ?? [own]
  let ends = endsOfLists.get(list.members)
  if (!ends) {
    const distinct = new Map<string, End>()
    for (const { routeId, address } of list.members)
      distinct.set(`${isInternational(address)} ${routeId}`, { routeId, address })
    endsOfLists.set(list.members, (ends = [...distinct.values()]))
  }
  return ends
}

/**
 * At the end of DATA: refused where none of its recipients' systems takes it, for its size or for UTF-8 in its header (RFC 6531
 * section 3.2). Where one of several does, the others' senders hear by a notice.
 */
export function takenByAny(
  routes: Pick<RouteBook, 'get'>,
  recipients: readonly Recipient[],
  { size, utf8Header }: { size: number; utf8Header: boolean },
): void {
  const refusals: WireError[] = []
  for (const recipient of recipients) {
    const no = endsOf(recipient).map(({ routeId }) => {
      const route = routes.get(routeId)
      const offer = route?.offer
      if (offer && isTooLarge(size, offer.size)) return tooLarge(offer.size)
      if (utf8Header && route && isYetUnknown(route))
        return new WireError('recipient-system-unknown', 'its header has UTF-8')
      return offer && utf8Header && !offer.smtputf8 ? new WireError('smtputf8-not-taken', 'its header has UTF-8') : null
    })
    // A way to the world that was never spoken to may take it.
    if (no.length === 0 || no.includes(null)) return
    refusals.push(no[0]!)
  }
  if (refusals.length > 0) throw refusals[0]!
}

/**
 * The recipient, or a WireError. Of several that an address stands for, or of a list's members, one is not refused for another's
 * sake. A posting goes on in the list's own name (RFC 5321 section 3.9.2).
 */
export function takenByRoute(routes: Pick<RouteBook, 'get'>, recipient: Recipient, envelope: MxEnvelope): Recipient {
  const sent = recipient.list ? { ...envelope, from: recipient.list.address } : envelope
  const refusals = endsOf(recipient).map(({ routeId, address }) => refusalOf(routes.get(routeId), address, sent))
  if (refusals.length === 0 || refusals.includes(null)) return recipient
  // What may be taken in a minute is not refused for good.
  throw refusals.find((refusal) => refusal!.spec.smtp < 500) ?? refusals[0]!
}

function refusalOf(
  route: Route | undefined,
  address: string,
  { declaredSize, smtputf8, from, requireTls }: MxEnvelope,
): WireError | null {
  if (!route) return null
  const { offer } = route
  const isUnknown = isYetUnknown(route)
  if (requireTls && !mayKeepTls(route)) return new WireError('requiretls-not-offered')
  if (isUnknown && requireTls && !route.settings.requireTlsTrusted)
    return new WireError('recipient-system-unknown', 'TLS all the way was asked for (REQUIRETLS)')
  // Many senders say SMTPUTF8 for messages that do not need it.
  const needsUtf8 = smtputf8 && (isInternational(from) || isInternational(address))
  if (isUnknown && needsUtf8)
    return new WireError('recipient-system-unknown', 'addresses with non-ASCII characters (SMTPUTF8)')
  if (!offer) return null
  if (declaredSize !== null && isTooLarge(declaredSize, offer.size)) return tooLarge(offer.size)
  return needsUtf8 && !offer.smtputf8 ? new WireError('smtputf8-not-taken') : null
}

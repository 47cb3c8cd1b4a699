/**
 * What the recipient's mail system is known not to take is refused at RCPT, where the sender's server can still tell its
 * author, and not after our 250: a message larger than the smallest limit of the route's hosts (RFC 1870 section 6.1), and
 * addresses beyond ASCII for hosts that do not speak of them (RFC 6531 section 3.5), and what may go on only over TLS
 * (RFC 8689) for hosts that do not promise that. A route that was never spoken to takes
 * everything. A declared size is the sender's word: what is too large all the same is refused by the hosts.
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

/** The recipient, or a WireError. */
export function takenByRoute(
  routes: Pick<RouteBook, 'get'>,
  recipient: Recipient,
  { declaredSize, smtputf8, from, requireTls }: MxEnvelope,
): Recipient {
  const { redirect } = recipient
  // Of several one is not refused for another's sake.
  if (redirect && redirect.to.length > 1) return recipient
  const final = redirect?.to[0] ?? recipient
  const route = routes.get(final.routeId)
  const offer = route?.offer
  if (requireTls && route && !mayKeepTls(route)) throw new WireError('requiretls-not-offered')
  if (!offer) return recipient
  if (offer.size > 0 && declaredSize !== null && declaredSize > offer.size)
    throw new WireError('message-too-large', `the recipient's mail system takes ${offer.size} octets at most`)
  // Many senders say SMTPUTF8 for messages that do not need it.
  if (smtputf8 && !offer.smtputf8 && (isInternational(from) || isInternational(final.address)))
    throw new WireError('smtputf8-not-taken')
  return recipient
}

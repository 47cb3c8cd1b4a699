/** What follows from a target alone: whether it may be spoken to in clear, and which connections are as good as another. */
import { createHash } from 'node:crypto'
import type { SmtpTarget } from './result.ts'

/**
 * Encrypted or not at all. STARTTLS can be struck from the server's list by whoever sits between (RFC 3207 section 6), so
 * where a password is to be sent "where offered" is not enough; only a route that says `none` sends it in clear.
 */
export const mustEncrypt = (target: Pick<SmtpTarget, 'tls' | 'username'>): boolean =>
  target.tls === 'required' ||
  target.tls === 'pinned' ||
  target.tls === 'dane' ||
  (target.tls === 'opportunistic' && target.username !== undefined)

/** Who it is will be known before a message goes there. */
export const isAuthenticated = ({ tls, trust }: Pick<SmtpTarget, 'tls' | 'trust'>): boolean =>
  tls === 'required' || tls === 'pinned' || (tls === 'dane' && trust?.tlsa !== undefined && trust.tlsa.length > 0)

/**
 * Equal exactly for targets that are the same host, reached in the same way with the same credentials: a kept connection
 * may carry only what is meant for its own key. A digest, so that the password is not in it.
 */
export function targetKey(target: SmtpTarget): string {
  const { host, address, port, protocol, tls, trust = {}, username, password } = target
  const tlsa = trust.tlsa?.map(({ usage, selector, matching, data }) => [
    usage,
    selector,
    matching,
    data.toString('hex'),
  ])
  const whom = [
    trust.pins ?? [],
    trust.ca ?? null,
    trust.name ?? null,
    trust.client ?? null,
    trust.names ?? [],
    tlsa ?? null,
  ]
  const login = [username ?? null, password ?? null]
  const parts = [
    host.toLowerCase(),
    address ?? null,
    port,
    protocol,
    tls,
    whom,
    login,
    target.clientAddress ?? null,
    target.localAddresses ?? [],
    target.requireTls ?? false,
  ]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

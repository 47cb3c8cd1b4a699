/** What a route's settings and sealed columns say about TLS to its hosts: for deliveries and probes alike. */
import type { SmtpTarget } from '../../clients/smtp/result.ts'
import type { Id } from '../../platform/ids.ts'
import type { Route } from './route-book.ts'

/** Sealed columns of table route. */
export type SealedColumn = 'secret_sealed' | 'client_tls_sealed' | 'reach_sealed'

/** Throws where it was sealed under another key. */
export type OpenSecret = (column: SealedColumn, sealed: Buffer, routeId: Id) => string

export function trustOf(
  route: Pick<Route, 'settings' | 'clientTlsSealed' | 'routeId'>,
  openSecret: OpenSecret,
): Pick<SmtpTarget, 'tls' | 'trust'> {
  const { tls, tlsPins: pins, tlsName, tlsCa } = route.settings
  const { clientTlsSealed, routeId } = route
  const trust: SmtpTarget['trust'] = {
    ...(tls === 'pinned' ? { pins } : {}),
    ...(tlsName === undefined ? {} : { name: tlsName }),
    ...(tlsCa === undefined ? {} : { ca: tlsCa }),
    ...(clientTlsSealed ? { client: openSecret('client_tls_sealed', clientTlsSealed, routeId) } : {}),
  }
  return Object.keys(trust).length > 0 ? { tls, trust } : { tls }
}

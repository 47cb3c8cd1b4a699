/**
 * Which certificate a client of TLS sees (server_name, RFC 6066 section 3): the first of the named ones that covers the
 * name it asks for. No name, or one that nobody covers, gets the listener's own: senders ask for all sorts of names, and
 * most do not look (RFC 7435).
 */
import type { SecureContext } from 'node:tls'
import type { NamedCertificate } from '../certificate-watch.ts'
import type { Log } from '../log.ts'
import { cachedSecureContext } from './secure-context.ts'

export type ChooseByName = (name: string, done: (error: Error | null, context?: SecureContext) => void) => void

/** Null where there are none: then nothing is asked in a handshake. */
export function chooseByName(named: () => readonly NamedCertificate[], log: Log): ChooseByName | null {
  const contexts = named().map((_, i) => cachedSecureContext(() => named()[i]!.options, log))
  if (contexts.length === 0) return null
  return (name, done) => {
    const at = named().findIndex((one) => one.covers(name))
    done(null, contexts[at]?.() ?? undefined)
  }
}

/**
 * The TLS context of a listener. Making one costs milliseconds, so it is made once per certificate: when the options'
 * values are the same as last time, so is the context. Failure: a certificate that cannot be used is logged once; the one
 * before it stays in use, and where there is none TLS is not offered, and mail goes on without. The name of its sessions is
 * what OpenSSL insists on where a client is asked for its certificate; without it a resumed session fails.
 */
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { Log } from '../log.ts'

export function cachedSecureContext(options: () => SecureContextOptions | null, log: Log): () => SecureContext | null {
  let from: SecureContextOptions | null = null
  let made: SecureContext | null = null
  return () => {
    const current = options()
    if (sameValues(current, from)) return made
    from = current
    try {
      made = current && createSecureContext({ ...current, sessionIdContext: 'holdfast' })
    } catch (error) {
      log.error(
        { err: error },
        `the certificate cannot be used; ${made ? 'the one before stays in use' : 'TLS is not offered'}`,
      )
    }
    return made
  }
}

function sameValues(a: SecureContextOptions | null, b: SecureContextOptions | null): boolean {
  if (a === b) return true
  if (a === null || b === null) return false
  const keys = Object.keys(a) as (keyof SecureContextOptions)[]
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key])
}

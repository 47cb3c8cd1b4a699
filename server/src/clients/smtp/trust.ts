/**
 * How TLS is begun towards a target, and whether the server is whom the target's policy wants. Pinned: the key of its
 * certificate is one of those that are known, whoever signed it. Required: somebody we trust vouches for the certificate,
 * and it names the host (RFC 9525, as Node does it). Else any certificate will do.
 */
import { createHash, type X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import tls from 'node:tls'
import { SmtpFailure, type SmtpTarget } from './result.ts'

export function tlsOptions({ host, tls: policy, trust = {} }: Pick<SmtpTarget, 'host' | 'tls' | 'trust'>) {
  const name = trust.name ?? host
  const options: tls.ConnectionOptions = {
    // RFC 6066 section 3: an address is no name.
    servername: isIP(name) ? '' : name,
    rejectUnauthorized: policy === 'required',
    // Node takes the name from `servername`, which an address does not have.
    checkServerIdentity: (_, certificate) => tls.checkServerIdentity(name, certificate),
  }
  if (policy === 'required' && trust.ca !== undefined) options.ca = trust.ca
  if (trust.client !== undefined) Object.assign(options, { cert: trust.client, key: trust.client })
  return options
}

/** The pin of a certificate, as `openssl x509 -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64`. */
export const pinOf = ({ publicKey }: Pick<X509Certificate, 'publicKey'>): string =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64')

/** Throws SmtpFailure where the target pins other keys than the server's. */
export function checkPin(
  { tls: policy, trust }: Pick<SmtpTarget, 'tls' | 'trust'>,
  shown: X509Certificate | null,
): void {
  if (policy !== 'pinned') return
  const pin = shown ? pinOf(shown) : null
  if (pin !== null && trust?.pins?.includes(pin)) return
  const what =
    pin === null ? 'the server showed no certificate' : `the key of the server's certificate has the pin ${pin}`
  throw new SmtpFailure('tls', 'tls', `${what}, which is none of those this route allows (tlsPins)`)
}

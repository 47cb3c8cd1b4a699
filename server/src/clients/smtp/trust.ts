/**
 * How TLS is begun towards a target, and whether the server is whom the target's policy wants. Pinned: the key of its
 * certificate is one of those that are known, whoever signed it. DANE: the one that the domain's owner published (dane.ts).
 * Required: somebody we trust vouches for the certificate, and it names the host (RFC 9525, as Node does it). Else any
 * certificate will do.
 */
import { createHash, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import tls from 'node:tls'
import { daneFault, tlsaText, type DaneFault } from './dane.ts'
import { tlsFailure, type SmtpTarget, type TlsFault } from './result.ts'

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

/** Throws SmtpFailure where the target, which pins keys, pins others than the server's. */
export function checkPin({ trust }: Pick<SmtpTarget, 'trust'>, shown: X509Certificate | null): void {
  const pin = shown ? pinOf(shown) : null
  if (pin !== null && trust?.pins?.includes(pin)) return
  const what =
    pin === null ? 'the server showed no certificate' : `the key of the server's certificate has the pin ${pin}`
  throw tlsFailure('certificate-not-trusted', `${what}, which is none of those this route allows (tlsPins)`)
}

/** What the server showed, its own certificate first. Not by getPeerX509Certificate, which takes it out of Node's own list. */
export function shownChain(socket: tls.TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = []
  const seen = new Set<string>()
  // Without a certificate it is an empty object; one that has signed itself is its own issuer.
  let one: Partial<tls.DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true)
  while (one?.raw && one.fingerprint256 !== undefined && !seen.has(one.fingerprint256)) {
    seen.add(one.fingerprint256)
    chain.push(new X509Certificate(one.raw))
    one = one.issuerCertificate
  }
  return chain
}

const DANE_WORDS: Record<DaneFault, string> = {
  'host-mismatch': "the server's certificate is signed as its TLSA records say, but is not made out to this host",
  'expired': "the server's certificate is signed as its TLSA records say, but it or one above it is out of date",
  'not-trusted': "none of the host's TLSA records fits the server's certificate",
}

const DANE_FAULTS: Record<DaneFault, TlsFault> = {
  'host-mismatch': 'certificate-host-mismatch',
  'expired': 'certificate-expired',
  'not-trusted': 'validation-failure',
}

/** What Node and OpenSSL call it. */
const CODES: Record<string, TlsFault> = {
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate-host-mismatch',
  CERT_HAS_EXPIRED: 'certificate-expired',
  CERT_NOT_YET_VALID: 'certificate-expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate-not-trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate-not-trusted',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate-not-trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate-not-trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate-not-trusted',
  CERT_UNTRUSTED: 'certificate-not-trusted',
}
export const faultOf = (code: string | undefined): TlsFault => CODES[code ?? ''] ?? 'validation-failure'

/** What would have been wrong where somebody must vouch for the certificate; null: nothing. */
export const doubtOf = (socket: tls.TLSSocket): TlsFault | null =>
  // Typed as an error; it is the error's code.
  socket.authorized ? null : faultOf(String(socket.authorizationError))

/** Throws SmtpFailure where the target's TLSA records, if it has any, speak of another certificate. */
export function checkDane(
  { host, trust }: Pick<SmtpTarget, 'host' | 'trust'>,
  chain: readonly X509Certificate[],
  now: number,
): void {
  const records = trust?.tlsa ?? []
  if (records.length === 0) return
  const fault = daneFault(records, trust?.names ?? [trust?.name ?? host], chain, now)
  if (fault === null) return
  const text = `DANE: ${DANE_WORDS[fault]} (${records.slice(0, 4).map(tlsaText).join(', ')})`
  throw tlsFailure(DANE_FAULTS[fault], text)
}

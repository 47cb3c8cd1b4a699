/**
 * Whether a server's certificate is the one its TLSA records speak of (RFC 6698, RFC 7671, for SMTP RFC 7672 section 3). Pure.
 *
 * DANE-EE(3): the certificate or its key is named itself; neither its names nor its dates count (RFC 7672 section 3.1.1).
 * DANE-TA(2): it is signed, over certificates that the server shows, by one that is named, and is made out to the host. Here
 * the chain is walked by hand, for Node has no door to OpenSSL's verification after the handshake: signatures, dates, who may
 * sign (basicConstraints, keyUsage) and what for (path-constraints.ts), and the use as a server are looked at.
 */
import { createHash, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto'
import type { Tlsa } from '../../protocols/dns/message.ts'
import { keepsConstraints } from './path-constraints.ts'

const TA = 2
const EE = 3
const DIGESTS: Record<number, { name: string; octets: number }> = {
  1: { name: 'sha256', octets: 32 },
  2: { name: 'sha512', octets: 64 },
}
/** More than these are not looked at; nobody has so many. */
const MOST_RECORDS = 50
const MOST_CHAIN = 10
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'

/**
 * Those that can be used for SMTP (RFC 7672 section 3.1: PKIX-TA and PKIX-EE cannot), of each kind the strongest digest
 * (RFC 7671 section 9).
 */
export function usableTlsa(records: readonly Tlsa[]): Tlsa[] {
  const usable = records.filter(isUsable)
  const isWeaker = ({ usage, selector, matching }: Tlsa): boolean =>
    matching === 1 &&
    usable.some((other) => other.usage === usage && other.selector === selector && other.matching === 2)
  return usable.filter((one) => !isWeaker(one)).slice(0, MOST_RECORDS)
}

function isUsable({ usage, selector, matching, data }: Tlsa): boolean {
  if ((usage !== TA && usage !== EE) || selector > 1) return false
  if (matching !== 0) return DIGESTS[matching]?.octets === data.length
  return (selector === 0 ? certificateOf(data) : keyOf(data)) !== null
}

export const tlsaText = ({ usage, selector, matching, data }: Tlsa): string =>
  `${usage} ${selector} ${matching} ${data.toString('hex').slice(0, 16)}…`

export type DaneFault = 'host-mismatch' | 'expired' | 'not-trusted'

/** null: it is. `chain`: as the server showed it, its own first. `names`: one of them must be in the certificate, for TA. */
export function daneFault(
  records: readonly Tlsa[],
  names: readonly string[],
  chain: readonly X509Certificate[],
  now: number,
): DaneFault | null {
  const [own] = chain
  if (!own) return 'not-trusted'
  if (records.some((one) => one.usage === EE && matches(one, own))) return null
  // Whichever comes closest says most.
  let fault: DaneFault = 'not-trusted'
  for (const record of records.filter(({ usage }) => usage === TA)) {
    const path = pathTo(record, chain.slice(0, MOST_CHAIN))
    if (!path || !keepsConstraints(path)) continue
    if (!path.every((one) => isInTime(one, now))) fault = fault === 'host-mismatch' ? fault : 'expired'
    else if (!names.some((name) => own.checkHost(name, { partialWildcards: false }) !== undefined))
      fault = 'host-mismatch'
    else return null
  }
  return fault
}

function matches({ selector, matching, data }: Tlsa, certificate: X509Certificate): boolean {
  const bytes = selector === 0 ? certificate.raw : spkiOf(certificate)
  return matching === 0 ? bytes.equals(data) : createHash(DIGESTS[matching]!.name).update(bytes).digest().equals(data)
}

/** The certificates from the server's own up to the trust anchor, each signed by the next; null: there is no such way. */
function pathTo(anchor: Tlsa, chain: readonly X509Certificate[]): X509Certificate[] | null {
  const [own, ...others] = chain
  if (!isForServers(own!)) return null
  const path = [own!]
  for (;;) {
    const last = path.at(-1)!
    // RFC 7671 section 5.2.2: a trust anchor is not the server's own certificate.
    if (path.length > 1 && matches(anchor, last)) return path
    // The anchor itself need not be shown where the record holds it whole.
    const whole = anchor.matching === 0 ? anchor.data : null
    if (whole && anchor.selector === 1 && isSignedBy(last, keyOf(whole)!)) return path
    const given = whole && anchor.selector === 0 ? certificateOf(whole) : null
    if (given && isIssuer(given, last)) return [...path, given]
    const next = others.find((one) => !path.includes(one) && isIssuer(one, last))
    if (!next) return null
    path.push(next)
  }
}

/** `checkIssued` looks at names, key identifiers and keyUsage as well. */
const isIssuer = (issuer: X509Certificate, certificate: X509Certificate): boolean =>
  issuer.ca && certificate.checkIssued(issuer) && isSignedBy(certificate, issuer.publicKey)

function isSignedBy(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.verify(key)
  } catch {
    // A key of a kind that cannot have signed it.
    return false
  }
}

/** Node calls extendedKeyUsage keyUsage. */
const isForServers = ({ keyUsage }: X509Certificate): boolean =>
  (keyUsage as string[] | undefined)?.includes(SERVER_AUTH) ?? true

const isInTime = ({ validFrom, validTo }: X509Certificate, now: number): boolean =>
  Date.parse(validFrom) <= now && now <= Date.parse(validTo)

const spkiOf = ({ publicKey }: X509Certificate): Buffer => publicKey.export({ type: 'spki', format: 'der' })

function certificateOf(der: Buffer): X509Certificate | null {
  try {
    return new X509Certificate(der)
  } catch {
    return null
  }
}

function keyOf(der: Buffer): KeyObject | null {
  try {
    return createPublicKey({ key: der, type: 'spki', format: 'der' })
  } catch {
    return null
  }
}

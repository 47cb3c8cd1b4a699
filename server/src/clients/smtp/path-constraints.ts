/**
 * What the authorities on a way of certificates allow for what is below them (RFC 5280 section 4.2.1): how many more authorities
 * (pathLenConstraint), and which names (nameConstraints). Node reads neither. A critical extension that nobody here knows, or
 * a constraint that cannot be read, is a no: whoever made it meant it. Pure.
 */
import type { X509Certificate } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  BasicConstraints,
  Certificate,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_cRLDistributionPoints,
  id_ce_extKeyUsage,
  id_ce_inhibitAnyPolicy,
  id_ce_issuerAltName,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_policyConstraints,
  id_ce_policyMappings,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  NameConstraints,
  SubjectAlternativeName,
  type GeneralName,
} from '@peculiar/asn1-x509'

/** Looked at here or by Node, or without a say in who somebody is: no policy is asked for (RFC 5280 section 6.1.1 d to g). */
const KNOWN = new Set<string>([
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_cRLDistributionPoints,
  id_ce_extKeyUsage,
  id_ce_inhibitAnyPolicy,
  id_ce_issuerAltName,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_policyConstraints,
  id_ce_policyMappings,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
])

interface Link {
  isSelfIssued: boolean
  pathLength: number | null
  permitted: string[] | null
  excluded: string[]
  /** DNS names in it */
  names: string[]
}

const dnsNames = (names: readonly GeneralName[]): string[] =>
  names.flatMap(({ dNSName }) => (dNSName === undefined ? [] : [dNSName.toLowerCase()]))

/** Null: there is something in it that has to be understood and is not. */
function readLink(certificate: X509Certificate): Link | null {
  const { extensions = [] } = AsnConvert.parse(certificate.raw, Certificate).tbsCertificate
  if (extensions.some(({ critical, extnID }) => critical && !KNOWN.has(extnID))) return null
  const valueOf = (id: string): ArrayBuffer | undefined =>
    extensions.find(({ extnID }) => extnID === id)?.extnValue.buffer
  const [basic, constraints, alternative] = [id_ce_basicConstraints, id_ce_nameConstraints, id_ce_subjectAltName].map(
    valueOf,
  )
  const limits = constraints && AsnConvert.parse(constraints, NameConstraints)
  const bases = (trees: readonly { base: GeneralName }[] = []): string[] => dnsNames(trees.map(({ base }) => base))
  const permitted = bases(limits?.permittedSubtrees)
  return {
    isSelfIssued: certificate.subject === certificate.issuer,
    pathLength: (basic && AsnConvert.parse(basic, BasicConstraints).pathLenConstraint) ?? null,
    // Trees of other kinds of names say nothing of hosts (RFC 5280 section 4.2.1.10).
    permitted: permitted.length > 0 ? permitted : null,
    excluded: bases(limits?.excludedSubtrees),
    names: alternative ? dnsNames(AsnConvert.parse(alternative, SubjectAlternativeName)) : [],
  }
}

/** "corp.test" is itself and everything below; an empty one is everything. */
function isBelow(name: string, base: string): boolean {
  const tree = base.replace(/^\./, '')
  return tree === '' || name === tree || name.endsWith(`.${tree}`)
}

function allows({ permitted, excluded }: Link, name: string): boolean {
  // A wildcard is its whole domain: nothing of that may be forbidden.
  const isWild = name.startsWith('*.')
  const domain = isWild ? name.slice(2) : name
  if (excluded.some((base) => isBelow(domain, base) || (isWild && isBelow(base, domain)))) return false
  return permitted === null || permitted.some((base) => isBelow(domain, base))
}

/** `path`: the server's own certificate, then each that signed the one before, up to the trust anchor. */
export function keepsConstraints(path: readonly X509Certificate[]): boolean {
  let links: (Link | null)[]
  try {
    links = path.map(readLink)
  } catch {
    return false
  }
  const names = links[0]?.names ?? []
  // Who issued to itself under a new key counts as one (RFC 5280 section 4.2.1.9).
  let authoritiesBelow = 0
  for (const [i, link] of links.entries()) {
    if (link === null) return false
    if (i === 0) continue
    if (link.pathLength !== null && authoritiesBelow > link.pathLength) return false
    if (!names.every((name) => allows(link, name))) return false
    if (!link.isSelfIssued) authoritiesBelow++
  }
  return true
}

/**
 * How TLS is begun towards the hosts of a domain in the outside world, from what the domain publishes: TLSA records under
 * DNSSEC (DANE, RFC 7672), which come first, then an MTA-STS policy (RFC 8461), then what the route says. A host about whose
 * TLSA records nobody knows just now is not used: an attacker who holds them back must gain nothing (RFC 7672 section 2.1).
 */
import { domainToASCII } from 'node:url'
import type { MxHost, MxLookup } from '../../clients/dns/mx.ts'
import type { TlsaAnswer } from '../../clients/dns/tlsa.ts'
import { namesHost, type Policy } from '../../protocols/mta-sts/policy.ts'
import { daneTrust, type HostTlsa, type RouteSettings } from '../directory/index.ts'
import type { RankedTarget } from './hosts.ts'
import type { PolicyOf } from './mta-sts.ts'

/** How the outside world is reached by routes of kind mx. */
export interface World {
  lookUpMx: MxLookup
  /** TLSA records of one port, under the first of these names that has some */
  tlsaOf(bases: readonly string[], port: number): Promise<TlsaAnswer>
  /** for routes to hosts that are named with `tls: dane` */
  hostTlsa: HostTlsa
  /** what the domain demands of those who send to it */
  policyOf: PolicyOf
  port: number
}

type Trust = Pick<RankedTarget, 'tls' | 'trust'>

/** `unused`: why the others are not among them. */
export interface WorldTargets {
  targets: RankedTarget[]
  unused: string[]
}

/** By its A-label; an address literal has no name that could have a policy. */
const nameOf = (domain: string): string | null => (domain.startsWith('[') ? null : domainToASCII(domain) || domain)

export async function worldTargets(
  world: World,
  domain: string,
  found: readonly MxHost[],
  own: RouteSettings['tls'],
): Promise<WorldTargets> {
  const name = nameOf(domain)
  const policy = name === null ? null : await world.policyOf(name)
  const asked = new Map<string, Promise<Trust | string>>()
  const trustOf = (host: MxHost): Promise<Trust | string> => {
    const known = asked.get(host.host) ?? trustIn(world, host, { name, domain, policy, own })
    asked.set(host.host, known)
    return known
  }
  const targets: RankedTarget[] = []
  const unused = new Set<string>()
  for (const host of found) {
    const trust = await trustOf(host)
    if (typeof trust === 'string') unused.add(trust)
    else {
      const { host: itsName, address, priority } = host
      targets.push({ host: itsName, address, priority, port: world.port, protocol: 'smtp', ...trust })
    }
  }
  return { targets, unused: [...unused] }
}

/** Text: why it is not used. */
async function trustIn(
  world: World,
  { host, tlsaBases }: MxHost,
  {
    name,
    domain,
    policy,
    own,
  }: { name: string | null; domain: string; policy: Policy | null; own: RouteSettings['tls'] },
): Promise<Trust | string> {
  const answer: TlsaAnswer = tlsaBases ? await world.tlsaOf(tlsaBases, world.port) : { kind: 'none' }
  if (answer.kind === 'unknown') return `DANE: ${answer.text}, so nothing goes to ${host}`
  const dane = answer.kind === 'records' ? daneTrust(answer, name === null ? [host] : [host, name]) : null
  if (dane && dane.trust.tlsa!.length > 0) return dane
  // RFC 8461 section 5: nothing goes to a server that an enforced policy does not name; section 4.2: what goes, goes encrypted
  // and with a certificate that is valid for the server's name.
  if (policy?.mode === 'enforce')
    return namesHost(policy, host) ? { tls: 'required' } : `the MTA-STS policy of ${domain} does not name ${host}`
  if (own === 'dane') return `tls dane: ${host} has no TLSA records that DNSSEC proves and that can be used`
  // RFC 7672 section 2.2: records that cannot be used say all the same that there is TLS.
  return dane && own !== 'required' ? dane : { tls: own }
}

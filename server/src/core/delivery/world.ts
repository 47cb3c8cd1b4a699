/**
 * How TLS is begun towards the hosts of a domain in the outside world, from what the domain publishes: TLSA records under
 * DNSSEC (DANE, RFC 7672), which come first, then an MTA-STS policy (RFC 8461), then what the route says. A host about whose
 * TLSA records nobody knows just now is not used: an attacker who holds them back must gain nothing (RFC 7672 section 2.1).
 */
import { domainToASCII } from 'node:url'
import type { MxHost, MxLookup } from '../../clients/dns/mx.ts'
import type { TlsaAnswer } from '../../clients/dns/tlsa.ts'
import type { Tlsa } from '../../protocols/dns/message.ts'
import type { PolicyType } from '../../protocols/tls-rpt/report.ts'
import { namesHost, type Policy } from '../../protocols/mta-sts/policy.ts'
import { daneTrust, type HostTlsa, type RouteSettings } from '../directory/index.ts'
import type { TlsAbout, TlsTally } from '../tls-reports/index.ts'
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
  /** counts for reports about TLS; left out: nobody counts */
  tally?: Pick<TlsTally, 'note' | 'unused'>
}

const MOST_STRINGS = 20

type Trust = Pick<RankedTarget, 'tls' | 'trust' | 'about'>
interface Unused {
  text: string
  /** for the report: what it is about, and the word for it */
  about?: TlsAbout
  result?: string
}

/** `unused`: why the others are not among them. */
export interface WorldTargets {
  targets: RankedTarget[]
  unused: string[]
}

const targetOf = ({ port }: World, { host, address, priority }: MxHost, trust: Trust): RankedTarget => ({
  host,
  address,
  priority,
  port,
  protocol: 'smtp',
  ...trust,
})

/** By its A-label; an address literal has no name that could have a policy. */
const nameOf = (domain: string): string | null => (domain.startsWith('[') ? null : domainToASCII(domain) || domain)

export async function worldTargets(
  world: World,
  domain: string,
  found: readonly MxHost[],
  { own, isTlsOptional = false }: { own: RouteSettings['tls']; isTlsOptional?: boolean },
): Promise<WorldTargets> {
  // RFC 8689 section 5: the sender would rather have it there than safe. What the admin demands of the route still holds.
  if (isTlsOptional && own !== 'dane')
    return { targets: found.map((host) => targetOf(world, host, { tls: own })), unused: [] }
  const name = nameOf(domain)
  const policy = name === null ? null : await world.policyOf(name)
  const asked = new Map<string, Promise<Trust | Unused>>()
  const trustOf = (host: MxHost): Promise<Trust | Unused> => {
    const known = asked.get(host.host) ?? trustIn(world, host, { name, domain, policy, own })
    asked.set(host.host, known)
    return known
  }
  const targets: RankedTarget[] = []
  const unused = new Map<string, Unused>()
  for (const host of found) {
    const trust = await trustOf(host)
    if ('text' in trust) unused.set(host.host, trust)
    else targets.push(targetOf(world, host, trust))
  }
  for (const [host, { about, result, text }] of unused)
    if (about && result) world.tally?.unused(about, host, result, text)
  return { targets, unused: [...unused.values()].map(({ text }) => text) }
}

async function trustIn(world: World, { host, tlsaBases }: MxHost, of: Wanted): Promise<Trust | Unused> {
  const { name, domain, policy, own } = of
  const aboutOf = (type: PolicyType, strings: string[] = [], mx: readonly string[] = []): TlsAbout => ({
    domain: name ?? domain,
    // What strangers publish can be long; a report needs no more of it.
    policy: { type, strings: strings.slice(0, MOST_STRINGS), mx: mx.slice(0, MOST_STRINGS) },
  })
  const answer: TlsaAnswer = tlsaBases ? await world.tlsaOf(tlsaBases, world.port) : { kind: 'none' }
  if (answer.kind === 'unknown') {
    const text = `DANE: ${answer.text}, so nothing goes to ${host}`
    return { text, about: aboutOf('tlsa'), result: 'dnssec-invalid' }
  }
  const dane = answer.kind === 'records' ? daneTrust(answer, name === null ? [host] : [host, name]) : null
  const byTlsa = answer.kind === 'records' ? aboutOf('tlsa', answer.records.map(presentation)) : null
  if (dane && dane.trust.tlsa!.length > 0) return { ...dane, about: byTlsa! }
  const bySts = policy && policy.mode !== 'none' ? aboutOf('sts', linesOf(policy), policy.mx) : null
  // RFC 8461 section 5: nothing goes to a server that an enforced policy does not name; section 4.2: what goes, goes encrypted
  // and with a certificate that is valid for the server's name.
  if (policy?.mode === 'enforce')
    return namesHost(policy, host)
      ? { tls: 'required', about: bySts! }
      : {
          text: `the MTA-STS policy of ${domain} does not name ${host}`,
          about: bySts!,
          result: 'validation-failure',
        }
  if (own === 'dane') return { text: `tls dane: ${host} has no TLSA records that DNSSEC proves and that can be used` }
  const about = byTlsa ?? (bySts ? { ...bySts, isTest: true } : aboutOf('no-policy-found'))
  // RFC 7672 section 2.2: records that cannot be used say all the same that there is TLS.
  return dane && own !== 'required' ? { ...dane, about } : { tls: own, about }
}

interface Wanted {
  name: string | null
  domain: string
  policy: Policy | null
  own: RouteSettings['tls']
}

const presentation = ({ usage, selector, matching, data }: Tlsa): string =>
  `${usage} ${selector} ${matching} ${data.toString('hex')}`.slice(0, 300)

/** RFC 8461 section 3.2. */
const linesOf = ({ mode, mx, maxAge }: Policy): string[] => [
  'version: STSv1',
  `mode: ${mode}`,
  `max_age: ${maxAge}`,
  ...mx.map((pattern) => `mx: ${pattern}`),
]

/** Which hosts a transaction may go to: the route's own, or the MX of the recipient's domain. hosts.ts puts them in order. */
import { domainToASCII } from 'node:url'
import type { MxHost, MxLookup } from '../../clients/dns/mx.ts'
import type { SmtpTarget } from '../../clients/smtp/result.ts'
import { RouteKind } from '../../platform/codes.ts'
import { namesHost, type Policy } from '../../protocols/mta-sts/policy.ts'
import { trustOf, type OpenSecret, type Route } from '../directory/index.ts'
import type { PolicyOf } from './mta-sts.ts'
import type { TargetList } from './runner-ports.ts'

/** How the outside world is reached by routes of kind mx. */
export interface World {
  lookUpMx: MxLookup
  /** what the domain demands of those who send to it */
  policyOf: PolicyOf
  port: number
}

/** RFC 8461 section 5: nothing goes to a server that an enforced policy does not name. */
function allowed(hosts: readonly MxHost[], domain: string, policy: Policy | null): TargetList | MxHost[] {
  if (policy?.mode !== 'enforce') return [...hosts]
  const named = hosts.filter(({ host }) => namesHost(policy, host))
  if (named.length > 0) return named
  const text = `the MTA-STS policy of ${domain} names none of its mail servers (${hosts.map(({ host }) => host).join(', ')})`
  return { targets: [], refusal: { code: 0, enhanced: '4.7.5', text, failure: 'dns' } }
}

export async function findTargets(
  route: Route | undefined,
  domain: string,
  openSecret: OpenSecret,
  world: World,
): Promise<TargetList> {
  if (!route)
    return {
      targets: [],
      refusal: {
        code: 0,
        enhanced: '4.3.5',
        text: 'the route of this delivery does not exist any more',
        failure: 'dns',
      },
    }
  const { settings } = route
  const origin = settings.sourceAddresses.length > 0 ? { localAddresses: settings.sourceAddresses } : {}
  if (route.kind !== RouteKind.mx) {
    const login: Partial<SmtpTarget> =
      settings.username === undefined
        ? {}
        : {
            username: settings.username,
            ...(route.secretSealed ? { password: openSecret('secret_sealed', route.secretSealed, route.routeId) } : {}),
          }
    const trust = trustOf(route, openSecret)
    return {
      targets: settings.hosts.map(({ host, port, priority }) => ({
        host,
        port,
        priority,
        protocol: settings.protocol,
        ...trust,
        ...origin,
        ...(settings.clientAddress === 'none' ? {} : { clientAddress: settings.clientAddress }),
        ...login,
      })),
    }
  }
  const answer = await world.lookUpMx(domain)
  if (answer.kind === 'none')
    return { targets: [], refusal: { code: 556, enhanced: answer.enhanced, text: answer.text, failure: null } }
  if (answer.kind === 'later')
    return { targets: [], refusal: { code: 0, enhanced: '4.4.3', text: answer.text, failure: 'dns' } }
  // By its A-label; an address literal has no name that could have a policy.
  const policy = domain.startsWith('[') ? null : await world.policyOf(domainToASCII(domain) || domain)
  const hosts = allowed(answer.hosts, domain, policy)
  if (!Array.isArray(hosts)) return hosts
  return {
    targets: hosts.map(({ host, address, priority }) => ({
      host,
      address,
      priority,
      port: world.port,
      protocol: 'smtp',
      // Section 4.2: encrypted, with a certificate that is valid for the server's name, or not at all.
      tls: policy?.mode === 'enforce' ? 'required' : settings.tls,
      ...origin,
    })),
  }
}

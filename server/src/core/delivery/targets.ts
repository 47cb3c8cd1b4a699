/**
 * Which hosts a transaction may go to: the route's own, or the MX of the recipient's domain, and behind them those of the
 * route's second exit. hosts.ts puts them in order.
 */
import { SmtpFailure, type SmtpTarget } from '../../clients/smtp/result.ts'
import { isAuthenticated } from '../../clients/smtp/target.ts'
import { RouteKind } from '../../platform/codes.ts'
import type { MessageFacts } from '../queue/index.ts'
import { proved, trustOf, type OpenSecret, type Route } from '../directory/index.ts'
import type { RankedTarget } from './hosts.ts'
import type { TargetList } from './runner-ports.ts'
import { worldTargets, type World } from './world.ts'

/** `texts`: why each of the hosts is not used. */
const none = (texts: readonly string[]): TargetList => ({
  targets: [],
  refusal: { code: 0, enhanced: '4.7.5', text: texts.join('; ').slice(0, 1000), failure: 'dns' },
})

/** With the TLSA records of those that want them; a host without is not used while there are others. */
async function allProved(targets: RankedTarget[], world: World): Promise<TargetList> {
  if (targets.every(({ tls }) => tls !== 'dane')) return { targets }
  const found: RankedTarget[] = []
  const unused: string[] = []
  for (const target of targets)
    try {
      found.push(await proved(target, world.hostTlsa))
    } catch (error) {
      if (!(error instanceof SmtpFailure)) throw error
      unused.push(error.message)
    }
  return found.length > 0 ? { targets: found } : none(unused)
}

/** Behind every priority that a route or a DNS can name (16 bits). */
const SECOND = 100_000

interface TargetsOf {
  openSecret: OpenSecret
  /** by which it leaves while the route is shut */
  secondExit?: Route | undefined
  world: World
  /** what the sender said about TLS on the way */
  tls?: MessageFacts['tls']
}

export async function findTargets(route: Route | undefined, domain: string, how: TargetsOf): Promise<TargetList> {
  const found = await hostsOf(route, domain, how)
  const first = inTls(found, route, how)
  const exit = how.secondExit
  if (exit === undefined || isFinal(found, route)) return first
  const { targets } = inTls(await ownHosts(exit, how), exit, how)
  if (targets.length === 0) return first
  return { targets: [...first.targets, ...targets.map((one) => ({ ...one, priority: one.priority + SECOND }))] }
}

/** Each way as its own route says. */
const inTls = (found: TargetList, route: Route | undefined, { tls }: TargetsOf): TargetList =>
  tls !== 'required' || route?.settings.requireTlsTrusted ? found : keptInTls(found)

/**
 * What the other domain demands of its hosts (DANE, MTA-STS), or says of itself, is no reason to go another way: also not
 * when a host does not do it in the end, which somebody between us may have brought about.
 */
function isFinal({ targets, refusal, isDemanded }: TargetList, route: Route | undefined): boolean {
  if (route === undefined || isDemanded) return true
  if (refusal !== undefined) return refusal.failure !== 'dns'
  return route.kind === RouteKind.mx && targets.some(({ tls }) => tls !== route.settings.tls)
}

/** RFC 8689 section 4.2.1: only whose certificate is checked, and who offers the same (session.ts looks). */
function keptInTls({ targets, refusal }: TargetList): TargetList {
  if (refusal) return { targets, refusal }
  const good = targets.flatMap((target): RankedTarget[] => {
    if (isAuthenticated(target)) return [{ ...target, requireTls: true }]
    // Whoever it is will not do: somebody must vouch for it.
    return target.tls === 'none' ? [] : [{ ...target, tls: 'required', requireTls: true }]
  })
  if (good.length > 0) return { targets: good }
  const text = 'the sender demands TLS all the way (REQUIRETLS, RFC 8689), and this route goes in clear (tls none)'
  return { targets: [], refusal: { code: 550, enhanced: '5.7.30', text, failure: null } }
}

async function hostsOf(
  route: Route | undefined,
  domain: string,
  { openSecret, world, tls }: TargetsOf,
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
  if (route.kind !== RouteKind.mx) return ownHosts(route, { openSecret, world })
  const answer = await world.lookUpMx(domain)
  if (answer.kind === 'none')
    return { targets: [], refusal: { code: 556, enhanced: answer.enhanced, text: answer.text, failure: null } }
  if (answer.kind === 'later')
    return { targets: [], refusal: { code: 0, enhanced: '4.4.3', text: answer.text, failure: 'dns' } }
  const { targets, unused } = await worldTargets(world, domain, answer.hosts, {
    own: route.settings.tls,
    isTlsOptional: tls === 'optional',
  })
  if (targets.length === 0) return { ...none(unused), isDemanded: true }
  return { targets: targets.map((target) => ({ ...target, ...originOf(route) })) }
}

const originOf = ({ settings }: Route): Pick<SmtpTarget, 'localAddresses'> =>
  settings.sourceAddresses.length > 0 ? { localAddresses: settings.sourceAddresses } : {}

function ownHosts(route: Route, { openSecret, world }: Pick<TargetsOf, 'openSecret' | 'world'>): Promise<TargetList> {
  const { settings } = route
  const login: Partial<SmtpTarget> =
    settings.username === undefined
      ? {}
      : {
          username: settings.username,
          ...(route.secretSealed ? { password: openSecret('secret_sealed', route.secretSealed, route.routeId) } : {}),
        }
  const trust = trustOf(route, openSecret)
  const targets = settings.hosts.map(({ host, port, priority }) => ({
    host,
    port,
    priority,
    protocol: settings.protocol,
    ...trust,
    ...originOf(route),
    ...(settings.clientAddress === 'none' ? {} : { clientAddress: settings.clientAddress }),
    ...login,
  }))
  return allProved(targets, world)
}

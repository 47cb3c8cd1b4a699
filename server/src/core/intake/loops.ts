/**
 * What is not taken because it was here before for the same recipients: our own mark in it says so, and nobody else can make
 * it. Of a stranger it is refused, as somebody's forwarding in a circle, of which there may be many. The primary that sends
 * back what it got from us would return it to its sender: of it, it is taken, and parked for an admin (routing). The primary
 * is a listed system, or has the address of a host of the recipient's route.
 */
import type { Clock } from '../../platform/clock.ts'
import { within } from '../../platform/clock.ts'
import { WireError } from '../../platform/errors.ts'
import { matchNetworks } from '../../platform/net/networks.ts'
import type { Recipient, RouteBook } from '../directory/index.ts'
import { CANARY_MARK, type OwnId } from '../routing/index.ts'
import type { MxRecipient } from './door.ts'

/** So long the names of the primary's hosts are looked up, in this rare case; then it is a stranger. */
const LOOKUP_MS = 2_000
const MOST_HOSTS = 10

export interface LoopDeps {
  clock: Clock
  ownId: OwnId
  routes: Pick<RouteBook, 'get'>
  addressesOf: (host: string) => Promise<readonly string[]>
}

/** `client`: who sends it; null: a listed system. Throws WireError. */
export async function refuseLoops(
  deps: LoopDeps,
  recipients: readonly MxRecipient[],
  traces: readonly string[],
  { looped, client }: { looped: (recipient: Recipient) => boolean; client: { clientIp: string } | null },
): Promise<void> {
  if (traces.length === 0) return
  // Nobody's mail, wherever the primary sends it on to.
  if (recipients.some(({ recipient }) => deps.ownId.seen(recipient.organisationId, traces, CANARY_MARK)))
    throw new WireError('loop', 'it is a canary of ours, and its mailbox is to be at the mail system')
  if (client === null || !recipients.every(({ recipient }) => looped(recipient))) return
  const routes = new Set(recipients.map(({ recipient }) => recipient.routeId))
  for (const routeId of routes) if (!(await isHostOf(deps, routeId, client.clientIp))) throw refusal()
}

const refusal = (): WireError => new WireError('loop', 'it was accepted here for the same recipient before')

async function isHostOf(deps: LoopDeps, routeId: string, address: string): Promise<boolean> {
  const hosts = (deps.routes.get(routeId)?.settings.hosts ?? []).slice(0, MOST_HOSTS).map(({ host }) => host)
  const found = await within(deps.clock, LOOKUP_MS, Promise.all(hosts.map(deps.addressesOf)), refusal).catch(() => [])
  return matchNetworks(found.flat())(address)
}

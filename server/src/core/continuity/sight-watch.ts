/**
 * Whether this process can see, for the judge: reads what was seen of all routes (whoever saw it, so that two processes on
 * one database come to the same verdict), asks the references, and remembers a blindness until it is over. The rule is
 * sight.ts's. Costs nothing while no route gets worse.
 *
 * Failure: what cannot be read throws, and the judge's round ends without a change.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import { Mode } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { RouteSighting } from '../../store/evidence.ts'
import type { RouteBook } from '../directory/index.ts'
import type { Look, Worse } from './plan.ts'
import { createReferences, type AskReference } from './references.ts'
import { groupRelated } from './related.ts'
import { judgeSight, seesAgain, SIGHT_WINDOW, together, type Sighting } from './sight.ts'

export interface SightWatch {
  /** `worse`: the routes whose mode is about to get worse. */
  look(now: number, worse: readonly Worse[]): Promise<Look>
  /** Evidence from before is not judged: the end of the last blindness. */
  forgetBefore(): number
  isBlind(): boolean
  /** why it is blind; null: it sees */
  why(): string | null
  /**
   * A failure that began so long ago is our own: our references failed, so that it says nothing to other processes either; or
   * it began before we saw again, as a connection does that hung all the time.
   */
  isOurs(tookMs: number): boolean
  start(): void
  stop(): void
}

/** What is asked for the addresses of hosts, so that routes of one network are known. */
export interface KnownAddresses {
  of(host: string): readonly string[]
  refresh(hosts: Iterable<string>): Promise<void>
}

const REFRESH_MS = 1000
/** A route that was declared long ago tells nothing new by failing; by answering it does. */
const countsAsFailing: ReadonlySet<number> = new Set([Mode.normal, Mode.suspect, Mode.recovering, Mode.emergencyReach])

export function createSightWatch(deps: {
  /** what was seen of all routes in these seconds, by whichever process */
  read: (seconds: number) => Promise<readonly RouteSighting[]>
  clock: Clock
  log: Log
  routes: Pick<RouteBook, 'get' | 'all'>
  references: readonly string[]
  ask: AskReference
  addresses: KnownAddresses
  /** maintenance is planned there and its mode stays: what it answers or does not says nothing about us */
  isSetAside?: (routeId: Id) => boolean
  metrics?: Metrics
}): SightWatch {
  const { clock, log } = deps
  const references = createReferences(deps)
  const gauge = deps.metrics?.gauge('holdfast_blind', 'This process cannot see (uplink, resolver): no mode changes')
  let blind: { since: number; why: string; cutOff: boolean } | null = null
  let forgetBefore = 0
  let sawAgainAt = -Infinity
  let timer: Timer | null = null
  let refreshing = false
  gauge?.set(0)

  function grouped(rows: readonly RouteSighting[]): { groupOf: Map<Id, number>; groups: Map<number, Sighting> } {
    const groupOf = groupRelated(
      rows.map(({ routeId }) => ({
        id: routeId,
        hosts: deps.routes.get(routeId)?.settings.hosts.map(({ host }) => host) ?? [],
      })),
      (host) => deps.addresses.of(host),
    )
    const members = new Map<number, Sighting[]>()
    for (const row of rows) {
      if (deps.isSetAside?.(row.routeId)) continue
      const counts = countsAsFailing.has(row.mode)
      // So does one that somebody has pinned: they know how it is.
      if ((!counts || row.pin !== null) && row.badFrom !== null) continue
      const group = groupOf.get(row.routeId)!
      const known = members.get(group)
      if (known) known.push(sightingOf(row))
      else members.set(group, [sightingOf(row)])
    }
    return { groupOf, groups: new Map([...members].map(([group, routes]) => [group, together(routes)])) }
  }

  function begin(now: number, why: string): void {
    blind = { since: now, why, cutOff: why.startsWith('no reference') }
    gauge?.set(1)
    log.error(
      { why },
      'Holdfast cannot see: no mode changes until it can. Look at the network, the resolver and the firewall of this machine',
    )
  }

  function end(now: number): void {
    const seconds = Math.round((now - blind!.since) / 1000)
    blind = null
    forgetBefore = now
    sawAgainAt = clock.monotonic()
    gauge?.set(0)
    log.info({ seconds }, 'Holdfast sees again; what was seen before is not judged')
  }

  const lookOf = (waits: ReadonlySet<Id>): Look => ({ blind: blind?.why ?? null, forgetBefore, waits })

  async function look(now: number, worse: readonly Worse[]): Promise<Look> {
    const waits = new Set<Id>()
    if (blind === null && worse.length === 0) return lookOf(waits)
    references.hurry()
    const { groupOf, groups } = grouped(await deps.read(SIGHT_WINDOW))
    const all = [...groups.values()]
    const ages = references.ages()
    if (blind !== null) {
      if (seesAgain(all, blind.since, ages, now)) end(now)
      // What is about to get worse was judged by what is now forgotten.
      return lookOf(new Set(worse.map(({ routeId }) => routeId)))
    }
    for (const { routeId, begunAt, isReach = false } of worse) {
      // What people reach may be far away where the mail system is next door: there only a reference tells.
      if (isReach && ages.configured) {
        if (ages.goodAge >= now - begunAt) waits.add(routeId)
        continue
      }
      // It answers in between, or its group does: only part of it fails, and that we see well.
      if ((groups.get(groupOf.get(routeId) ?? -1)?.goodAt ?? -Infinity) > begunAt) continue
      const verdict = judgeSight(all, begunAt, ages, now)
      if (verdict.kind === 'blind') {
        begin(now, verdict.why)
        break
      }
      if (verdict.kind === 'unclear') waits.add(routeId)
    }
    return lookOf(waits)
  }

  function refreshAddresses(): void {
    if (refreshing) return
    refreshing = true
    const hosts = [...deps.routes.all()].flatMap(({ settings }) => settings.hosts.map(({ host }) => host))
    deps.addresses
      .refresh(hosts)
      .catch((error: unknown) => log.debug({ err: String(error) }, 'addresses of hosts are not known just now'))
      .finally(() => {
        refreshing = false
      })
  }

  return {
    look,
    forgetBefore: () => forgetBefore,
    isBlind: () => blind !== null,
    why: () => blind?.why ?? null,
    isOurs: (tookMs) => (blind === null ? tookMs > clock.monotonic() - sawAgainAt : blind.cutOff),
    start() {
      references.start()
      refreshAddresses()
      timer = clock.every(REFRESH_MS, refreshAddresses)
    },
    stop() {
      references.stop()
      timer?.cancel()
    },
  }
}

const sightingOf = (row: RouteSighting): Sighting => ({
  goodAt: row.goodAt?.getTime() ?? null,
  badFrom: row.badFrom?.getTime() ?? null,
  badAt: row.badAt?.getTime() ?? null,
})

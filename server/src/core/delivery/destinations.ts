/**
 * The destinations that mail goes to, a runner each: a route, and for routes to the world a route and a domain. A route
 * that was changed gets a new runner, so that no kept connection goes on to the old host or with the old rules; what had
 * not begun moves over, what is under way ends where it is.
 */
import type { Clock } from '../../platform/clock.ts'
import { RouteKind } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import type { Offers, OpenSecret, Route, RouteBook } from '../directory/index.ts'
import type { OutgoingMail } from '../../clients/smtp/connection.ts'
import { createHostRoom } from './host-room.ts'
import type { Job } from './job.ts'
import { createPace, type Pace } from './pace.ts'
import { createRunner } from './runner.ts'
import type { AttemptReport, Runner } from './runner-ports.ts'
import { findTargets } from './targets.ts'
import type { World } from './world.ts'

export interface Destinations {
  push(job: Job): void
  /**
   * Transactions waiting and under way for a route; where it has many destinations, of each only its share, and of all not
   * so many that nothing would be claimed any more: one that is slow does not keep the mail of others in the queue.
   */
  load(routeId: Id): number
  isBusy(): boolean
  /** What has not begun, of one route or of all. */
  takeBack(routeId?: Id): Job[]
  /** Cuts the transactions of a route whose final dot has not been sent. */
  cut(routeId: Id): void
  /** Forgets destinations without work: one for each domain ever written to would be without bound. */
  tidy(): void
  /** Ends kept connections and transactions under way. */
  stop(): void
  /** Which jobs may share a transaction. */
  keyOf: (routeId: Id, address: string) => string
}

interface Deps {
  clock: Clock
  helo: string
  routes: Pick<RouteBook, 'get' | 'secondExit'>
  openSecret: OpenSecret
  offers: Offers
  world: World
  /** left out: nobody can say */
  nameOfClient?: (ip: string) => Promise<string | null | undefined>
  mailOf(job: Job): OutgoingMail
  mayGo(job: Job): boolean
  handBack(job: Job): void
  report(report: AttemptReport): void
  onSlow(job: Job, stage: string, waitedMs: number): void
}

export const SLOW_MS = 10_000
/** A domain of the world that is back is noticed within this. */
const LONGEST_REST_MS = 60_000
/** Of one domain so much counts as load of its route, */
const SHARE = 100
/** and of all of them so much; queue-poll.ts claims up to 200. */
export const MOST_LOAD = 150
/**
 * Above it nothing more is claimed for a route: each may hold a socket, for as long as a silent host lets it wait, where all of
 * the world is silent at once.
 */
const MOST_UNDER_WAY = 3000
/** Above it, destinations without work are forgotten. */
const MOST = 500

/** How much counts as under way for a route, of what is at each of its destinations; the world's share one route. */
export function claimLoad(loads: readonly number[], isShared: boolean): number {
  const sum = loads.reduce((total, load) => total + (isShared ? Math.min(load, SHARE) : load), 0)
  return isShared && sum < MOST_UNDER_WAY ? Math.min(sum, MOST_LOAD) : sum
}

interface Destination {
  routeId: Id
  runner: Runner
  route: Route | undefined
  /** what of the route a connection depends on */
  mark: string
}

const markOf = (route: Route | undefined): string =>
  route
    ? JSON.stringify([
        route.kind,
        route.settings,
        route.secretSealed?.toString('base64'),
        route.clientTlsSealed?.toString('base64'),
      ])
    : ''
/** With the other way out: a change of it is one of the route too. */
const marksOf = (routes: Deps['routes'], route: Route | undefined): string =>
  route?.settings.secondExit === undefined ? markOf(route) : markOf(route) + markOf(routes.secondExit(route))

export function createDestinations(deps: Deps): Destinations {
  const { routes } = deps
  const open = new Map<string, Destination>()
  /** replaced, and still busy with what they had begun */
  const leaving = new Set<Destination>()
  const room = createHostRoom(deps.clock)
  const paces = new Map<Id, { perSecond: number; pace: Pace }>()

  const keyOf = (routeId: Id, address: string): string =>
    routes.get(routeId)?.kind === RouteKind.mx
      ? `${routeId} ${address.slice(address.lastIndexOf('@') + 1).toLowerCase()}`
      : routeId

  /** One for all destinations of a route: a host may serve many domains. */
  function paceOf(route: Route | undefined): Pace | undefined {
    const perSecond = route?.settings.messagesPerSecond ?? 0
    if (!route || perSecond === 0) return undefined
    const old = paces.get(route.routeId)
    if (old?.perSecond === perSecond) return old.pace
    const pace = createPace(deps.clock, perSecond)
    paces.set(route.routeId, { perSecond, pace })
    return pace
  }

  function make(key: string, job: Job): Destination {
    const { routeId, facts } = job
    const route = routes.get(routeId)
    const domain = keyOf(routeId, job.recipients[0]!.address).slice(routeId.length + 1)
    const runner = createRunner({
      ...deps,
      connections: route?.settings.connections ?? 1,
      messagesPerConnection: route?.settings.messagesPerConnection ?? 0,
      pace: paceOf(route),
      room,
      onOffer(target, offered) {
        const now = routes.get(routeId)
        if (now && now.kind !== RouteKind.mx) deps.offers.saw(now, target, offered)
      },
      onOpened(target, outcome) {
        if (target.about) deps.world.tally?.note(target.about, target, outcome)
      },
      slowMs: SLOW_MS,
      // Of a primary or smarthost, the engine knows better when it is asked again.
      ...(route?.kind === RouteKind.mx
        ? { coolDownMs: Math.min(LONGEST_REST_MS, route.settings.retryMax * 1000) }
        : {}),
      findTargets() {
        const route = routes.get(routeId)
        const secondExit = route && routes.secondExit(route)
        return findTargets(route, domain, { ...deps, secondExit, tls: facts.tls })
      },
    })
    const made = { routeId, runner, route, mark: marksOf(routes, route) }
    open.set(key, made)
    return made
  }

  function destinationOf(job: Job): Destination {
    const place = keyOf(job.routeId, job.recipients[0]!.address)
    // What is said about TLS decides which hosts are good enough, so such mail shares no connection with other mail.
    const key = job.facts.tls === undefined ? place : `${place} tls ${job.facts.tls}`
    const known = open.get(key)
    if (!known) return make(key, job)
    const route = routes.get(job.routeId)
    // The book makes new objects whenever anything in it changes.
    if (route === known.route) return known
    known.route = route
    if (marksOf(routes, route) === known.mark) return known
    leaving.add(known)
    known.runner.retire()
    const fresh = make(key, job)
    for (const waiting of known.runner.takeBack()) fresh.runner.push(waiting)
    return fresh
  }

  function* all(): Generator<Destination> {
    yield* open.values()
    yield* leaving
  }

  return {
    keyOf,
    push: (job) => destinationOf(job).runner.push(job),
    load(routeId) {
      const loads = [...all()].filter((one) => one.routeId === routeId).map(({ runner }) => runner.load())
      return claimLoad(loads, routes.get(routeId)?.kind === RouteKind.mx)
    },
    isBusy: () => [...all()].some(({ runner }) => runner.load() > 0),
    takeBack(routeId) {
      const jobs: Job[] = []
      for (const one of all()) if (routeId === undefined || one.routeId === routeId) jobs.push(...one.runner.takeBack())
      return jobs
    },
    cut(routeId) {
      for (const one of all()) if (one.routeId === routeId) one.runner.cut()
    },
    tidy() {
      for (const one of leaving) if (one.runner.load() === 0) leaving.delete(one)
      // One that may be cooling down stays for a beat.
      if (open.size > MOST) for (const [key, { runner }] of open) if (runner.isIdle()) open.delete(key)
    },
    stop() {
      for (const { runner } of all()) runner.stop()
    },
  }
}

/**
 * A stranger at a domain whose list is not complete: its mail system is asked whether it takes mail for the address
 * (promise 7). RCPT and no message; at most some at once and some in a minute to a route, and so many in an hour for one
 * client's network, so that nobody learns addresses through us or wears the mail system out. Asked about one address twice
 * at the same moment it is asked once. Answers are kept in the database, for all processes (core/directory).
 *
 * Only a route that is well is asked: one that ails may call everybody unknown. Then, and where no answer comes, what was said
 * long ago still counts for an address that was known, never against one. One that takes everybody is noticed before its first
 * answer counts, and is not asked any more.
 *
 * Failure: "unsaid", within the stated time. It is no evidence about the route: probes and deliveries are.
 */
import { isAscii } from 'node:buffer'
import { openQuestions, type Questions, type RcptAnswer } from '../../clients/smtp/questions.ts'
import { within, type Clock } from '../../platform/clock.ts'
import type { Config } from '../../platform/config/config.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { isAskedIn, noteAcceptsAll, strangerAt, type ModeBoard } from '../continuity/index.ts'
import {
  proved,
  trustOf,
  type HostTlsa,
  type LiveDirectory,
  type OpenSecret,
  type Route,
  type RouteBook,
  type Unlisted,
} from '../directory/index.ts'
import { createLines } from './lines.ts'
import { readAnswer, type Answer } from './reading.ts'

export interface Callouts {
  /** Who the address is, by its mail system. `mayAsk` is called where a question is about to be put. */
  whois(unlisted: Unlisted, mayAsk: () => boolean): Promise<Verdict>
  stop(): void
}

/** limited: it was not asked, too many questions were */
export type Verdict = Answer | 'limited'

/** So long an address about which nothing was said is not asked about again. */
const UNSAID_MS = 20_000
const MOST_UNSAID = 10_000
const MOST_HOSTS = 3
const MINUTE_MS = 60_000
const NOTE_MS = 1_000

export interface CalloutDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  config: Config['callouts']
  helo: string
  board: Pick<ModeBoard, 'standing'>
  routes: Pick<RouteBook, 'get'>
  directory: Pick<LiveDirectory, 'noteAnswer'>
  openSecret: OpenSecret
  hostTlsa: HostTlsa
  /** another one for tests */
  open?: typeof openQuestions
}

export function createCallouts(deps: CalloutDeps): Callouts {
  const { clock, config, log } = deps
  const open = deps.open ?? openQuestions
  const underWay = new Map<string, Promise<Verdict>>()
  const unsaid = new Map<string, number>()
  const asked = new Map<Id, { level: number; at: number }>()
  const counted = deps.metrics.counter('holdfast_callouts_total', 'Questions about strangers, by what was answered', [
    'answer',
  ])
  const lines = createLines<Route>({
    clock,
    mostAtOnce: config.atOnce,
    routeOf: (routeId) => deps.routes.get(routeId),
    open: openRoute,
  })

  async function openRoute(route: Route, timeoutMs: number): Promise<Questions> {
    const trust = trustOf(route, deps.openSecret)
    const { settings } = route
    const hosts = [...settings.hosts].sort((a, b) => a.priority - b.priority).slice(0, MOST_HOSTS)
    const end = clock.monotonic() + timeoutMs
    let failure: unknown = new Error('the route has no hosts')
    for (const [i, { host, port }] of hosts.entries()) {
      try {
        const target = {
          host,
          port,
          ...trust,
          protocol: settings.protocol,
          ...(settings.clientAddress === 'proxy' ? { clientAddress: 'proxy' as const } : {}),
          ...(settings.username === undefined ? {} : { username: settings.username }),
          helo: deps.helo,
          timeoutMs: Math.max(200, (end - clock.monotonic()) / (hosts.length - i)),
        }
        return await open(await proved(target, deps.hostTlsa), clock)
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  /** Not more in a minute than the route bears; a count runs off evenly. */
  function spend(routeId: Id): boolean {
    const now = clock.monotonic()
    const count = asked.get(routeId) ?? { level: 0, at: now }
    const level = Math.max(0, count.level - ((now - count.at) * config.perMinute) / MINUTE_MS)
    if (level > config.perMinute - 1) return false
    asked.set(routeId, { level: level + 1, at: now })
    return true
  }

  function keepUnsaid(key: string): void {
    unsaid.delete(key)
    unsaid.set(key, clock.monotonic() + UNSAID_MS)
    if (unsaid.size > MOST_UNSAID) unsaid.delete(unsaid.keys().next().value!)
  }

  async function put(route: Route, { recipient, asked: address }: Unlisted): Promise<Answer> {
    const stranger = strangerAt(address.slice(address.lastIndexOf('@') + 1))
    const said = await lines.use(
      { routeId: route.routeId, version: route.settings },
      config.answerWithin * 1000,
      (line, isNew, leftMs) => line.ask(recipient.address, leftMs, isNew ? stranger : undefined),
    )
    if (said === null) return 'unsaid'
    if (said.stranger && readAnswer(said.stranger) === 'known') {
      await noteAcceptsAll(deps.db, route, true)
      return 'unsaid'
    }
    return readAnswer(said.answer satisfies RcptAnswer)
  }

  async function find(route: Route, unlisted: Unlisted, key: string): Promise<Verdict> {
    const { routeId } = route
    let answer: Answer = 'unsaid'
    try {
      answer = await within(
        clock,
        config.answerWithin * 1000,
        put(route, unlisted),
        () => new Error('no answer in time'),
      )
    } catch (error) {
      log.info({ route: route.name, err: String(error) }, 'a route did not say whether it has an address')
    }
    counted.inc({ answer })
    if (answer === 'unsaid') {
      keepUnsaid(key)
      return 'unsaid'
    }
    const { recipient, asked: address } = unlisted
    const said = { organisationId: recipient.organisationId, address, routeId, known: answer === 'known' }
    // The answer holds without the note; whoever comes next asks again.
    await within(
      clock,
      NOTE_MS,
      deps.directory.noteAnswer(said, recipient.address),
      () => new Error('no database'),
    ).catch((error: unknown) => log.warn({ err: String(error) }, 'the answer about an address could not be kept'))
    return answer
  }

  const orStale = (verdict: Verdict, { stale }: Unlisted): Verdict =>
    stale === true && (verdict === 'unsaid' || verdict === 'limited') ? 'known' : verdict

  return {
    async whois(unlisted, mayAsk) {
      const { routeId, organisationId, address } = unlisted.recipient
      const route = deps.routes.get(routeId)
      // A local part in UTF-8 would need the server's SMTPUTF8: nobody asks.
      if (!route || !isAscii(Buffer.from(address)) || !isAskedIn(deps.board.standing(routeId).mode))
        return orStale('unsaid', unlisted)
      const key = `${organisationId} ${unlisted.asked}`
      const shared = underWay.get(key)
      if (shared) return orStale(await shared, unlisted)
      if ((unsaid.get(key) ?? -Infinity) > clock.monotonic()) return orStale('unsaid', unlisted)
      if (!mayAsk() || !spend(routeId)) {
        counted.inc({ answer: 'limited' })
        return orStale('limited', unlisted)
      }
      const found = find(route, unlisted, key).finally(() => underWay.delete(key))
      underWay.set(key, found)
      return orStale(await found, unlisted)
    },
    stop: () => lines.stop(),
  }
}

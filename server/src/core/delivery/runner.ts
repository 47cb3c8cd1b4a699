/**
 * One destination's work: a queue of transactions (line.ts) and up to `connections` kept connections that take from it. Kept
 * connections are what makes relaying cheap; one that the server closed meanwhile is replaced and its transaction repeated
 * (nothing of it had been sent). One whose server just said that the whole system fails is not kept, nor are those to the
 * same host: a session goes on with what it began with (Postfix after a reload), a new one sees the end of it.
 *
 * Several hosts (hosts.ts): what one of them fails to take as a whole goes to the next at once, and only when all have failed
 * is it the destination's failure; a host is not waited for as long while another stands ready. A kept connection to a
 * host of a worse priority carries nothing more once a better one is well.
 *
 * Where all connections are busy and more waits, the commands of the next transaction travel with the final dot of the one
 * before it (SendHooks.next). If that one's answer takes long, the next goes back to the queue: one slow message holds up
 * nothing. A server that loses what was said ahead is spoken to in turns from then on, and the transaction repeated.
 *
 * After a failed connect the others do not storm the hosts: for a second they fail alike. Whether the way is still open
 * is asked when a transaction begins and again when its connection stands: a switch may have come in between.
 */
import { connectionOf } from '../../clients/smtp/client-address.ts'
import { openSmtpConnection, type OutgoingMail, type SendHooks } from '../../clients/smtp/connection.ts'
import type { SmtpConnection } from '../../clients/smtp/connection.ts'
import { SmtpFailure, type RecipientResult } from '../../clients/smtp/result.ts'
import type { Capabilities } from '../../protocols/smtp/ehlo.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import {
  blamesHost,
  isConfused,
  isHostsFault,
  isOver,
  notConnected,
  notTried,
  nowhere,
  type Attempt,
} from './answers.ts'
import { createHosts, nameOf, placeOf, type RankedTarget } from './hosts.ts'
import type { Job } from './job.ts'
import { createKeptConnections, type Kept } from './kept.ts'
import { createLine } from './line.ts'
import type { Pace } from './pace.ts'

export interface TargetList {
  targets: RankedTarget[]
  /** instead of targets: the domain takes no mail (5xx) or cannot be looked up just now */
  refusal?: { code: number; enhanced: string; text: string; failure: 'dns' | null }
}

export interface AttemptReport {
  job: Job
  results: RecipientResult[]
  host: string | null
  tls: string | null
  /** the host was told whom to notify of success (DSN, RFC 3461): nobody else needs to */
  confirms: boolean
  tookMs: number
  /** false: nothing was asked of the host (it had just failed for another, or we cut it ourselves): no evidence */
  tried: boolean
}

export interface Runner {
  push(job: Job): void
  /** transactions waiting and under way */
  load(): number
  /** no work, no kept connection, no failure to remember: it may be forgotten and made anew */
  isIdle(): boolean
  /** takes back what has not begun */
  takeBack(): Job[]
  /** cuts transactions whose final dot has not been sent: they end as deferred */
  cut(): void
  /** no kept connections any more; what is under way ends in its time */
  retire(): void
  /** what is under way ends now: deferred, or unsure where the final dot was sent */
  stop(): void
}

interface Deps {
  clock: Clock
  helo: string
  connections: number
  /** messages on one connection at most; left out or 0: any number */
  messagesPerConnection?: number
  /** how fast its hosts take messages; left out: as fast as they can */
  pace?: Pace | undefined
  slowMs: number
  findTargets(): Promise<TargetList>
  mailOf(job: Job): OutgoingMail
  /** false: its route was closed meanwhile */
  mayGo(job: Job): boolean
  /** nothing of it was tried */
  handBack(job: Job): void
  report(report: AttemptReport): void
  onSlow(job: Job, stage: string): void
  /** what a host offered when a connection to it was opened */
  onOffer?(target: RankedTarget, offered: Capabilities): void
  /** a connection was made, or not */
  onOpened?(target: RankedTarget, outcome: SmtpConnection | SmtpFailure): void
  /** decides between equal hosts, 0 to 1 */
  random?: () => number
}

interface Turn {
  job: Job
  /** nameOf the host whose pace has counted it */
  paced?: string
  /** its commands have been said here */
  said?: Kept & { mail: OutgoingMail }
  /** set at its end: what was said on its connection is the next */
  next?: Turn | null
}

/** So long the next transaction waits for the answer to the one before it. */
const AHEAD_MS = 2_000
/** So long nothing is said ahead to a server that was slow. */
const SLOW_REST_MS = 60_000
/** So long nothing is said ahead to a server that did not understand it. */
const CONFUSED_REST_MS = 600_000
/** So long a connection is kept, however busy it is. */
const LONGEST_MS = 300_000
const COOL_DOWN_MS = 1_000
/** So long a host is waited for while another stands ready; RFC 5321 section 4.5.3.2 has minutes, for the last one. */
const OTHERS_READY = { connect: 10_000, greeting: 30_000, command: 30_000 }

export function createRunner(deps: Deps): Runner {
  const { clock } = deps
  const queue: Job[] = []
  const hosts = createHosts(clock, deps.random)
  const idle = createKeptConnections(clock)
  const active = new Set<SmtpConnection>()
  const wasCut = new WeakSet<SmtpConnection>()
  /** what was said on a connection that still waits for the answer to its last message */
  const ahead = new Map<SmtpConnection, { job: Job; mail: OutgoingMail }>()
  let aheadFrom = -Infinity
  let workers = 0
  let opening = 0
  let retired = false
  let down: { until: number; failure: SmtpFailure; host: string | null } | null = null
  /** the hosts, as they were found last */
  let known: RankedTarget[] = []
  const line = createLine({
    clock,
    queue,
    pace: deps.pace,
    hosts,
    known: () => known,
    isAlone: () => workers <= 1,
    wake: () => {
      if (workers < deps.connections) void work()
    },
  })

  /** All hosts of a destination want to know the client in the same way. */
  const clientKey = (job: Job): string => connectionOf(known[0]?.clientAddress, job.client)
  const hasRoom = (): boolean => idle.count() + active.size + opening < deps.connections
  /** No well host would be preferred to this one. */
  const isBest = ({ priority }: RankedTarget): boolean =>
    !known.some((other) => other.priority < priority && hosts.isWell(other))

  /** The best first; before them the one whose pace has counted this message. */
  function inOrder({ paced }: Turn): RankedTarget[] {
    const order = hosts.inOrder(known)
    const first = order.findIndex((target) => nameOf(target) === paced && hosts.isWell(target))
    return first > 0 ? [order[first]!, ...order.filter((_, i) => i !== first)] : order
  }

  /** A kept connection to the host whose turn it is; null: a new one is needed. */
  function takeKept(turn: Turn): Kept | null {
    const client = clientKey(turn.job)
    const isIts = (one: Kept): boolean => one.client === client
    const wanted = inOrder(turn)[0]
    if (wanted === undefined || known.length === 1) return idle.take(isIts)
    const its = idle.take((one) => isIts(one) && nameOf(one.target) === nameOf(wanted) && hosts.isWell(one.target))
    if (its || hasRoom()) return its
    return idle.take((one) => isIts(one) && one.target.priority <= wanted.priority && hosts.isWell(one.target))
  }

  async function open(job: Job, target: RankedTarget, isOtherReady: boolean): Promise<Kept> {
    while (!hasRoom() && idle.leaveOldest());
    opening++
    const begun = hosts.begin(target)
    const timeouts = isOtherReady ? OTHERS_READY : {}
    try {
      const connection = await openSmtpConnection({ target, helo: deps.helo, clock, client: job.client, timeouts })
      down = null
      deps.onOffer?.(target, connection.capabilities)
      deps.onOpened?.(target, connection)
      return { connection, target, client: clientKey(job), used: 0, openedAt: clock.monotonic() }
    } catch (error) {
      hosts.failed(target, begun)
      if (error instanceof SmtpFailure) deps.onOpened?.(target, error)
      throw error instanceof SmtpFailure ? error : new SmtpFailure('connect', 'dropped', (error as Error).message)
    } finally {
      opening--
    }
  }

  /** null: the way was closed before anything was sent. */
  async function attempt(turn: Turn): Promise<Attempt | null> {
    const { job, said } = turn
    const kept = said ?? takeKept(turn)
    let last: Attempt | null = null
    if (kept) {
      const report = await send(turn, kept)
      const { results } = report
      if (said !== undefined && results.every(isConfused)) aheadFrom = clock.monotonic() + CONFUSED_REST_MS
      else if (!results.every(isOver)) {
        if (known.length < 2 || !isHostsFault(report)) return report
        last = report
      }
    }
    if (!deps.mayGo(job)) return last
    const found = await deps.findTargets()
    if (found.refusal) return last ?? nowhere(job, found.refusal)
    known = found.targets
    line.goOn()
    if (!last && down && clock.monotonic() < down.until) return notConnected(job, down.failure, down.host, false)
    const used = kept ? placeOf(kept.target) : null
    const order = inOrder(turn)
    const others = last ? order.filter((target) => placeOf(target) !== used) : order
    return askInTurn(turn, others, { last, used })
  }

  /**
   * One host after the other until one has something to say about this message. `last`: what one has said already; `used`:
   * by a kept connection it was tried there.
   */
  async function askInTurn(
    turn: Turn,
    targets: RankedTarget[],
    { last, used }: { last: Attempt | null; used: string | null },
  ): Promise<Attempt | null> {
    const { job } = turn
    let answer = last
    let failure: SmtpFailure | null = null
    let host: string | null = null
    for (const [i, target] of targets.entries()) {
      if (answer && !deps.mayGo(job)) return answer
      try {
        const isOtherReady = targets.slice(i + 1).some(hosts.isWell)
        const report = await ask(turn, target, { isOtherReady, afresh: placeOf(target) === used })
        if (report === null) return answer
        if (!isHostsFault(report)) return report
        answer = report
      } catch (error) {
        if (!(error instanceof SmtpFailure)) throw error
        // What may be another the next time is the answer before what will not.
        if (failure !== null && error.isFinal) continue
        failure = error
        host = nameOf(target)
      }
    }
    if (answer) return answer
    failure ??= new SmtpFailure('dns', 'dns', 'no host is configured for this route')
    down = { until: clock.monotonic() + COOL_DOWN_MS, failure, host }
    return notConnected(job, failure, host, true)
  }

  /** Throws SmtpFailure where there is no connection. null: the way was closed meanwhile. */
  async function ask(
    turn: Turn,
    target: RankedTarget,
    { isOtherReady, afresh }: { isOtherReady: boolean; afresh: boolean },
  ): Promise<Attempt | null> {
    const client = clientKey(turn.job)
    const isFit = (one: Kept): boolean => one.client === client && placeOf(one.target) === placeOf(target)
    const kept = afresh ? null : idle.take(isFit)
    if (kept) {
      const report = await send(turn, kept)
      if (!report.results.every(isOver)) return report
    }
    const fresh = await open(turn.job, target, isOtherReady)
    if (!deps.mayGo(turn.job)) {
      release(fresh, [])
      return null
    }
    return send(turn, fresh)
  }

  async function send(turn: Turn, kept: Kept): Promise<Attempt> {
    const { job, said } = turn
    const { connection, target } = kept
    const isFresh = kept.used++ === 0
    if (turn.paced !== nameOf(target)) deps.pace?.take(nameOf(target))
    turn.paced = nameOf(target)
    const begun = hosts.begin(target)
    active.add(connection)
    let results: RecipientResult[] = []
    let impatience: Timer | null = null
    const hooks: SendHooks = {
      slowMs: deps.slowMs,
      onSlow(stage) {
        hosts.failed(target, begun)
        if (!known.some(hosts.isWell)) deps.onSlow(job, stage)
      },
      next() {
        const next = chooseNext(kept)
        if (next === null) return null
        ahead.set(connection, next)
        impatience = clock.after(AHEAD_MS, () => {
          aheadFrom = Math.max(aheadFrom, clock.monotonic() + SLOW_REST_MS)
          takeBackAhead(connection)
        })
        return next.mail
      },
    }
    try {
      const mail = said?.connection === connection ? said.mail : deps.mailOf(job)
      results = await connection.send(mail, hooks)
      const { tls, capabilities } = connection
      const tried = !wasCut.has(connection)
      const report = { job, results, host: nameOf(target), tls, confirms: capabilities.dsn, tried }
      // An idle connection that has ended, a server that was spoken to ahead in vain: that is not how the host is.
      const isHabit = (!isFresh && results.every(isOver)) || (said !== undefined && results.every(isConfused))
      if (!isHabit && isHostsFault(report)) hosts.failed(target, begun)
      else if (results.some(({ code, outcome }) => code > 0 && outcome !== 'deferred')) hosts.worked(target)
      return report
    } finally {
      ;(impatience as Timer | null)?.cancel()
      active.delete(connection)
      turn.next = release(kept, results)
    }
  }

  /** It has carried as much as one connection may, or for as long: what its host must be (TLS, MTA-STS) may be another by now. */
  const isWorn = ({ used, openedAt }: Kept): boolean =>
    used >= (deps.messagesPerConnection || Infinity) || clock.monotonic() - openedAt > LONGEST_MS

  /** What may be said ahead on this connection: where another one is free, it goes there. */
  function chooseNext(kept: Kept): { job: Job; mail: OutgoingMail } | null {
    const job = queue[0]
    if (!job || workers < deps.connections || retired || clock.monotonic() < aheadFrom || !deps.mayGo(job)) return null
    // A host with a pace is spoken to when it may take the next, not before.
    if (deps.pace !== undefined || isWorn(kept) || !isBest(kept.target)) return null
    const { connection } = kept
    const mail = deps.mailOf(job)
    if (!connection.mayFollow(mail)) return null
    queue.shift()
    return { job, mail }
  }
  /** To the head of the queue again, for the next that is free. */
  function takeBackAhead(connection: SmtpConnection): void {
    const next = ahead.get(connection)
    if (!next) return
    ahead.delete(connection)
    queue.unshift(next.job)
    if (workers < deps.connections) void work()
  }

  /** What comes next on this connection and nowhere else, if anything. */
  function release(kept: Kept, results: readonly RecipientResult[]): Turn | null {
    const { connection } = kept
    const isBetterLeft = results.length > 0 && results.every(blamesHost)
    if (isBetterLeft) idle.leave(({ target }) => placeOf(target) === placeOf(kept.target))
    const isFit = !retired && !isBetterLeft
    const next = ahead.get(connection)
    if (next !== undefined && isFit && connection.usable(next.mail)) {
      ahead.delete(connection)
      return { job: next.job, said: { ...kept, mail: next.mail } }
    }
    takeBackAhead(connection)
    if (isFit && !isWorn(kept) && connection.usable()) idle.keep(kept)
    else connection.quit()
    return null
  }

  async function work(): Promise<void> {
    workers++
    try {
      for (let turn: Turn | null = line.next(); turn; turn = turn.next ?? line.next()) {
        const { job, said } = turn
        const began = clock.monotonic()
        const isOpen = deps.mayGo(job)
        const report = isOpen ? await attempt(turn).catch((error: unknown) => notTried(job, error)) : null
        if (!isOpen) said?.connection.quit()
        if (report === null) deps.handBack(job)
        else deps.report({ tried: true, ...report, tookMs: clock.monotonic() - began })
      }
    } finally {
      workers--
    }
  }

  function retire(): void {
    retired = true
    idle.leave()
  }

  return {
    push(job) {
      queue.push(job)
      if (workers < deps.connections && !line.isPaused()) void work()
    },
    load: () => queue.length + ahead.size + workers,
    isIdle: () => queue.length + workers + idle.count() === 0 && (down === null || clock.monotonic() >= down.until),
    takeBack() {
      for (const { job } of ahead.values()) queue.unshift(job)
      ahead.clear()
      return queue.splice(0)
    },
    cut() {
      for (const connection of active) if (connection.cut()) wasCut.add(connection)
    },
    retire,
    stop() {
      retire()
      for (const connection of active) {
        wasCut.add(connection)
        connection.destroy()
      }
    },
  }
}

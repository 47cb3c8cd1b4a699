/**
 * One destination's work: a queue of transactions and up to `connections` kept connections that take from it. Kept
 * connections are what makes relaying cheap; an idle one is closed after a while, one that the server closed meanwhile is
 * replaced and its transaction repeated (nothing of it had been sent). One whose server just said that the whole system
 * fails is not kept, nor are those beside it: a session goes on with what it began with (Postfix after a reload), a new
 * one sees the end of it.
 *
 * Where all connections are busy and more waits, the commands of the next transaction travel with the final dot of the one
 * before it (SendHooks.next). If that one's answer takes long, the next goes back to the queue: one slow message holds up
 * nothing. A server that loses what was said ahead is spoken to in turns from then on, and the transaction repeated.
 *
 * After a failed connect the others do not storm the host: for a second they fail alike. Whether the way is still open
 * is asked when a transaction begins and again when its connection stands: a switch may have come in between.
 */
import {
  openSmtpConnection,
  type OutgoingMail,
  type SendHooks,
  type SmtpConnection,
} from '../../clients/smtp/connection.ts'
import { MOST_TEXT, SmtpFailure, type RecipientResult, type SmtpTarget } from '../../clients/smtp/result.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import { classifyAttempt, isBad } from '../continuity/index.ts'
import type { Job } from './job.ts'

export interface TargetList {
  targets: SmtpTarget[]
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
  slowMs: number
  findTargets(): Promise<TargetList>
  mailOf(job: Job): OutgoingMail
  /** false: its route was closed meanwhile */
  mayGo(job: Job): boolean
  /** nothing of it was tried */
  handBack(job: Job): void
  report(report: AttemptReport): void
  onSlow(job: Job, stage: string): void
}

/** The host failed a moment ago: not asked again yet. */
class Cooling extends Error {
  readonly failure: SmtpFailure
  constructor(failure: SmtpFailure) {
    super(failure.message)
    this.failure = failure
  }
}

type Attempt = Omit<AttemptReport, 'tookMs' | 'tried'> & { tried?: boolean }

interface Kept {
  connection: SmtpConnection
  host: string
}

interface Turn {
  job: Job
  /** its commands have been said here */
  said?: Kept & { mail: OutgoingMail }
  /** set at its end: what was said on its connection is the next */
  next?: Turn | null
}

const blamesHost = ({ outcome, stage, code, enhanced, text }: RecipientResult): boolean =>
  outcome === 'deferred' && isBad(classifyAttempt({ stage, code, enhanced, text }))

/** A server that does not know how to be spoken to ahead: no answer at all, or as if the command were out of place. */
const isConfused = ({ stage, failure, code }: RecipientResult): boolean =>
  stage === 'mail' && (failure === 'timeout' || (code >= 500 && code <= 503) || code === 554)
/** The server may have ended an idle connection just now (421: RFC 5321 section 3.8): it took nothing. */
const isOver = ({ stage, failure, code }: RecipientResult): boolean =>
  stage === 'mail' && (failure === 'dropped' || code === 421)

/** So long the next transaction waits for the answer to the one before it. */
const AHEAD_MS = 2_000
/** So long nothing is said ahead to a server that was slow. */
const SLOW_REST_MS = 60_000
const IDLE_MS = 20_000
const COOL_DOWN_MS = 1_000

export function createRunner(deps: Deps): Runner {
  const { clock } = deps
  const queue: Job[] = []
  const idle: (Kept & { timer: Timer })[] = []
  const active = new Set<SmtpConnection>()
  const wasCut = new WeakSet<SmtpConnection>()
  /** what was said on a connection that still waits for the answer to its last message */
  const ahead = new Map<SmtpConnection, { job: Job; mail: OutgoingMail }>()
  let aheadFrom = -Infinity
  let workers = 0
  let retired = false
  let down: { until: number; failure: SmtpFailure; host: string | null } | null = null

  function takeIdle(): Kept | null {
    for (let one = idle.pop(); one; one = idle.pop()) {
      one.timer.cancel()
      if (one.connection.usable()) return one
      one.connection.destroy()
    }
    return null
  }
  function keep({ connection, host }: Kept): void {
    const entry = {
      connection,
      host,
      timer: clock.after(
        IDLE_MS,
        () => {
          const at = idle.indexOf(entry)
          if (at >= 0) idle.splice(at, 1)
          connection.quit()
        },
        { hold: false },
      ),
    }
    idle.push(entry)
  }

  async function connect(targets: SmtpTarget[]): Promise<Kept> {
    if (down && clock.monotonic() < down.until) throw new Cooling(down.failure)
    let last = new SmtpFailure('dns', 'dns', 'no host is configured for this route')
    for (const target of targets) {
      try {
        const connection = await openSmtpConnection({ target, helo: deps.helo, clock })
        down = null
        return { connection, host: `${target.host}:${target.port}` }
      } catch (error) {
        last = error instanceof SmtpFailure ? error : new SmtpFailure('connect', 'dropped', (error as Error).message)
        down = { until: clock.monotonic() + COOL_DOWN_MS, failure: last, host: `${target.host}:${target.port}` }
      }
    }
    throw last
  }

  const same = (job: Job, result: RecipientResult): RecipientResult[] => job.recipients.map(() => result)

  /** null: the way was closed before anything was sent. */
  async function attempt(turn: Turn): Promise<Attempt | null> {
    const { job, said } = turn
    const kept = said ?? takeIdle()
    if (kept) {
      const report = await send(turn, kept)
      const { results } = report
      if (said !== undefined && results.every(isConfused)) aheadFrom = Infinity
      else if (!results.every(isOver)) return report
    }
    const found = await deps.findTargets()
    if (found.refusal) {
      const { code, enhanced, text, failure } = found.refusal
      return {
        job,
        host: null,
        tls: null,
        confirms: false,
        results: same(job, { outcome: failure ? 'deferred' : 'refused', stage: 'dns', code, enhanced, text, failure }),
      }
    }
    try {
      const fresh = await connect(found.targets)
      if (!deps.mayGo(job)) {
        release(fresh, [])
        return null
      }
      return await send(turn, fresh)
    } catch (error) {
      const cooling = error instanceof Cooling
      const failure = cooling ? error.failure : (error as SmtpFailure)
      const host = down?.host ?? null
      return {
        job,
        host,
        tls: null,
        confirms: false,
        tried: !cooling,
        results: same(job, {
          outcome: 'deferred',
          stage: failure.stage,
          code: failure.code,
          enhanced: failure.enhanced,
          text: failure.message,
          failure: failure.kind,
        }),
      }
    }
  }

  /** Ours, not the host's (a password that cannot be opened): the delivery waits and says why, the others go on. */
  function notTried(job: Job, error: unknown): Omit<AttemptReport, 'tookMs'> {
    const text = `not tried, a fault on our side: ${(error as Error).message}`.slice(0, MOST_TEXT)
    const result = {
      outcome: 'deferred',
      stage: 'connect',
      code: 0,
      enhanced: '4.3.0',
      text,
      failure: 'local',
    } as const
    return { job, host: null, tls: null, confirms: false, tried: false, results: same(job, result) }
  }

  async function send(turn: Turn, kept: Kept): Promise<Attempt> {
    const { job, said } = turn
    const { connection, host } = kept
    active.add(connection)
    let results: RecipientResult[] = []
    let impatience: Timer | null = null
    const hooks: SendHooks = {
      slowMs: deps.slowMs,
      onSlow: (stage) => deps.onSlow(job, stage),
      next() {
        const next = chooseNext(connection)
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
      return { job, results, host, tls, confirms: capabilities.dsn, tried: !wasCut.has(connection) }
    } finally {
      ;(impatience as Timer | null)?.cancel()
      active.delete(connection)
      turn.next = release(kept, results)
    }
  }

  /** What may be said ahead on this connection: where another one is free, it goes there. */
  function chooseNext(connection: SmtpConnection): { job: Job; mail: OutgoingMail } | null {
    const job = queue[0]
    if (!job || workers < deps.connections || retired || clock.monotonic() < aheadFrom || !deps.mayGo(job)) return null
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
    if (isBetterLeft) leaveIdle()
    const isFit = !retired && !isBetterLeft
    const next = ahead.get(connection)
    if (next !== undefined && isFit && connection.usable(next.mail)) {
      ahead.delete(connection)
      return { job: next.job, said: { ...kept, mail: next.mail } }
    }
    takeBackAhead(connection)
    if (isFit && connection.usable()) keep(kept)
    else connection.quit()
    return null
  }

  function oldest(): Turn | null {
    const job = queue.shift()
    return job ? { job } : null
  }

  async function work(): Promise<void> {
    workers++
    try {
      for (let turn = oldest(); turn; turn = turn.next ?? oldest()) {
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

  function leaveIdle(): void {
    for (const one of idle.splice(0)) {
      one.timer.cancel()
      one.connection.quit()
    }
  }
  function retire(): void {
    retired = true
    leaveIdle()
  }

  return {
    push(job) {
      queue.push(job)
      if (workers < deps.connections) void work()
    },
    load: () => queue.length + ahead.size + workers,
    isIdle: () => queue.length + workers + idle.length === 0 && (down === null || clock.monotonic() >= down.until),
    takeBack() {
      for (const { job } of ahead.values()) queue.unshift(job)
      ahead.clear()
      return queue.splice(0)
    },
    cut() {
      for (const connection of active) {
        wasCut.add(connection)
        connection.cut()
      }
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

/**
 * One destination's work: a queue of transactions and up to `connections` kept connections that take from it. Kept
 * connections are what makes relaying cheap; an idle one is closed after a while, one that the server closed meanwhile is
 * replaced and its transaction repeated (nothing of it had been sent). One whose server just said that the whole system
 * fails is not kept, nor are those beside it: a session goes on with what it began with (Postfix after a reload), a new
 * one sees the end of it.
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

const blamesHost = ({ outcome, stage, code, enhanced, text }: RecipientResult): boolean =>
  outcome === 'deferred' && isBad(classifyAttempt({ stage, code, enhanced, text }))

const IDLE_MS = 20_000
const COOL_DOWN_MS = 1_000

export function createRunner(deps: Deps): Runner {
  const { clock } = deps
  const queue: Job[] = []
  const idle: { connection: SmtpConnection; host: string; timer: Timer }[] = []
  const active = new Set<SmtpConnection>()
  const wasCut = new WeakSet<SmtpConnection>()
  let workers = 0
  let retired = false
  let down: { until: number; failure: SmtpFailure; host: string | null } | null = null

  function takeIdle(): { connection: SmtpConnection; host: string } | null {
    for (let one = idle.pop(); one; one = idle.pop()) {
      one.timer.cancel()
      if (one.connection.usable()) return one
      one.connection.destroy()
    }
    return null
  }
  function keep(connection: SmtpConnection, host: string): void {
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

  async function connect(targets: SmtpTarget[]): Promise<{ connection: SmtpConnection; host: string }> {
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
  async function attempt(job: Job): Promise<(Omit<AttemptReport, 'tookMs' | 'tried'> & { tried?: boolean }) | null> {
    const hooks: SendHooks = { slowMs: deps.slowMs, onSlow: (stage) => deps.onSlow(job, stage) }
    const kept = takeIdle()
    if (kept) {
      const report = await send(job, kept.connection, kept.host, hooks)
      // The server may have ended an idle connection just now (421: RFC 5321 section 3.8): it took nothing, so a new one
      // gets its turn.
      const ended = (r: RecipientResult): boolean => r.stage === 'mail' && (r.failure === 'dropped' || r.code === 421)
      if (!report.results.every(ended)) return report
    }
    const found = await deps.findTargets()
    if (found.refusal) {
      const { code, enhanced, text, failure } = found.refusal
      return {
        job,
        host: null,
        tls: null,
        results: same(job, { outcome: failure ? 'deferred' : 'refused', stage: 'dns', code, enhanced, text, failure }),
      }
    }
    try {
      const fresh = await connect(found.targets)
      if (!deps.mayGo(job)) {
        release(fresh.connection, fresh.host, [])
        return null
      }
      return await send(job, fresh.connection, fresh.host, hooks)
    } catch (error) {
      const cooling = error instanceof Cooling
      const failure = cooling ? error.failure : (error as SmtpFailure)
      const host = down?.host ?? null
      return {
        job,
        host,
        tls: null,
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
    return { job, host: null, tls: null, tried: false, results: same(job, result) }
  }

  async function send(
    job: Job,
    connection: SmtpConnection,
    host: string,
    hooks: SendHooks,
  ): Promise<Omit<AttemptReport, 'tookMs' | 'tried'> & { tried?: boolean }> {
    active.add(connection)
    let results: RecipientResult[] = []
    try {
      results = await connection.send(deps.mailOf(job), hooks)
      return { job, results, host, tls: connection.tls, tried: !wasCut.has(connection) }
    } finally {
      active.delete(connection)
      release(connection, host, results)
    }
  }
  function release(connection: SmtpConnection, host: string, results: readonly RecipientResult[]): void {
    const isBetterLeft = results.length > 0 && results.every(blamesHost)
    if (isBetterLeft) leaveIdle()
    if (connection.usable() && !retired && !isBetterLeft) keep(connection, host)
    else connection.quit()
  }

  async function work(): Promise<void> {
    workers++
    try {
      for (let job = queue.shift(); job; job = queue.shift()) {
        const began = clock.monotonic()
        const report = deps.mayGo(job) ? await attempt(job).catch((error: unknown) => notTried(job, error)) : null
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
    load: () => queue.length + workers,
    isIdle: () => queue.length + workers + idle.length === 0 && (down === null || clock.monotonic() >= down.until),
    takeBack: () => queue.splice(0),
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

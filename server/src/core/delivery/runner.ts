/**
 * One destination's work: a queue of transactions (line.ts) and up to `connections` kept connections that take from it. Kept
 * connections are what makes relaying cheap. One whose server just said that the whole system fails is not kept, nor are
 * those to the same host: a session goes on with what it began with (Postfix after a reload), a new one sees the end of it.
 * A kept connection to a host of a worse priority carries nothing more once a better one is well. Which host is asked: ask.ts.
 *
 * Where all connections are busy and more waits, the commands of the next transaction travel with the final dot of the one
 * before it (SendHooks.next). If that one's answer takes long, the next goes back to the queue: one slow message holds up
 * nothing. A server that loses what was said ahead is spoken to in turns from then on, and the transaction repeated.
 */
import type { OutgoingMail, SendHooks, SmtpConnection } from '../../clients/smtp/connection.ts'
import type { RecipientResult } from '../../clients/smtp/result.ts'
import type { Timer } from '../../platform/clock.ts'
import { blamesHost, isConfused, isHostsFault, notTried, wantsAnother, type Attempt } from './answers.ts'
import { createAsk } from './ask.ts'
import { createHostRoom, mostAtOneHost } from './host-room.ts'
import { createHosts, nameOf, placeOf } from './hosts.ts'
import type { Job } from './job.ts'
import { createKeptConnections, type Kept } from './kept.ts'
import { createLine } from './line.ts'
import type { Runner, RunnerDeps, Turn } from './runner-ports.ts'

/** So long the next transaction waits for the answer to the one before it. */
const AHEAD_MS = 2_000
/** So long nothing is said ahead to a server that was slow. */
const SLOW_REST_MS = 60_000
/** So long nothing is said ahead to a server that did not understand it. */
const CONFUSED_REST_MS = 600_000
/** So long a host that turned a connection away while others were at work is not asked for more of them. */
const NARROW_MS = 60_000
/** Where others wait for the host, a connection carries so many messages, or goes on so long, and is theirs then. */
const TURN_MESSAGES = 20
const TURN_MS = 2_000
/** So long a connection is kept, however busy it is. */
const LONGEST_MS = 300_000

export function createRunner(deps: RunnerDeps): Runner {
  const { clock } = deps
  const queue: Job[] = []
  const room = deps.room ?? createHostRoom(clock)
  const mostAtHost = mostAtOneHost(deps.connections)
  const hosts = createHosts(clock, deps.random, (target) => room.isFull(target, mostAtHost))
  const idle = createKeptConnections(clock)
  const active = new Set<SmtpConnection>()
  const wasCut = new WeakSet<SmtpConnection>()
  /** what was said on a connection that still waits for the answer to its last message */
  const ahead = new Map<SmtpConnection, { job: Job; mail: OutgoingMail }>()
  let aheadFrom = -Infinity
  let workers = 0
  /** it turns more connections away: so many until then */
  let narrow = { to: deps.connections, until: -Infinity }
  const mostWorkers = (): number =>
    clock.monotonic() < narrow.until ? Math.min(narrow.to, deps.connections) : deps.connections
  let retired = false

  const asking = createAsk({
    clock,
    hosts,
    idle,
    room,
    deps,
    isRetired: () => retired,
    active: () => active.size,
    send,
    release: (kept) => release(kept, []),
    onFound: () => line.goOn(),
    onEnough(others) {
      narrow = { to: others, until: clock.monotonic() + NARROW_MS }
    },
    isConfused({ said }, { results }) {
      if (said === undefined || !results.every(isConfused)) return false
      aheadFrom = clock.monotonic() + CONFUSED_REST_MS
      return true
    },
  })
  const line = createLine({
    clock,
    queue,
    pace: deps.pace,
    hosts,
    known: () => asking.known(),
    isAlone: () => workers <= 1,
    wake: () => {
      if (workers < mostWorkers()) void work()
    },
  })

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
      onSlow(stage, waitedMs) {
        hosts.failed(target, begun)
        if (!asking.known().some(hosts.isWell)) deps.onSlow(job, stage, waitedMs)
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
      const isHabit = (!isFresh && wantsAnother(kept, results)) || (said !== undefined && results.every(isConfused))
      if (!isHabit && isHostsFault(report)) hosts.failed(target, begun)
      else if (results.some(({ code, outcome }) => code > 0 && outcome !== 'deferred')) {
        hosts.worked(target)
        asking.worked()
      }
      return report
    } finally {
      ;(impatience as Timer | null)?.cancel()
      active.delete(connection)
      turn.next = release(kept, results)
    }
  }

  /** It has carried as much as one connection may, or for as long: what its host must be (TLS, MTA-STS) may be another by now. */
  const isWorn = ({ used, openedAt, target }: Kept): boolean => {
    const age = clock.monotonic() - openedAt
    if (used >= (deps.messagesPerConnection || Infinity) || age > LONGEST_MS) return true
    return (used >= TURN_MESSAGES || age > TURN_MS) && room.isAwaited(target)
  }

  /** What may be said ahead on this connection: where another one is free, it goes there. */
  function chooseNext(kept: Kept): { job: Job; mail: OutgoingMail } | null {
    const job = queue[0]
    if (!job || workers < mostWorkers() || retired || clock.monotonic() < aheadFrom || !deps.mayGo(job)) return null
    // A host with a pace is spoken to when it may take the next, not before.
    if (deps.pace !== undefined || isWorn(kept) || !asking.isBest(kept.target)) return null
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
    if (workers < mostWorkers()) void work()
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
    if (isFit && !isWorn(kept) && connection.usable() && !wantsAnother(kept, results)) idle.keep(kept)
    else connection.quit()
    return null
  }

  async function work(): Promise<void> {
    workers++
    try {
      for (
        let turn: Turn | null = line.next();
        turn;
        turn = turn.next ?? (workers > mostWorkers() ? null : line.next())
      ) {
        const { job, said } = turn
        const began = clock.monotonic()
        const isOpen = deps.mayGo(job)
        const report = isOpen ? await asking.ask(turn).catch((error: unknown) => notTried(job, error)) : null
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
      if (workers < mostWorkers() && !line.isPaused()) void work()
    },
    load: () => queue.length + ahead.size + workers,
    isIdle: () => queue.length + workers + idle.count() === 0 && !asking.isDown(),
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

/**
 * One message, asked of one host after the other until one has something to say about it: by a kept connection, else by a
 * new one. A kept connection that the server closed meanwhile is replaced and its transaction repeated (nothing of it had
 * been sent).
 *
 * Several hosts (hosts.ts): what one of them fails to take as a whole goes to the next at once, and only when all have failed
 * is it the destination's failure; a host is not waited for as long while another stands ready.
 *
 * After a failed connect the others do not storm the hosts: for a second they fail alike, and in the world for twice as long
 * after each that fails as well, so that thousands to one dead domain ask it now and then. Whether the way is still open
 * is asked when a transaction begins and again when its connection stands: a switch may have come in between.
 */
import { connectionOf } from '../../clients/smtp/client-address.ts'
import { openSmtpConnection } from '../../clients/smtp/connection.ts'
import { SmtpFailure } from '../../clients/smtp/result.ts'
import type { Clock } from '../../platform/clock.ts'
import { isHostsFault, notConnected, nowhere, wantsAnother, type Attempt } from './answers.ts'
import { mostAtOneHost, type HostRoom, type Place } from './host-room.ts'
import { nameOf, placeOf, type Hosts, type RankedTarget } from './hosts.ts'
import type { Job } from './job.ts'
import type { Kept, KeptConnections } from './kept.ts'
import type { RunnerDeps, Turn } from './runner-ports.ts'

export interface Ask {
  /** null: the way was closed before anything was sent. Throws what is our own fault. */
  ask(turn: Turn): Promise<Attempt | null>
  /** the hosts, as they were found last */
  known(): RankedTarget[]
  /** No well host would be preferred to this one. */
  isBest(target: RankedTarget): boolean
  /** a failure to connect is remembered */
  isDown(): boolean
  /** A message was taken, or refused by itself: failures in a row begin anew. */
  worked(): void
}

/** After one failure. */
const COOL_DOWN_MS = 1_000
/** So long a host is waited for while another stands ready; RFC 5321 section 4.5.3.2 has minutes, for the last one. */
const OTHERS_READY = { connect: 10_000, greeting: 30_000, command: 30_000 }

export function createAsk({
  clock,
  hosts,
  idle,
  room,
  deps,
  ...runner
}: {
  clock: Clock
  hosts: Hosts
  idle: KeptConnections
  room: HostRoom
  deps: Pick<
    RunnerDeps,
    'helo' | 'connections' | 'nameOfClient' | 'coolDownMs' | 'findTargets' | 'mayGo' | 'onOffer' | 'onOpened'
  >
  /** nothing begins any more */
  isRetired(): boolean
  /** connections at work */
  active(): number
  send(turn: Turn, kept: Kept): Promise<Attempt>
  /** it is not needed after all */
  release(kept: Kept): void
  /** the hosts have been looked up */
  onFound(): void
  /** Another connection was turned away while so many are there, or about to be: no more of them for a while. */
  onEnough(others: number): void
  /** What was said ahead was not understood: it is to be said again on another connection. */
  isConfused(turn: Turn, attempt: Attempt): boolean
}): Ask {
  let opening = 0
  let down: { until: number; failure: SmtpFailure; host: string | null } | null = null
  /** of the whole destination, in a row */
  let failures = 0
  let known: RankedTarget[] = []

  /** All hosts of a destination want to know the client in the same way. */
  const clientKey = (job: Job): string => connectionOf(known[0]?.clientAddress, job.client)
  const hasRoom = (): boolean => idle.count() + runner.active() + opening < deps.connections
  const isDown = (): boolean => down !== null && clock.monotonic() < down.until
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

  /** null: the way was closed before there was room at the host. */
  async function open(job: Job, target: RankedTarget, isOtherReady: boolean): Promise<Kept | null> {
    while (!hasRoom() && idle.leaveOldest());
    opening++
    const begun = hosts.begin(target)
    try {
      const place = await room.enter(
        target,
        mostAtOneHost(deps.connections),
        () => deps.mayGo(job) && !runner.isRetired(),
      )
      return place && (await connect(job, target, { place, begun, isOtherReady }))
    } finally {
      opening--
    }
  }
  async function connect(
    job: Job,
    target: RankedTarget,
    { place, begun, isOtherReady }: { place: Place; begun: number; isOtherReady: boolean },
  ): Promise<Kept> {
    const timeouts = isOtherReady ? OTHERS_READY : {}
    try {
      const connection = await openSmtpConnection({ target, helo: deps.helo, clock, client: job.client, timeouts })
      void connection.closed.then(() => place.leave())
      down = null
      failures = 0
      deps.onOffer?.(target, connection.capabilities)
      deps.onOpened?.(target, connection)
      return { connection, target, place, client: clientKey(job), used: 0, openedAt: clock.monotonic() }
    } catch (error) {
      place.leave()
      hosts.failed(target, begun)
      if (error instanceof SmtpFailure) deps.onOpened?.(target, error)
      throw error instanceof SmtpFailure ? error : new SmtpFailure('connect', 'dropped', (error as Error).message)
    }
  }

  /** Where the hosts are told the client's name. */
  async function learnName({ client }: Job): Promise<void> {
    const how = known[0]?.clientAddress
    if (client && client.name === undefined && (how === 'xclient' || how === 'xforward'))
      client.name = await deps.nameOfClient?.(client.ip)
  }

  /** null: the way was closed before anything was sent. */
  async function ask(turn: Turn): Promise<Attempt | null> {
    const { job, said } = turn
    await learnName(job)
    const kept = said ?? takeKept(turn)
    let last: Attempt | null = null
    if (kept) {
      const report = await runner.send(turn, kept)
      if (!runner.isConfused(turn, report) && !wantsAnother(kept, report.results)) {
        if (known.length < 2 || !isHostsFault(report)) return report
        last = report
      }
    }
    if (!deps.mayGo(job)) return last
    const found = await deps.findTargets()
    if (found.refusal) return last ?? nowhere(job, found.refusal)
    known = found.targets
    await learnName(job)
    runner.onFound()
    if (!last && down && isDown()) return notConnected(job, down.failure, down.host, false)
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
        const report = await askOne(turn, target, { isOtherReady, afresh: placeOf(target) === used })
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
    // It takes mail, by fewer connections than we would like: those it has are the limit for now.
    const others = runner.active() + idle.count() + opening
    if (failure.code === 421 && failure.stage === 'greeting' && others > 0) {
      runner.onEnough(others)
      return null
    }
    const longest = Math.max(COOL_DOWN_MS, deps.coolDownMs ?? 0)
    // What began together fails together: it is one failure.
    if (!isDown()) failures++
    const restMs = Math.min(longest, COOL_DOWN_MS * 2 ** Math.min(failures - 1, 20))
    down = { until: clock.monotonic() + restMs, failure, host }
    return notConnected(job, failure, host, true)
  }

  /** Throws SmtpFailure where there is no connection. null: the way was closed meanwhile. */
  async function askOne(
    turn: Turn,
    target: RankedTarget,
    { isOtherReady, afresh }: { isOtherReady: boolean; afresh: boolean },
  ): Promise<Attempt | null> {
    const client = clientKey(turn.job)
    const isFit = (one: Kept): boolean => one.client === client && placeOf(one.target) === placeOf(target)
    const kept = afresh ? null : idle.take(isFit)
    if (kept) {
      const report = await runner.send(turn, kept)
      if (!wantsAnother(kept, report.results)) return report
    }
    const fresh = await open(turn.job, target, isOtherReady)
    if (fresh === null) return null
    if (!deps.mayGo(turn.job)) {
      runner.release(fresh)
      return null
    }
    return runner.send(turn, fresh)
  }

  return {
    ask,
    known: () => known,
    isBest,
    isDown,
    worked() {
      failures = 0
    },
  }
}

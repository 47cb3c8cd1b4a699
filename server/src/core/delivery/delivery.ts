/**
 * The way out: freshly accepted mail is handed over from memory, everything else is claimed from the queue when it is
 * due, and the return (core/return) gives its own claims. One runner per destination; every attempt ends in an outcome
 * row, in evidence about the route, and nowhere else.
 *
 * States of a delivery here: leased to us -> delivered | refused | deferred | unsure. Leases are renewed while we hold
 * them; if we die they run out and become unsure, because the body may have been sent.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import { AttemptOutcome, BodyStore, EvidenceKind, Mode, RouteKind } from '../../platform/codes.ts'
import type { RecipientResult } from '../../clients/smtp/result.ts'
import type { Config } from '../../platform/config/config.ts'
import type { Database } from '../../platform/db/database.ts'
import { newId, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { giveBack, type ClaimedDelivery } from '../../store/claims.ts'
import {
  classifyAttempt,
  speaksOfMailbox,
  type Addressee,
  type EvidenceSink,
  type LiveBoard,
  type Mailboxes,
} from '../continuity/index.ts'
import type { LiveDirectory, Offers, OpenSecret, RouteBook } from '../directory/index.ts'
import type { Incoming } from '../queue/index.ts'
import { isNeverHeld, type QuietBook } from '../quiet/index.ts'
import { createDestinations, MOST_LOAD } from './destinations.ts'
import { jobBytes, jobsOfClaims, jobsOfIncoming, type Job, type JobRecipient } from './job.ts'
import { runInOrder } from './in-order.ts'
import { createLeases } from './leases.ts'
import { createMailboxFaults } from './one-mailbox.ts'
import { outgoingMail, type OutgoingMailDeps } from './outgoing-mail.ts'
import { createOutcomeWriter } from './outcome-writer.ts'
import { createPassThrough, type Watch } from './pass-through.ts'
import { createPlaces } from './places.ts'
import { prefetch } from './prefetch.ts'
import { createPutOff } from './put-off.ts'
import { createQueuePoll } from './queue-poll.ts'
import { createQuietEnd } from './quiet-end.ts'
import { createQuietGate } from './quiet-gate.ts'
import { createReadyRoom } from './ready-room.ts'
import type { AttemptReport } from './runner-ports.ts'
import { settle } from './settle.ts'
import { createTell } from './tell.ts'
import { remoteIdOf } from './wording.ts'
import type { World } from './world.ts'

export interface AttemptResult {
  deliveryId: Id
  outcome: AttemptOutcome
  /** what it says about the route */
  evidence: EvidenceKind
  text?: string
  /** false: given back, it says nothing */
  tried?: boolean
}

export interface Delivery {
  /** Room for one more message of this route to be handed over from memory; else it waits in the queue and is claimed. */
  hasRoom(routeId: Id): boolean
  /** Before the commit: where the message is passed through, its sender waits for this. */
  watch: (incoming: Incoming) => Watch | null
  /** Those who wait hear that it is ours, and nobody waits any more. */
  unwatch(): void
  /** After the commit: sends the hot deliveries of a message. */
  handOver(incoming: Incoming): void
  /**
   * Sends claimed deliveries (leased to this node), those of one person one after the other (in-order.ts). `ended` is told
   * at the end of each transaction; resolves when all outcomes are written. `isTrial`: although the route is closed.
   */
  attempt(
    claims: readonly ClaimedDelivery[],
    ended: (results: AttemptResult[]) => void,
    how?: { isTrial: boolean },
  ): Promise<void>
  /** Ask the queue now. */
  poke(): void
  start(): void
  stop(): Promise<void>
}

export interface DeliveryDeps extends OutgoingMailDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  config: Pick<Config, 'delivery' | 'hostname'>
  nodeId: Id
  routes: RouteBook
  board: Pick<LiveBoard, 'decision' | 'flow' | 'isKeptBack' | 'ofRoute' | 'onChange' | 'passage' | 'standing'>
  mailboxes: Mailboxes
  quiet: Pick<QuietBook, 'isIdle' | 'holds' | 'generation'>
  evidence: EvidenceSink
  directory: Pick<LiveDirectory, 'learn'>
  openSecret: OpenSecret
  offers: Offers
  world: World
  /** of its address (clients/dns/client-name.ts), for hosts that want to know; left out: nobody can say */
  nameOfClient?: (ip: string) => Promise<string | null | undefined>
  /** a refused message was taken out of the mailboxes of these people */
  onWithdrawn: (personIds: readonly Id[]) => void
}

/** Where a route is gone: its deliveries wait as the defaults of route-settings.ts say. */
const DEFAULT_WAITS = { retryFirst: 60, retryMax: 3600, unsureWait: 900 }
/** At a stop: for transactions to end by themselves, and for what was cut to be noted. */
const STOP_MS = 10_000
const CUT_MS = 1_000

export function createDelivery(deps: DeliveryDeps): Delivery {
  const { clock, config, routes, board } = deps
  const writer = createOutcomeWriter(deps)
  const passThrough = createPassThrough({ ...deps, tell: createTell(deps) })
  const mailboxFaults = createMailboxFaults(clock)
  const leases = createLeases(deps)
  const gate = createQuietGate({ ...deps, leases })
  const putOff = createPutOff({ ...deps, leases })
  const waiters = new Map<Job, (results: AttemptResult[], stored: Promise<unknown>) => void>()
  const learned: { organisationId: Id; address: string; routeId: Id; personId: Id | null }[] = []
  const timers: Timer[] = []
  const room = createReadyRoom(config.delivery.readyBytes)
  let stopped = false
  const finished = deps.metrics.counter('holdfast_delivery_attempts_total', 'Delivery attempts by outcome and reason', [
    'outcome',
    'reason',
  ])
  const seconds = deps.metrics.histogram(
    'holdfast_delivery_attempt_seconds',
    'Time of one transaction at the next hop',
    [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
  )

  const whose = ({ organisationId, routeId }: Job, { personId, address }: JobRecipient): Addressee => ({
    organisationId,
    routeId,
    personId,
    address,
  })
  const isOpenFor = (to: Addressee): boolean =>
    ['relay', 'attempt'].includes(board.flow(to, to.personId ? 'inboundProtected' : 'inboundOthers'))

  /** Modes are read at each attempt: a switch between claim and attempt must not let mail slip through. */
  function mayGo(job: Job): boolean {
    if (stopped || !gate.may(job)) return false
    const { mode } = board.standing(job.routeId)
    return job.recipients.every((recipient) => {
      const to = whose(job, recipient)
      // Whoever was pinned meanwhile: neither the return nor a trial goes past that.
      if (job.isTrial) return ['engine', 'mailbox'].includes(board.decision(to).by) || isOpenFor(to)
      if (job.byReturn) return !board.isKeptBack(to) && (mode === Mode.recovering || mode === Mode.normal)
      return isOpenFor(to)
    })
  }

  const destinations = createDestinations({
    clock,
    helo: config.hostname,
    routes,
    openSecret: deps.openSecret,
    offers: deps.offers,
    world: deps.world,
    ...(deps.nameOfClient ? { nameOfClient: deps.nameOfClient } : {}),
    mailOf: (job) => outgoingMail(deps, job),
    mayGo,
    handBack: (job) => void handBack([job]).catch(logged('giving back leases')),
    report,
    onSlow: ({ organisationId, routeId }, stage, waitedMs) =>
      deps.evidence.report({
        organisationId,
        routeId,
        kind: classifyAttempt({ stage: 'data', failure: 'timeout' }),
        text: `no answer at ${stage} for ${Math.round(waitedMs / 1000)} s`,
        tookMs: waitedMs,
      }),
  })

  const places = createPlaces({
    clock,
    maxAgeMs: config.delivery.maxAge * 1000,
    routes,
    keyOf: destinations.keyOf,
    left: room.left,
    isCrowded: (routeId) => destinations.load(routeId) >= MOST_LOAD,
  })

  function report(attempt: AttemptReport): void {
    const { job } = attempt
    const { organisationId, routeId } = job
    const route = routes.get(routeId)
    const isPrimary = route?.kind === RouteKind.primary
    seconds.observe(attempt.tookMs / 1000)
    const settled = settle(attempt, {
      isPrimary,
      waits: route?.settings ?? DEFAULT_WAITS,
      isOld: clock.now() - job.acceptedAt > config.delivery.maxAge * 1000,
      random: Math.random,
      isOneMailbox: (recipient) =>
        isPrimary &&
        (mailboxFaults.failed(routeId, recipient.address) || board.decision(whose(job, recipient)).by === 'mailbox'),
    })
    const told = new Set<EvidenceKind>()
    for (const { recipient, result, verdict, evidence: kind, isNews } of settled) {
      finished.inc({ outcome: result.outcome, reason: verdict.reason })
      if (isPrimary && result.outcome === 'delivered') mailboxFaults.taken(routeId, recipient.address)
      if (isPrimary && recipient.personId !== null) heard(job, recipient.personId, recipient.deliveryId, result)
      if (isNews) learned.push({ organisationId, address: recipient.address, routeId, personId: null })
      // One transaction is one observation of each kind, however many recipients it had.
      if (kind === null || told.has(kind)) continue
      told.add(kind)
      deps.evidence.report({ organisationId, routeId, kind, text: result.text, tookMs: attempt.tookMs })
    }
    const rows = settled.map(({ recipient: { deliveryId }, result, verdict }) => ({
      organisationId,
      deliveryId,
      ...verdict,
      host: attempt.host,
      code: result.code,
      enhanced: result.enhanced,
      reply: result.text,
      remoteId: remoteIdOf(result.text),
      tls: attempt.tls,
      tookMs: attempt.tookMs,
      at: clock.now(),
      ledgerId: newId(clock.now()),
      returnEventId: job.returnEventId ?? board.standing(routeId).returnEventId,
      byReturn: job.byReturn,
    }))
    const written = passThrough
      .settle(attempt, rows, (row) => writer.add(row))
      .then(() => {
        for (const { deliveryId } of rows) leases.release(deliveryId)
      })
    room.giveBack(routeId, jobBytes(job))
    places.leave(job, 'ended')
    queue.ended(routeId)
    const waiter = waiters.get(job)
    if (!waiter) return void written.catch(logged('writing outcomes'))
    waiters.delete(job)
    const results = settled.map(({ recipient, result, verdict, evidence }) => ({
      deliveryId: recipient.deliveryId,
      outcome: verdict.outcome,
      evidence: evidence ?? EvidenceKind.neutral,
      text: result.text,
      tried: attempt.tried,
    }))
    waiter(results, written)
  }

  /** What became of a person's mail says something of their mailbox. */
  function heard({ organisationId, routeId }: Job, personId: Id, deliveryId: Id, result: RecipientResult): void {
    if (result.outcome === 'delivered') deps.mailboxes.taken({ organisationId, personId, routeId })
    else if (result.outcome === 'deferred' && speaksOfMailbox(result))
      deps.mailboxes.failed({ organisationId, personId, routeId, deliveryId, stage: result.stage, text: result.text })
  }

  /** From here on its leases are renewed and its bytes count. */
  function hold(job: Job): void {
    room.take(job.routeId, jobBytes(job))
    places.take(job)
    for (const { deliveryId } of job.recipients) leases.hold({ deliveryId, organisationId: job.organisationId })
  }
  /**
   * Out of the commit or the queue: what Quiet Time holds goes back, what waited until now goes out at a pace. A promise: too
   * much waits for its destination, and it goes back untried; done when that is written.
   */
  function enter(job: Job, from: 'accept' | 'queue'): Promise<void> | null {
    if (places.isFull(job, from)) return putOff.put(job)
    const go = gate.asks(job) ? gate.part(job).go : job
    if (go === null) {
      // Nothing of it goes on, so there is room for the next at once.
      queue.ended(job.routeId)
      passThrough.untried(job.messageId)
      return null
    }
    hold(go)
    const isExempt = isNeverHeld({ ...go, envelopeFrom: go.mailFrom })
    if (go.isTrial) destinations.push(go)
    else if (go.hasWaited || (quietEnd.isBehind(go) && !isExempt)) quietEnd.push(go)
    else destinations.push(go)
    return null
  }
  const send = (job: Job): Promise<{ results: AttemptResult[]; stored: Promise<unknown> }> =>
    new Promise((resolve) => {
      waiters.set(job, (results, stored) => resolve({ results, stored: stored.catch(logged('giving back leases')) }))
      destinations.push(job)
    })
  const quietEnd = createQuietEnd({
    clock,
    mostAtOnce: (routeId) => routes.get(routeId)?.settings.connections ?? 1,
    go: async (job) => (await send(job)).results,
  })

  /** Nothing of these was tried: their leases are given back, and whoever waits for them is told. */
  async function handBack(jobs: readonly Job[]): Promise<void> {
    const untouched: Parameters<typeof giveBack>[2][number][] = []
    for (const job of jobs) {
      room.giveBack(job.routeId, jobBytes(job))
      places.leave(job, 'untried')
      passThrough.untried(job.messageId)
      for (const { deliveryId, wasUnsure } of job.recipients) {
        leases.release(deliveryId)
        untouched.push({ organisationId: job.organisationId, deliveryId, wasUnsure })
      }
    }
    const given = untouched.length > 0 ? giveBack(deps.db, deps.nodeId, untouched) : Promise.resolve()
    for (const job of jobs) {
      waiters.get(job)?.(untried(job), given)
      waiters.delete(job)
    }
    await given
  }
  const notTried = (deliveryId: Id): AttemptResult => ({
    deliveryId,
    outcome: AttemptOutcome.deferred,
    evidence: EvidenceKind.neutral,
    tried: false,
  })
  const untried = ({ recipients }: Job): AttemptResult[] => recipients.map(({ deliveryId }) => notTried(deliveryId))

  async function housekeeping(): Promise<void> {
    await leases.expire()
    destinations.tidy()
    if (learned.length > 0) await deps.directory.learn(learned.splice(0))
  }

  /** Fetched ahead as far as there is room for it; else each is read when it is sent. */
  const withBytes = (jobs: Job[]): Promise<Job[]> =>
    jobs.length === 0 ? Promise.resolve(jobs) : prefetch(deps.db, jobs, room.left(jobs[0]!.routeId)).catch(() => jobs)

  const logged =
    (what: string) =>
    (error: unknown): void =>
      deps.log.warn({ err: String(error) }, `${what} failed; it is repeated`)
  /** Work that is repeated: never twice at once, and a failure is only a line in the log. */
  const quietly = (what: string, work: () => Promise<void>) => {
    let running = false
    return (): void => {
      if (running) return
      running = true
      work()
        .catch(logged(what))
        .finally(() => {
          running = false
        })
    }
  }
  const queue = createQueuePoll({
    ...deps,
    destinations: { keyOf: destinations.keyOf, load: (id) => destinations.load(id) + quietEnd.load(id) },
    hasRoom: (routeId) => room.has(routeId),
    push: (job) => enter(job, 'queue'),
  })

  const takeBack = (routeId?: Id): Job[] => [...quietEnd.takeBack(routeId), ...destinations.takeBack(routeId)]

  board.onChange((now) => {
    const { takes, mode } = board.ofRoute(now.routeId)
    if (takes && mode !== Mode.recovering) return queue.poke()
    void handBack(takeBack(now.routeId)).catch(logged('giving back leases'))
    if (now.mode === Mode.emergency || now.mode === Mode.hold) destinations.cut(now.routeId)
  })

  async function idle(ms: number): Promise<void> {
    const until = clock.monotonic() + ms
    while (destinations.isBusy() && clock.monotonic() < until) await clock.sleep(20)
  }

  return {
    hasRoom: (routeId) => !stopped && room.has(routeId),
    watch: passThrough.watch,
    unwatch: passThrough.stop,
    handOver(incoming) {
      const store =
        incoming.body.kind === 'blob'
          ? BodyStore.blob
          : incoming.body.kind === 'chunks'
            ? BodyStore.chunks
            : BodyStore.row
      const begin = (): void => {
        for (const job of jobsOfIncoming(incoming, destinations.keyOf, store)) void enter(job, 'accept')
      }
      if (incoming.deliveries.every((delivery) => routes.get(delivery.routeId) !== undefined)) begin()
      // The directory knew a new route before our book of them did.
      else void routes.refresh().then(begin, begin)
    },
    async attempt(claims, ended, { isTrial } = { isTrial: false }) {
      // Ours from here on, also while their bytes are fetched.
      for (const claim of claims) leases.hold(claim)
      const returnEventId = claims[0] ? board.standing(claims[0].routeId).returnEventId : null
      const stores: Promise<unknown>[] = []
      const open = jobsOfClaims(claims, destinations.keyOf, { returnEventId, byReturn: true, isTrial }).flatMap(
        (job) => {
          if (!gate.asks(job)) return job
          const { go, held, stored } = gate.part(job)
          if (held.length > 0) ended(held.map(notTried))
          stores.push(stored)
          return go ?? []
        },
      )
      const jobs = await withBytes(open)
      // What waits for its turn is leased all the same.
      for (const job of jobs) hold(job)
      await runInOrder(jobs, {
        ended,
        async go(job) {
          const { results, stored } = await send(job)
          stores.push(stored)
          return results
        },
        leave(job) {
          stores.push(handBack([job]).catch(logged('giving back leases')))
          return untried(job)
        },
      })
      await Promise.all(stores)
    },
    poke: queue.poke,
    start() {
      timers.push(clock.every(config.delivery.poll * 1000, queue.poke))
      const lookAfter = quietly('looking after leases', housekeeping)
      timers.push(clock.every(2_000, lookAfter))
      timers.push(
        clock.every(
          (config.delivery.lease * 1000) / 3,
          quietly('renewing leases', () => leases.renew()),
        ),
      )
      lookAfter()
      queue.poke()
    },
    async stop() {
      stopped = true
      queue.stop()
      for (const timer of timers) timer.cancel()
      passThrough.stop()
      // Without the database the leases run out by themselves.
      await handBack(takeBack()).catch(() => undefined)
      await idle(STOP_MS)
      destinations.stop()
      await idle(CUT_MS)
      await gate.stop()
      await putOff.stop()
      await writer.stop(5_000)
    },
  }
}

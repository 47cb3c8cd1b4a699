/**
 * The engine, wired: board, evidence, judge, probes and pins of one process. Every process has a board and a sink for
 * evidence; only those with `judging` (role work) take judge leases, probe and run returns.
 */
import type { Clock } from '../../platform/clock.ts'
import { EvidenceKind, RouteKind } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { createAddressBook } from '../../clients/dns/addresses.ts'
import { askReference } from '../../clients/reference.ts'
import { failedProbe, probeSmtp } from '../../clients/smtp/probe.ts'
import { sightingsOf } from '../../store/evidence.ts'
import { noteHosts } from '../../store/route-hosts.ts'
import { proved, type HostTlsa, type Offers, type OpenSecret, type RouteBook } from '../directory/index.ts'
import { noteAcceptsAll } from './accept-all.ts'
import { createCanaryBack, type CanaryBack } from './canary-notice.ts'
import { createCanaryProber, lookIntoBoxBy, type CanaryMarks, type LookIntoBox } from './canary-prober.ts'
import { createCanarySender, type SendCanary } from './canary-send.ts'
import { createHostWatch } from './host-watch.ts'
import { createModeBoard, type LiveBoard } from './board.ts'
import { createEvidenceSink, type RunningEvidence } from './evidence.ts'
import { createJudge, type Judge } from './judge.ts'
import { isBad, isOfBefore } from './observation.ts'
import { createOverviews, type Overviews, type RouteOverview } from './overview.ts'
import { createPauseWatch } from './pause.ts'
import { createMailboxWatch, type Mailboxes } from './mailbox-watch.ts'
import { createPins, type Pins } from './pins.ts'
import { createProber, nothingSealed, type ProbeSmtp } from './probe.ts'
import { sensitivities } from './sensitivity.ts'
import { createProbeAlarms } from './probe-alarms.ts'
import { askReachBy, createReachProber, type AskReach } from './reach-prober.ts'
import { createReportDesk, type ReportDesk } from './report-desk.ts'
import { createReportWatch, type ReportWatch } from './report-watch.ts'
import type { AskReference } from './references.ts'
import { createSightWatch, type KnownAddresses } from './sight-watch.ts'

const badKinds = Object.values(EvidenceKind).filter(isBad)
import type { UpkeepOf } from './upkeep.ts'

export interface Continuity {
  board: LiveBoard
  evidence: RunningEvidence
  judge: Judge
  pins: Pins
  /** people say that they cannot reach their mail */
  reports: ReportDesk
  reportWatch: ReportWatch
  mailboxes: Mailboxes
  overview(organisationId: Id): Promise<RouteOverview[]>
  returnNumbers: Overviews['returnNumbers']
  /** A notice about a canary has come. */
  canaryBack: CanaryBack
  /** A probe of a route was answered well. */
  onAnswer(listener: (routeId: Id) => void): void
  start(): Promise<void>
  stop(): Promise<void>
}

export function createContinuity(deps: {
  db: Database
  clock: Clock
  log: Log
  nodeId: Id
  routes: RouteBook
  /** name in EHLO */
  helo: string
  metrics?: Metrics
  judging?: boolean
  /** planned maintenance; left out: there is none */
  upkeep?: UpkeepOf
  /** learns from probes */
  offers?: Offers
  /** left out where nothing is probed */
  openSecret?: OpenSecret
  probe?: ProbeSmtp
  askReach?: AskReach
  /** left out: no canaries are sent */
  canaryMarks?: CanaryMarks
  sendCanary?: SendCanary
  lookIntoBox?: LookIntoBox
  /** name servers; none: the system's */
  dnsServers?: readonly string[]
  /** for routes with `tls: dane`; left out: their probes find no records */
  hostTlsa?: HostTlsa
  /** hosts that tell whether it is we who cannot see */
  references?: readonly string[]
  askReference?: AskReference
  addresses?: KnownAddresses
}): Continuity {
  const { clock, log, routes } = deps
  // Modes are judged and read by connections of their own, whatever people search for meanwhile; pages use the pool.
  const db = deps.db.vital
  const judging = deps.judging ?? true
  const pause = createPauseWatch(clock)
  const board = createModeBoard({ db, clock, log })
  const measured = deps.metrics ? { metrics: deps.metrics } : {}
  const sight = createSightWatch({
    read: (seconds) => sightingsOf(db, seconds, badKinds),
    clock,
    log,
    routes,
    references: deps.references ?? [],
    ask: deps.askReference ?? ((reference, timeoutMs) => askReference(reference, timeoutMs, clock)),
    addresses: deps.addresses ?? createAddressBook(clock),
    isSetAside: (routeId) => {
      const route = routes.get(routeId)
      return route !== undefined && deps.upkeep?.(route.organisationId, routeId)?.modes === 'stay'
    },
    ...measured,
  })
  const isOver = (routeId: Id, tookMs: number): boolean =>
    sight.isOurs(tookMs) || isOfBefore(board.standing(routeId), clock.now() - tookMs)
  const evidence = createEvidenceSink({ db, clock, log, pause, isOver, ...measured })
  const judge = createJudge({
    db,
    clock,
    log,
    nodeId: deps.nodeId,
    board,
    routes,
    pause,
    sight,
    ...(deps.upkeep ? { upkeep: deps.upkeep } : {}),
  })
  const mailboxes = createMailboxWatch({
    db,
    clock,
    log,
    board,
    judged: () => judge.judged(),
    numbersOf: (routeId) => sensitivities[routes.get(routeId)?.settings.sensitivity ?? 'balanced'],
    nameOf: (routeId) => routes.get(routeId)?.name ?? routeId,
    ...measured,
  })
  const answers: ((routeId: Id) => void)[] = []
  const hostTlsa: HostTlsa = deps.hostTlsa ?? (() => Promise.resolve({ kind: 'none' }))
  const probe: ProbeSmtp = (target) => proved(target, hostTlsa).then((ready) => probeSmtp(ready, clock), failedProbe)
  const hosts = createHostWatch({
    clock,
    log,
    judged: () => judge.judged(),
    write: (answers) => noteHosts(db, answers),
  })
  const prober = createProber({
    clock,
    routes,
    board,
    evidence,
    judged: () => judge.judged(),
    probe: deps.probe ?? probe,
    openSecret: deps.openSecret ?? nothingSealed,
    helo: deps.helo,
    ...(deps.offers ? { onOffer: deps.offers.saw } : {}),
    onAnswer(routeId) {
      if (!judge.losesMail(routeId)) answers.forEach((listener) => listener(routeId))
    },
    onHost: (route, at, { good, text }) => {
      if (good !== null) hosts.saw(route, at, { good, text })
    },
    onStranger: (route, isTaken) => {
      noteAcceptsAll(db, route, isTaken).catch((error: unknown) =>
        log.warn({ err: String(error), route: route.name }, 'what a probe found out could not be stored; asked again'),
      )
    },
  })
  const reachProber = createReachProber({
    clock,
    log,
    routes,
    board,
    evidence,
    judged: () => judge.judged(),
    ask: deps.askReach ?? askReachBy(clock, deps.dnsServers),
    alarms: createProbeAlarms({ db: deps.db, clock, log, judges: (routeId) => judge.judges(routeId) }),
    openSecret: deps.openSecret ?? nothingSealed,
  })
  const openSecret = deps.openSecret ?? nothingSealed
  const canaryProber =
    deps.canaryMarks &&
    createCanaryProber({
      clock,
      log,
      routes,
      board,
      evidence,
      judged: () => judge.judged(),
      marks: deps.canaryMarks,
      send: deps.sendCanary ?? createCanarySender({ clock, helo: deps.helo, openSecret, hostTlsa }),
      look: deps.lookIntoBox ?? lookIntoBoxBy(clock),
      openSecret,
    })
  const reportWatch = createReportWatch({
    db,
    clock,
    log,
    routes,
    board,
    evidence,
    judges: (routeId) => judge.judges(routeId),
    hurry: (routeId) => {
      prober.hurry(routeId)
      reachProber.hurry(routeId)
    },
  })
  const overviews = createOverviews({ db: deps.db, clock, routes })
  const gauge = deps.metrics?.gauge('holdfast_route_mode', 'Mode of each primary route, as a number', ['route'])
  board.onChange((now) => {
    overviews.changed(now.organisationId)
    const route = routes.get(now.routeId)
    if (route?.kind === RouteKind.primary) gauge?.set({ route: route.name }, now.mode)
  })

  return {
    board,
    evidence,
    judge,
    pins: createPins({ db, clock, judge, board }),
    reports: createReportDesk({ db: deps.db, clock, log, ...measured }),
    reportWatch,
    mailboxes,
    overview: overviews.routes,
    returnNumbers: overviews.returnNumbers,
    canaryBack: createCanaryBack({ clock, log, routes, evidence }),
    onAnswer: (listener) => void answers.push(listener),
    async start() {
      pause.start()
      await board.start()
      evidence.start()
      mailboxes.start(judging)
      if (!judging) return
      sight.start()
      await judge.tick()
      judge.start()
      prober.start()
      reachProber.start()
      canaryProber?.start()
      hosts.start()
      reportWatch.start()
    },
    async stop() {
      reportWatch.stop()
      prober.stop()
      reachProber.stop()
      canaryProber?.stop()
      hosts.stop()
      sight.stop()
      await judge.stop()
      await mailboxes.stop()
      await evidence.stop().catch(() => undefined)
      await board.stop()
      pause.stop()
    },
  }
}

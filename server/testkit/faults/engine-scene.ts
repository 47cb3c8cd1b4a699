/**
 * The judgement of several routes on a fake clock: the real prober, window, machine and watch over our own sight, against
 * primaries that meet every attempt as a row of the fault table says. No database and no socket: evidence is counted in
 * memory as the table has it, and the judge's round is imitated once a second with the judge's own plans.
 */
import type { ProbeResult, ProbeTarget } from '../../src/clients/smtp/probe.ts'
import { classifyAttempt } from '../../src/core/continuity/classify.ts'
import {
  step,
  stepChanges,
  freshState,
  type MachineEvent,
  type MachineState,
  type Step,
} from '../../src/core/continuity/machine.ts'
import type { ModeName } from '../../src/core/continuity/mode-table.ts'
import { isBad, isOfBefore } from '../../src/core/continuity/observation.ts'
import { createOwnTrouble } from '../../src/core/continuity/own-trouble.ts'
import { canaryPlan } from '../../src/core/continuity/canary.ts'
import { createCanaryProber } from '../../src/core/continuity/canary-prober.ts'
import { verdict } from '../../src/core/continuity/canary-send.ts'
import type { HeardCount } from '../../src/core/continuity/reach.ts'
import { reached } from '../../src/clients/reach/result.ts'
import { createPauseWatch } from '../../src/core/continuity/pause.ts'
import { planStep, underLook, worsening, type Plan } from '../../src/core/continuity/plan.ts'
import { createProber } from '../../src/core/continuity/probe.ts'
import { longestWindow, rulesOf, type SensitivityName } from '../../src/core/continuity/sensitivity.ts'
import type { Question } from '../../src/core/continuity/switching.ts'
import { createSightWatch } from '../../src/core/continuity/sight-watch.ts'
import { automatic, routeSettingsSchema, type Route, type Switching } from '../../src/core/directory/index.ts'
import { EvidenceKind, Mode, RouteKind } from '../../src/platform/codes.ts'
import { silentLog } from '../../src/platform/log.ts'
import type { ModeRecord } from '../../src/store/modes.ts'
import type { RouteSighting } from '../../src/store/evidence.ts'
import { fakeClock, type FakeClock } from '../fake-clock.ts'
import type { FaultClass, Meets } from './fault-table.ts'

export interface SceneRoute {
  name: string
  hosts: string[]
  sensitivity?: SensitivityName
  /** a round trip is asked for */
  roundTrip?: boolean
  /** a canary is handed over now and then */
  canary?: boolean
  /** messages a second; 0: only probes */
  mail?: number
  /** what the engine may do by itself; left out: all */
  switching?: Switching
}

export interface SceneOptions {
  routes: readonly SceneRoute[]
  seed?: number
  references?: readonly string[]
}

interface Actor {
  route: Route
  mail: number
  state: MachineState
  counts: HeardCount[]
  /** canaries on their way into the mailbox: when they are there */
  box: Map<string, number>
  fault: FaultClass | null
  /** hosts of it that are dead by themselves */
  deadHosts: Set<string>
  underWay: number
  /** of those, begun before this mode */
  stuck: number
  seen: { at: number; mode: ModeName }[]
  asked: Question[]
}

export interface EngineScene {
  clock: FakeClock
  /** left out: of all routes */
  setFault(fault: FaultClass | null, name?: string): void
  killHost(name: string, host: string): void
  setReferences(answer: boolean): void
  mode(name: string): ModeName
  state(name: string): MachineState
  isBlind(): boolean
  /** every change of a mode since the beginning, oldest first */
  seen(name: string): readonly { at: number; mode: ModeName }[]
  changes(): number
  drained(name: string): void
  /** a person says yes to the question that stands */
  agree(name: string): void
  /** questions that were asked since the beginning */
  asked(name: string): readonly Question[]
  stop(): void
}

const deadHost: Meets = { stage: 'connect', text: 'connect ECONNREFUSED' }
const CANARIES_KEPT = 7200
const MOST_UNDER_WAY = 20
const SLOW_SECONDS = 10
const MOST_SLOW_SECONDS = 90

/** Numbers that repeat, so that a failure can be looked at. */
export function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

const trip = {
  name: 'trip',
  kind: 'roundTrip',
  address: 'canary@example.test',
  host: 'imap.test',
  username: 'canary@example.test',
}

function routeOf(id: string, wish: SceneRoute): Route {
  const { name, hosts, sensitivity = 'balanced', switching = automatic, roundTrip, canary } = wish
  return {
    organisationId: 'o',
    routeId: id,
    name,
    kind: RouteKind.primary,
    settings: routeSettingsSchema.parse({
      hosts: hosts.map((host, priority) => ({ host, priority })),
      sensitivity,
      ...(roundTrip ? { reach: [trip] } : {}),
      ...(canary ? { probe: { canary: { address: 'canary@example.test' } } } : {}),
    }),
    secretSealed: null,
    clientTlsSealed: null,
    reachSealed: null,
    switching,
    offers: {},
    offer: null,
    wayBack: 1,
    domain: 'example.test',
  }
}

const recordOf = ({ route, state }: Actor, now: Date): ModeRecord & { now: Date } => ({
  organisationId: 'o',
  routeId: route.routeId,
  kind: RouteKind.primary,
  mode: Mode[state.mode],
  since: new Date(state.since),
  version: 1,
  cause: '',
  detail: null,
  pin: null,
  pinReason: null,
  pinAuthor: null,
  pinUntil: null,
  // As it was stored and read again.
  memory: JSON.parse(JSON.stringify(state.memory)),
  judge: null,
  returnEventId: state.eventOpen ? 'e' : null,
  now,
})

function sighting({ route, state, counts }: Actor, from: number, now: number): RouteSighting {
  const at = (kinds: (kind: EvidenceKind) => boolean, after: number): number[] =>
    counts.filter((c) => c.second > after && c.second <= now && kinds(c.kind)).map((c) => c.second)
  const good = at((kind) => kind === EvidenceKind.good || kind === EvidenceKind.probeGood, from)
  const goodAt = good.length > 0 ? Math.max(...good) : null
  const bad = at(isBad, goodAt ?? from)
  const date = (ms: number | null): Date | null => (ms === null ? null : new Date(ms))
  return {
    routeId: route.routeId,
    mode: Mode[state.mode],
    pin: null,
    goodAt: date(goodAt),
    badFrom: date(bad.length > 0 ? Math.min(...bad) : null),
    badAt: date(bad.length > 0 ? Math.max(...bad) : null),
  }
}

export function engineScene(options: SceneOptions): EngineScene {
  const clock = fakeClock()
  const ownTrouble = createOwnTrouble(clock)
  const random = dice(options.seed ?? 1)
  const actors = new Map<string, Actor>()
  options.routes.forEach((wish) => {
    const route = routeOf(wish.name, wish)
    const state = freshState(clock.now())
    const base = {
      fault: null,
      deadHosts: new Set<string>(),
      underWay: 0,
      stuck: 0,
      seen: [],
      asked: [],
      counts: [],
      box: new Map<string, number>(),
    }
    actors.set(route.routeId, { route, mail: wish.mail ?? 0, state, ...base })
  })
  const actorOf = (id: string): Actor => actors.get(id)!
  let referencesAnswer = true
  let faultFrom = 0
  const listeners: ((now: never, before: never) => void)[] = []
  const standingOf = ({ route, state }: Actor, mode = state.mode): never =>
    ({
      organisationId: 'o',
      routeId: route.routeId,
      mode: Mode[mode],
      since: 0,
      pin: null,
      version: 0,
      returnEventId: null,
    }) as never

  function report(actor: Actor, kind: EvidenceKind, text: string, tookMs = 0, probe = ''): void {
    const { mode, since } = actor.state
    const begunAt = clock.now() - tookMs
    if (pause.isAway()) return
    if (
      (isBad(kind) || kind === EvidenceKind.canaryBad) &&
      (sight.isOurs(tookMs) || isOfBefore({ mode: Mode[mode], since }, begunAt))
    )
      return
    if (ownTrouble.explains(actor.route.routeId, kind, tookMs)) return
    const second = Math.floor(clock.now() / 1000) * 1000
    const known = actor.counts.findLast((c) => c.second === second && c.kind === kind && c.probe === probe)
    if (known) known.seen += 1
    else actor.counts.push({ second, kind, probe, seen: 1, text })
  }

  /** What the next attempt at this primary meets, just now. */
  function meets({ fault }: Actor, what: 'probe' | 'delivery'): Meets {
    if (!fault) return 'well'
    if (fault.flap && Math.floor((clock.now() - faultFrom) / 1000 / fault.flap) % 2 === 1) return 'well'
    if (fault.share !== undefined && random() >= fault.share) return 'well'
    return fault[what]
  }

  async function answer(target: ProbeTarget): Promise<ProbeResult> {
    const began = clock.monotonic()
    const took = (): number => clock.monotonic() - began
    const actor = [...actors.values()].find(({ route }) =>
      route.settings.hosts.some(({ host }) => host === target.host),
    )!
    const met = actor.deadHosts.has(target.host) ? deadHost : meets(actor, 'probe')
    if (met === 'well') return { ok: true, stage: 'rcpt', code: 250, text: '250 ok', tookMs: took() }
    const after = (met.after ?? 0) * 1000
    if (after > 0) await clock.sleep(Math.min(after, target.timeoutMs))
    const { stage, text } = met
    const code = met.code === undefined ? {} : { code: met.code }
    const enhanced = met.enhanced === undefined ? {} : { enhanced: met.enhanced }
    return { ok: false, stage, text, ...code, ...enhanced, tookMs: took() }
  }

  /** One message: tried at once, and what it meets is evidence; what hangs is told every ten seconds. */
  async function deliver(actor: Actor): Promise<void> {
    // The return begins with few at once.
    if (actor.underWay >= (actor.state.mode === 'recovering' ? actor.stuck + 2 : MOST_UNDER_WAY)) return
    actor.underWay += 1
    try {
      const met = meets(actor, 'delivery')
      if (met === 'well') return report(actor, EvidenceKind.good, '')
      const after = met.after ?? 0
      let waited = 0
      for (; after - waited > SLOW_SECONDS && waited < MOST_SLOW_SECONDS; waited += SLOW_SECONDS) {
        await clock.sleep(SLOW_SECONDS * 1000)
        report(actor, EvidenceKind.timeout, `no answer at ${met.stage}`, (waited + SLOW_SECONDS) * 1000)
      }
      if (after > 0) await clock.sleep((after - waited) * 1000)
      report(actor, classifyAttempt(met), met.text, after * 1000)
    } finally {
      actor.underWay -= 1
    }
  }

  function traffic(): void {
    for (const actor of actors.values()) {
      // In an emergency mail waits; while a route recovers the return brings what there is.
      if (actor.state.mode === 'emergency' || actor.state.mode === 'hold' || actor.mail === 0) continue
      const whole = Math.floor(actor.mail)
      const count = whole + (random() < actor.mail - whole ? 1 : 0)
      for (let i = 0; i < count; i++) void deliver(actor)
    }
  }

  const pause = createPauseWatch(clock)
  pause.start()
  let pausesSeen = 0
  const sight = createSightWatch({
    read: (seconds) =>
      Promise.resolve([...actors.values()].map((actor) => sighting(actor, clock.now() - seconds * 1000, clock.now()))),
    clock,
    log: silentLog,
    routes: { get: (id) => actors.get(id)?.route, all: () => [...actors.values()].map(({ route }) => route) },
    references: options.references ?? [],
    ask: () => (referencesAnswer ? Promise.resolve() : Promise.reject(new Error('no answer'))),
    addresses: { of: () => [], refresh: () => Promise.resolve() },
  })

  function take(actor: Actor, { state, effects }: Step): void {
    const before = actor.state.mode
    for (const effect of effects) if (effect.kind === 'asked') actor.asked.push(effect.question)
    actor.state = state
    if (state.mode === before) return
    actor.stuck = actor.underWay
    actor.seen.push({ at: clock.now(), mode: state.mode })
    for (const run of listeners) run(standingOf(actor), standingOf(actor, before))
  }

  function tell(name: string, event: MachineEvent): void {
    const actor = actorOf(name)
    take(actor, step(actor.state, event, rulesOf(actor.route), clock.now()))
  }

  async function round(): Promise<void> {
    const now = clock.now()
    if (pause.isAway()) return
    const blindText = pause.times() === pausesSeen ? '' : 'the clock moved'
    pausesSeen = pause.times()
    const told = { blindText, forgetBefore: sight.forgetBefore(), probes: [], planned: null, isProbed: true }
    const plans = [...actors.values()].map((actor): Plan => {
      actor.counts = actor.counts.filter(
        (c) => c.second > now - 1000 * (c.kind >= EvidenceKind.probeRefused ? CANARIES_KEPT : longestWindow),
      )
      const plan = canaryPlan(actor.route)
      const canary = plan && { plan, counts: actor.counts.filter((c) => c.kind >= EvidenceKind.probeRefused) }
      const numbers = rulesOf(actor.route)
      return planStep(recordOf(actor, new Date(now)), actor.counts, numbers, { ...told, canary })
    })
    const look = blindText === '' ? await sight.look(now, worsening(plans, now)) : null
    for (const plan of plans) {
      const actor = actorOf(plan.record.routeId)
      const numbers = rulesOf(actor.route)
      const left = look === null ? plan : underLook(plan, look, numbers, now)
      if (left !== null && stepChanges(left.state, left.next)) take(actor, left.next)
    }
  }

  const prober = createProber({
    clock,
    routes: { get: (id) => actors.get(id)?.route },
    board: { standing: (id) => standingOf(actorOf(id)), onChange: (run) => void listeners.push(run) },
    evidence: { report: ({ routeId, kind, text, tookMs }) => report(actorOf(routeId), kind, text ?? '', tookMs) },
    judged: () => actors.keys(),
    helo: 'holdfast.test',
    random,
    probe: answer,
  })
  const canaryProber = createCanaryProber({
    clock,
    log: silentLog,
    routes: { get: (id) => actors.get(id)?.route },
    board: { standing: (id) => standingOf(actorOf(id)) },
    evidence: {
      report: ({ routeId, kind, text, tookMs, probe }) => report(actorOf(routeId), kind, text ?? '', tookMs, probe),
    },
    judged: () => actors.keys(),
    marks: { hostname: 'holdfast.test', sender: () => 'x@holdfast.test', mark: (id) => id, trace: () => '' },
    async send({ routeId }, { token }) {
      const actor = actorOf(routeId)
      const met = meets(actor, 'delivery')
      if (met === 'well') {
        const { box = 0 } = actor.fault ?? {}
        if (box !== 'gone') actor.box.set(token, clock.now() + 1000 * (box === 'refused' ? 0 : box))
        return { outcome: 'good', text: '250 taken' }
      }
      await clock.sleep(1000 * Math.min(met.after ?? 0, 60))
      const { stage, text, code = 0, enhanced = null } = met
      const failure =
        met.failure === 'timeout' || met.failure === 'dropped' ? met.failure : code === 0 ? 'refused' : null
      return verdict({ outcome: 'deferred', stage, code, enhanced, text, failure }, text)
    },
    look(_, { mark }) {
      const actor = actorOf(mark)
      if (actor.fault?.box === 'refused') return Promise.resolve(reached('refused', 'the password has expired'))
      const tokens = [...actor.box].flatMap(([token, at]) => (at <= clock.now() ? [token] : []))
      for (const token of tokens) actor.box.delete(token)
      return Promise.resolve({ tokens, next: { uid: 1, validity: '1' } })
    },
    openSecret: () => '{}',
    random,
  })
  clock.every(1000, traffic)
  clock.every(1000, () => void round())
  prober.start()
  canaryProber.start()
  sight.start()

  return {
    clock,
    setFault(fault, name) {
      faultFrom = clock.now()
      for (const actor of actors.values()) if (name === undefined || actor.route.name === name) actor.fault = fault
    },
    killHost: (name, host) => void actorOf(name).deadHosts.add(host),
    setReferences: (answers) => {
      referencesAnswer = answers
    },
    mode: (name) => actorOf(name).state.mode,
    state: (name) => actorOf(name).state,
    isBlind: () => sight.isBlind(),
    seen: (name) => actorOf(name).seen,
    changes: () => [...actors.values()].reduce((n, { seen }) => n + seen.length, 0),
    drained: (name) => tell(name, { kind: 'drained' }),
    agree(name) {
      const { question } = actorOf(name).state.memory
      if (question !== null) tell(name, { kind: 'answer', direction: question.direction })
    },
    asked: (name) => actorOf(name).asked,
    stop() {
      prober.stop()
      canaryProber.stop()
      sight.stop()
    },
  }
}

/**
 * The judge: whoever holds a route's judge lease reads its evidence every second and steps the machine. A lease, not an
 * owner: when the holder dies another process takes over within the lease's few seconds; if two ever judged the same
 * second, the setter's version check lets one of them through.
 *
 * Promise 13: after a pause of this process, a jump of a clock or a time without the database, evidence from before is
 * forgotten and nothing switches; before a mode gets worse the watch over our own sight is asked (sight-watch.ts).
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { canariesOf, evidenceOf, trimEvidence, type EvidenceRow } from '../../store/evidence.ts'
import { claimJudgement, judgedBy, readMode, releaseJudgement } from '../../store/modes.ts'
import type { RouteBook } from '../directory/index.ts'
import type { LiveBoard } from './board.ts'
import { canaryPlan, canaryWindow } from './canary.ts'
import { step, stepChanges, type MachineEvent } from './machine.ts'
import type { PauseWatch } from './pause.ts'
import { endPins } from './pins.ts'
import { isByFailure, isExpired, planStep, underLook, worsening, type Plan } from './plan.ts'
import { windowFor, type HeardCount } from './reach.ts'
import { heardProbes } from './reach-prober.ts'
import { rulesOf, type Sensitivity } from './sensitivity.ts'
import { createSightAlarm } from './sight-alarm.ts'
import type { SightWatch } from './sight-watch.ts'
import { stateOf, storeStep, type Act } from './setter.ts'
import { createUpkeep, type UpkeepOf } from './upkeep.ts'

export interface Judge {
  /** True while this process holds the route's judge lease: it also probes the route and runs its return. */
  judges(routeId: Id): boolean
  judged(): Iterable<Id>
  /** False: Holdfast itself cannot see, so no mode changes and no return runs. */
  sees(): boolean
  /**
   * One event for a route, from the return or from a person. Looks again when somebody else was faster; a person's
   * `version` (what the page showed) is checked instead and answered with a conflict.
   */
  tell(route: { organisationId: Id; routeId: Id }, event: MachineEvent, act?: Act & { version?: number }): Promise<void>
  /** Its canaries failed when it was last judged: a good answer to a probe is no reason to try real mail. */
  losesMail(routeId: Id): boolean
  /** One round; start() runs it every second. */
  tick(): Promise<void>
  start(): void
  stop(): Promise<void>
}

const TICK_MS = 1000
const LEASE_SECONDS = 5
const TOO_LONG_MS = 5000
/**
 * When everything fails at once there are thousands of steps to store. A round ends before its leases do, and before it would
 * take itself for a pause.
 */
const STORING_MS = 2000
const STORED_AT_ONCE = 8
/** A round begins so many routes behind the one before it: those at the end of the list are not always what is left. */
const ROUND_STEP = 997
const engine: Act = { actor: 'engine' }

export function createJudge(deps: {
  db: Database
  clock: Clock
  log: Log
  nodeId: Id
  board: LiveBoard
  routes: RouteBook
  pause: PauseWatch
  sight: Pick<SightWatch, 'look' | 'forgetBefore' | 'isBlind' | 'why'>
  /** what is planned for a route now; left out: nothing */
  upkeep?: UpkeepOf
  tickMs?: number
}): Judge {
  const { db, clock, log, pause } = deps
  let mine = new Set<Id>()
  let losing = new Set<Id>()
  let timer: Timer | null = null
  let running: Promise<void> | null = null
  let lastTick: number | null = null
  let lastDatabaseTime = 0
  let pausesSeen = pause.times()
  let rounds = 0
  let blindText = ''
  /** Evidence from before is nobody's: the last round in which we could not trust ourselves. Milliseconds, the database's. */
  let forgetBefore = 0
  const upkeep = createUpkeep(deps.upkeep)
  const sightAlarm = createSightAlarm(deps)

  const numbersOf = (routeId: Id): Sensitivity => rulesOf(deps.routes.get(routeId))

  /** Why what we saw until now cannot be trusted, or ''. Measured between two rounds that worked. */
  function blindness(databaseNow: number): string {
    const now = clock.monotonic()
    const gap = lastTick === null ? 0 : now - lastTick
    const jump = lastTick === null ? 0 : Math.abs(databaseNow - lastDatabaseTime - gap)
    const paused = pause.times() !== pausesSeen
    lastTick = now
    lastDatabaseTime = databaseNow
    pausesSeen = pause.times()
    if (paused) return 'this process was paused or its clock moved'
    if (gap > TOO_LONG_MS) return `nothing could be judged for ${Math.round(gap / 1000)} s`
    return jump > TOO_LONG_MS ? `the database's clock moved by ${Math.round(jump / 1000)} s` : ''
  }

  /** What the watch over our own sight leaves of the plans is stored. True: some mode or memory has changed. */
  async function carryOut(plans: readonly Plan[], now: number): Promise<boolean> {
    const look = blindText ? null : await deps.sight.look(now, worsening(plans, now))
    const until = clock.monotonic() + STORING_MS
    const first = plans.length === 0 ? 0 : (rounds * ROUND_STEP) % plans.length
    const rest = [...plans.slice(first), ...plans.slice(0, first)].values()
    let changed = false
    const storing = async (): Promise<void> => {
      for (const plan of rest) {
        const { routeId } = plan.record
        try {
          const left = look === null ? plan : underLook(plan, look, numbersOf(routeId), now)
          if (left !== null && stepChanges(left.state, left.next)) changed = (await storePlan(left)) || changed
        } catch (error) {
          log.error({ err: String(error), route: routeId }, 'a route could not be judged')
        }
        // What is left is planned again in the next round, which begins with others.
        if (clock.monotonic() >= until) return
      }
    }
    await Promise.all(Array.from({ length: STORED_AT_ONCE }, storing))
    return changed
  }

  /** Told by the return: are these failures the primary's? */
  async function maySay(routeId: Id, now: number): Promise<boolean> {
    const look = await deps.sight.look(now, [{ routeId, begunAt: now }])
    return look.blind === null && !look.waits.has(routeId)
  }

  async function storePlan({ record, next, act = engine }: Plan): Promise<boolean> {
    const stored = await storeStep(deps, record, next, act)
    if (stored && next.cause !== null)
      log.info(
        { route: record.routeId, mode: next.state.mode, cause: next.cause, detail: next.detail },
        'mode of a route',
      )
    return stored
  }

  async function round(): Promise<void> {
    // While we are away nothing is judged; the first round afterwards forgets what was seen before.
    if (pause.isAway()) return
    await claimJudgement(db, deps.nodeId, LEASE_SECONDS)
    const records = await judgedBy(db, deps.nodeId)
    mine = new Set(records.map((record) => record.routeId))
    if (records.length === 0) {
      lastTick = null
      // Who judges nothing any more must still find out that it sees again: its deliveries are evidence.
      if (deps.sight.isBlind()) await deps.sight.look(clock.now(), [])
      await sightAlarm.tell(deps.sight.why(), [])
      return
    }
    // Each by its own window: what is longer for some would be read, many times a minute, for all.
    const windows = records.map((record) => {
      const probes = heardProbes(deps.routes.get(record.routeId))
      return { ...record, seconds: windowFor(probes, numbersOf(record.routeId)) }
    })
    const seen = await evidenceOf(db, windows)
    const planned = records.flatMap((record) => {
      const plan = canaryPlan(deps.routes.get(record.routeId))
      return plan ? [{ ...record, seconds: canaryWindow(plan) }] : []
    })
    const databaseNow = records[0]!.now.getTime()
    blindText = blindness(databaseNow)
    // Each route's own memory is told as well, but a round may end before it has told all.
    if (blindText) forgetBefore = databaseNow
    // After a clock that went back this would be a future that hides what comes now.
    forgetBefore = Math.min(forgetBefore, databaseNow)
    if (blindText) log.warn({ why: blindText }, 'evidence from before is not judged; no mode changes')
    const byRoute = countsOf(seen)
    const canaries = countsOf(await canariesOf(db, planned))
    const told = { blindText, forgetBefore: Math.max(forgetBefore, deps.sight.forgetBefore()) }
    const plans = records.flatMap((record) => {
      const now = record.now.getTime()
      const route = deps.routes.get(record.routeId)
      const isProbed = route?.settings.probe.enabled ?? true
      const upkept = isExpired(record) ? null : upkeep.ask({ ...record, ...stateOf(record), isProbed }, now)
      if (upkept === 'nothing') return []
      const [probes, plan] = [heardProbes(route), canaryPlan(route)]
      return planStep(record, byRoute.get(record.routeId) ?? [], numbersOf(record.routeId), {
        ...told,
        probes,
        planned: upkept,
        isProbed,
        canary: plan && { plan, counts: canaries.get(record.routeId) ?? [] },
      })
    })
    losing = new Set(plans.flatMap(({ losesMail, record }) => (losesMail ? [record.routeId] : [])))
    const changed = await carryOut(plans, records[0]!.now.getTime())
    if (changed) await deps.board.refresh()
    await sightAlarm.tell(
      deps.sight.why(),
      records.map(({ organisationId }) => organisationId),
    )
    if (rounds++ % 60 === 0) await housekeeping()
  }

  async function housekeeping(): Promise<void> {
    await trimEvidence(db, 24)
    await db.transaction(endPins)
  }

  async function tick(): Promise<void> {
    if (running) return running
    running = round().finally(() => {
      running = null
    })
    return running
  }

  return {
    judges: (routeId) => mine.has(routeId),
    losesMail: (routeId) => losing.has(routeId),
    judged: () => mine,
    sees: () => !deps.sight.isBlind(),
    tick,
    async tell({ organisationId, routeId }, event, act = engine) {
      for (let attempt = 0; attempt < 5; attempt++) {
        const record = await readMode(db, organisationId, routeId)
        if (!record) throw new WireError('not-found', 'there is no such route')
        if (act.version !== undefined && act.version !== record.version)
          throw new WireError('conflict', 'the mode of this route has changed since you looked')
        const state = stateOf(record)
        const next = step(state, event, numbersOf(routeId), record.now.getTime())
        if (!stepChanges(state, next)) return
        if (isByFailure(event) && !(await maySay(routeId, record.now.getTime()))) return
        if (await storeStep(deps, record, next, act)) {
          await deps.board.refresh()
          return
        }
      }
      throw new WireError('conflict', 'the mode of this route keeps changing')
    },
    start() {
      timer = clock.every(deps.tickMs ?? TICK_MS, () => {
        tick().catch((error: unknown) => {
          log.warn({ err: String(error) }, 'judging failed; modes stay as they are')
        })
      })
    },
    async stop() {
      timer?.cancel()
      await running?.catch(() => undefined)
      mine = new Set()
      await releaseJudgement(db, deps.nodeId).catch(() => undefined)
    },
  }
}

function countsOf(rows: readonly EvidenceRow[]): Map<Id, HeardCount[]> {
  const byRoute = new Map<Id, HeardCount[]>()
  for (const row of rows) {
    const count = { ...row, second: row.second.getTime() }
    const known = byRoute.get(row.routeId)
    if (known) known.push(count)
    else byRoute.set(row.routeId, [count])
  }
  return byRoute
}

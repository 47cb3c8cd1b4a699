/**
 * What the judge would do with a route in this round, and what is left of it when Holdfast itself may be the patient
 * (sight.ts). Pure: a plan changes nothing until it is stored.
 */
import { EvidenceKind } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import type { ModeRecord } from '../../store/modes.ts'
import { step, type Effect, type EventKind, type MachineEvent, type MachineState, type Step } from './machine.ts'
import { observeCanaries, withCanaries, type CanaryPlan } from './canary.ts'
import { observe, type Observation } from './observation.ts'
import { observeReach, type HeardCount, type HeardProbe } from './reach.ts'
import { REPORTS } from './reports.ts'
import type { Sensitivity } from './sensitivity.ts'
import { stateOf, type Act } from './setter.ts'
import { isPlannedPin, type Planned } from './upkeep.ts'

export interface Plan {
  record: ModeRecord
  state: MachineState
  event: MachineEvent
  next: Step
  /** its last canaries failed, though it may answer well: nothing is tried with real mail */
  losesMail?: boolean
  /** in whose name; left out: the engine's */
  act?: Act
}

/** What the watch over our own sight says (sight-watch.ts). */
export interface Look {
  /** why nothing is judged just now, or null */
  blind: string | null
  /** evidence from before is not judged; 0: there was no blindness */
  forgetBefore: number
  /** routes whose failures may be ours: their mode gets no worse in this round */
  waits: ReadonlySet<Id>
}

/** Events that hold failures against a route. */
const byFailure: ReadonlySet<EventKind> = new Set(['bad', 'fallback', 'reachBad'])
export const isByFailure = (event: MachineEvent): boolean => byFailure.has(event.kind)

/** Its pin has ended. */
export const isExpired = ({ pinUntil, now }: ModeRecord & { now: Date }): boolean =>
  pinUntil !== null && pinUntil.getTime() <= now.getTime()

/** People's reports stand beside the probes while there are any (report-watch.ts looks every two seconds). */
const peoplesReports: HeardProbe = { name: REPORTS, everyMs: 2_000 }

export function planStep(
  record: ModeRecord & { now: Date },
  counts: readonly HeardCount[],
  numbers: Sensitivity,
  told: {
    blindText: string
    forgetBefore: number
    probes: readonly HeardProbe[]
    planned: Planned | null
    /** left out or null: nothing is sent */
    canary?: { plan: CanaryPlan; counts: readonly HeardCount[] } | null
    isProbed: boolean
  },
): Plan {
  const now = record.now.getTime()
  const state = stateOf(record)
  const { planned } = told
  if (planned)
    return { record, state, event: planned.event, next: step(state, planned.event, numbers, now), act: planned.act }
  const forgetBefore = Math.min(now, told.forgetBefore)
  const ignoreBefore = Math.max(state.memory.ignoreBefore, forgetBefore)
  // Real mail that was taken speaks for the handing over as well.
  const taken = counts.filter(({ kind, probe }) => probe === '' && kind === EvidenceKind.good)
  const canaries = told.canary
    ? observeCanaries([...told.canary.counts, ...taken], now, told.canary.plan, { ignoreBefore, forgetBefore })
    : null
  const losesMail = canaries?.kind === 'bad' || canaries?.kind === 'held'
  function takesMail(): Observation {
    const seen = observe(
      counts.filter(({ probe }) => probe === ''),
      now,
      numbers,
      ignoreBefore,
    )
    return withCanaries(seen, canaries)
  }
  const event: MachineEvent = isExpired(record)
    ? { kind: isPlannedPin(record) && !told.isProbed ? 'plannedEnd' : 'unpin' }
    : told.blindText
      ? { kind: 'blind', why: told.blindText }
      : takesMail()
  const next = step(state, event, numbers, now)
  if (next.cause !== null || next.effects.length > 0 || event.kind === 'blind')
    return { record, state, event, next, losesMail }
  // Whether people can reach it is judged after whether it takes mail, where that changes nothing.
  // Nobody asks any more whether people can reach it: what was found out is not true for ever.
  const probes = counts.some(({ probe }) => probe === REPORTS) ? [...told.probes, peoplesReports] : told.probes
  const isAbout = state.mode === 'emergencyReach' || state.memory.question?.to === 'emergencyReach'
  const isUnasked = isAbout && probes.length === 0
  const reach = isUnasked
    ? ({ kind: 'reachUnasked' } as const)
    : observeReach(counts, now, probes, Math.min(now, Math.max(next.state.memory.ignoreBefore, told.forgetBefore)))
  if (reach === null) return { record, state, event, next, losesMail }
  const second = step(next.state, reach, numbers, now)
  return { record, state, event: reach, losesMail, next: { ...second, effects: [...next.effects, ...second.effects] } }
}

/** A route whose mode is about to get worse, and when what is held against it began. */
export interface Worse {
  routeId: Id
  /** it is about reading, not about taking mail */
  isReach?: boolean
  begunAt: number
}

/** Those of the plans in which failures change the mode. */
export function worsening(plans: readonly Plan[], now: number): Worse[] {
  return plans
    .filter((plan) => worsens(plan))
    .map(({ record: { routeId }, event }) => ({
      routeId,
      isReach: event.kind === 'reachBad',
      begunAt: 'forMs' in event ? now - event.forMs : now,
    }))
}

/** To ask whether it should switch is no less than switching: nobody is asked because of our own blindness. */
const worsens = ({ state, event, next }: Plan): boolean =>
  isByFailure(event) && (next.state.mode !== state.mode || next.effects.some(isAskingAway))
const isAskingAway = (effect: Effect): boolean => effect.kind === 'asked' && effect.question.direction === 'away'

/** The plan under what the watch says; null: nothing is done with the route in this round. */
export function underLook(plan: Plan, look: Look, numbers: Sensitivity, now: number): Plan | null {
  const { state, event } = plan
  // A person's or an admin's plan, not evidence.
  if (event.kind === 'unpin' || event.kind === 'plannedEnd' || plan.act !== undefined) return plan
  const blindly = (why: string): Plan => {
    const blind: MachineEvent = { kind: 'blind', why }
    return { ...plan, event: blind, next: step(state, blind, numbers, now) }
  }
  // Told once, by the first round that finds it.
  if (look.blind !== null) return state.memory.blind === null ? blindly(look.blind) : null
  // We see again: what was seen before is forgotten, also by whoever judges this route next.
  if (state.memory.blind !== null && state.memory.ignoreBefore < look.forgetBefore)
    return blindly(state.memory.blind.why)
  return worsens(plan) && look.waits.has(plan.record.routeId) ? null : plan
}

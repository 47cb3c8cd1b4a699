/**
 * The machine behind a route's mode: a total table (mode x event) and a pure step (state, event, numbers, now) ->
 * (state, effects as data). No database, no clock, no log: setter.ts carries the effects out in one transaction with a
 * version check, so two processes that step from the same state cannot both win. moves.ts has the ways between the modes.
 *
 * Rules that hold for every order of events (machine.test.ts proves them with random histories):
 * - a pin wins: no evidence moves a pinned route away from its pin;
 * - hold-down: in any hour the engine declares at most `emergenciesPerHour` emergencies because mail is not taken, and as
 *   many because people cannot reach it: each has a budget of its own, so that an outage of the one leaves the other's
 *   whole. When one is used up the emergency stays (mail waits and is readable here) until the oldest is an hour old;
 * - the switching policy: what the engine may not do by itself it asks for, or only shows; a pin, the hold-down and
 *   blindness come before it, and nothing but the evidence that led to a question, a person or an end of it changes it;
 * - the way out of `recovering` doubles its demands after each fall-back, so a half-dead primary is not hammered;
 * - every mode leads home: evidence of health and an empty queue end in normal;
 * - when we could not see (pause, jump of the clock, no database) evidence from before is forgotten, nothing switches.
 */
import type { Pin, Reason } from '../../platform/codes.ts'
import type { ModeName } from './mode-table.ts'
import * as move from './moves.ts'
import type { Sensitivity } from './sensitivity.ts'
import type { Direction, Question } from './switching.ts'

export type PinName = keyof typeof Pin

/** Kept in route_mode.memory: times in milliseconds, the database's clock. */
export interface Memory {
  /** emergencies the engine declared within the last hour because mail is not taken */
  emergencies: number[]
  /** and because people cannot reach it */
  reachEmergencies: number[]
  /** times it became suspect within the last hour */
  suspicions: number[]
  /** fall-backs from recovering since the route was last normal */
  fallbacks: number
  /** evidence from before is not judged */
  ignoreBefore: number
  /** we cannot see how the route is: since when and why; it ends with the first evidence after it */
  blind: { since: number; why: string } | null
  /** what the engine would do and may not by itself */
  question: Question | null
  /** times it asked within the last hour */
  asked: number[]
  /** a person let the mail of this outage go home; falling back needs no second word */
  agreed: boolean
}

export interface MachineState {
  mode: ModeName
  since: number
  pin: PinName | null
  /** a return event is open: something may be owed from this outage */
  eventOpen: boolean
  memory: Memory
}

export type MachineEvent =
  | { kind: 'good'; forMs: number; count: number }
  | { kind: 'bad'; forMs: number; count: number; text: string }
  | { kind: 'mixed' }
  | { kind: 'silent' }
  | { kind: 'blind'; why: string }
  | { kind: 'drained' }
  | { kind: 'fallback'; text: string }
  | { kind: 'pinEmergency' }
  | { kind: 'pinNormal' }
  | { kind: 'pinHold' }
  | { kind: 'unpin' }
  /** a planned emergency is over, and nobody but real deliveries can tell how the route is: it has no probes */
  | { kind: 'plannedEnd' }
  /** a person says yes to the question that stands */
  | { kind: 'answer'; direction: Direction }
  /** people cannot reach their mail there (reach.ts), and can again */
  | { kind: 'reachBad'; forMs: number; count: number; text: string }
  | { kind: 'reachGood'; forMs: number; count: number }
  /** the route has no reach probes any more */
  | { kind: 'reachUnasked' }
  // Nobody tells these: Quiet Time is decided for each delivery (docs/decisions). They stay because the table of modes has
  // `quiet`, and the machine must show a way into and out of every mode of it.
  | { kind: 'quietBegin' }
  | { kind: 'quietEnd' }
export type EventKind = MachineEvent['kind']

export type Effect =
  /** an audit row: from, to, why */
  | { kind: 'audit'; from: ModeName; to: ModeName; cause: Reason; detail: string }
  /** a new return event begins with this outage */
  | { kind: 'openEvent' }
  /** open deliveries of the route belong to the return; `due`: and wait out no back-off any more */
  | { kind: 'markHeld'; due: boolean }
  /** the return begins: stamp the event, count what is owed */
  | { kind: 'beginReturn' }
  | { kind: 'closeEvent' }
  /** an audit row: we cannot see, and why */
  | { kind: 'blinded'; why: string }
  /** a question stands from now on, and: not any more */
  | { kind: 'asked'; question: Question }
  | { kind: 'askedNoMore'; question: Question }

export interface Step {
  state: MachineState
  effects: Effect[]
  /** null: nothing visible changed (memory may have) */
  cause: Reason | null
  detail: string
}

export interface Context {
  state: MachineState
  numbers: Sensitivity
  now: number
}
export type Handler<K extends EventKind> = (c: Context, event: Extract<MachineEvent, { kind: K }>) => Step
type Row = { [K in EventKind]: Handler<K> }

export const freshMemory = (): Memory => ({
  emergencies: [],
  reachEmergencies: [],
  suspicions: [],
  fallbacks: 0,
  ignoreBefore: 0,
  blind: null,
  question: null,
  asked: [],
  agreed: false,
})

export function freshState(now: number): MachineState {
  return { mode: 'normal', since: now, pin: null, eventOpen: false, memory: freshMemory() }
}

/**
 * What every mode does unless its row says otherwise: evidence moves nothing, what we could not see is forgotten, people
 * pin and unpin. A new event must be decided here, a new mode in the table: else it does not compile.
 */
const calm = {
  good: move.stay,
  bad: move.stay,
  mixed: move.stay,
  silent: move.stay,
  blind: move.goBlind,
  drained: move.stay,
  fallback: move.stay,
  pinEmergency: move.pinTo('emergency', 'emergency', 'pinned-emergency'),
  pinNormal: move.pinTo('normal', 'normal', 'pinned-normal'),
  pinHold: move.pinTo('hold', 'hold', 'pinned-hold'),
  unpin: move.unpin,
  plannedEnd: move.endPlanned,
  answer: move.answered,
  reachBad: move.stay,
  reachGood: move.stay,
  reachUnasked: move.stay,
  quietBegin: move.stay,
  quietEnd: move.stay,
} as const satisfies Row

export const machineTable = {
  normal: {
    ...calm,
    bad: move.becomeSuspect,
    drained: move.closeOnly,
    reachBad: move.reachLost,
    reachGood: move.reachCalms,
    reachUnasked: move.forget,
    quietBegin: move.beginQuiet,
  },
  suspect: { ...calm, good: move.calmDown, bad: move.declareEmergency, quietBegin: move.beginQuiet },
  emergency: { ...calm, good: move.beginReturn, bad: move.noWayHome },
  emergencyReach: {
    ...calm,
    good: move.takesMail,
    bad: move.declareEmergency,
    drained: move.closeOnly,
    reachBad: move.noWayHome,
    reachGood: move.reachBack,
    reachUnasked: move.reachUnasked,
  },
  recovering: { ...calm, bad: move.returnFails, drained: move.goHome, fallback: move.returnStopped },
  quiet: { ...calm, good: move.takesMail, bad: move.declareEmergency, quietEnd: move.endQuiet },
  hold: calm,
} as const satisfies Record<ModeName, Row>

/** Which events reach a pinned route: people's, what we could not see, and the end of a return. */
const reachesPinned = {
  good: false,
  bad: false,
  mixed: false,
  silent: false,
  blind: true,
  drained: true,
  fallback: false,
  pinEmergency: true,
  pinNormal: true,
  pinHold: true,
  unpin: true,
  plannedEnd: true,
  answer: false,
  reachBad: false,
  reachGood: false,
  reachUnasked: false,
  quietBegin: false,
  quietEnd: false,
} as const satisfies Record<EventKind, boolean>

/** What shows that we see again. */
const isSight: ReadonlySet<EventKind> = new Set(['good', 'bad', 'mixed', 'reachGood', 'reachBad'])
const seeing = (state: MachineState): MachineState => ({ ...state, memory: { ...state.memory, blind: null } })

export function step(before: MachineState, event: MachineEvent, numbers: Sensitivity, now: number): Step {
  const state = before.memory.blind !== null && isSight.has(event.kind) ? seeing(before) : before
  const context: Context = { state, numbers, now }
  if (state.pin !== null && !reachesPinned[event.kind]) return move.stay(context)
  // What a return met with while we could not see is no verdict.
  if (event.kind === 'fallback' && state.memory.blind !== null) return move.stay(context)
  const row: Row = machineTable[state.mode]
  return (row[event.kind] as (c: Context, e: MachineEvent) => Step)(context, event)
}

/** Whether a step must be stored: the mode, the pin or the event changed, or only the memory. */
export function stepChanges(before: MachineState, after: Step): boolean {
  return after.state !== before
}

/**
 * The ways between the modes: the only places where a mode changes. Each takes a state and an event and gives the next
 * state with its effects as data; which event leads which way in which mode is machine.ts's table.
 */
import type { Reason } from '../../platform/codes.ts'
import type { Context, Effect, Handler, Memory, PinName, Step } from './machine.ts'
import type { ModeName } from './mode-table.ts'
import { automatic } from '../directory/index.ts'
import type { Direction, Question } from './switching.ts'

const HOUR = 3_600_000
const LONGEST_BACKOFF = 8

const lastHour = (times: readonly number[], now: number): number[] => times.filter((t) => t > now - HOUR)
const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`

export const stay = ({ state }: Context): Step => ({ state, effects: [], cause: null, detail: '' })

interface Move {
  to: ModeName
  cause: Reason
  detail: string
  memory?: Memory
  pin?: PinName | null
}

/** Enters a mode; the effects follow from where it leads, so no handler can forget one. */
function enter(
  { state, now }: Context,
  { to, cause, detail, memory: given = state.memory, pin = state.pin }: Move,
): Step {
  const effects: Effect[] = []
  let eventOpen = state.eventOpen
  if ((to === 'emergency' || to === 'hold' || to === 'quiet') && !eventOpen) {
    effects.push({ kind: 'openEvent' })
    eventOpen = true
  }
  if (to !== state.mode) {
    if (to === 'emergency' || to === 'hold' || to === 'quiet') effects.push({ kind: 'markHeld', due: false })
    if (to === 'recovering') effects.push({ kind: 'markHeld', due: true }, { kind: 'beginReturn' })
    // Pinned normal during an outage: an admin knows that it works again, so nothing waits.
    if (to === 'normal' && eventOpen && cause === 'pinned-normal') effects.push({ kind: 'markHeld', due: true })
  }
  effects.push({ kind: 'audit', from: state.mode, to, cause, detail })
  const since = to === state.mode ? state.since : now
  // What led here is judged and done: the failures of an outage must not count against its end. Only suspicion goes on
  // from what it began with.
  let memory = to === state.mode || to === 'suspect' ? given : { ...given, ignoreBefore: now }
  if (to === 'normal' || (pin !== null && pin !== state.pin)) memory = { ...memory, agreed: false }
  // Whatever was asked is decided.
  const { question } = memory
  if (question !== null && (to !== state.mode || pin !== state.pin)) {
    memory = { ...memory, question: null }
    effects.push({ kind: 'askedNoMore', question })
  }
  return { state: { mode: to, since, pin, eventOpen, memory }, effects, cause, detail }
}

const badText = (event: { forMs: number; count: number; text: string }): string =>
  `${event.count} failures in ${seconds(event.forMs)}, no health between them${event.text ? `; last: ${event.text}` : ''}`
const goodText = (event: { forMs: number; count: number }): string =>
  `${event.count} successes over ${seconds(event.forMs)}`

export const becomeSuspect: Handler<'bad'> = (c, event) => {
  const { numbers, state, now } = c
  if (event.count < numbers.suspectFailures || event.forMs < numbers.suspectAfter * 1000) return stay(c)
  const memory = { ...state.memory, suspicions: [...lastHour(state.memory.suspicions, now), now] }
  return enter(c, { to: 'suspect', cause: 'evidence-bad', detail: badText(event), memory })
}

/**
 * Switches where the engine may by itself; else it asks, or notes what it would do. One question at a time: that it should go
 * away comes before that it should come home.
 */
function orAsk(c: Context, direction: Direction, to: ModeName, detail: string, go: () => Step): Step {
  const leave = (c.numbers.switching ?? automatic)[direction]
  const { question: before, asked, agreed } = c.state.memory
  if (leave === 'automatic' || (direction === 'home' && agreed)) return go()
  const isSame = before?.to === to
  if (isSame && before.leave === leave) return stay(c)
  if (before?.direction === 'away' && direction === 'home') return stay(c)
  const question: Question = { direction, to, leave, since: isSame ? before.since : c.now, detail }
  const effects: Effect[] = before === null ? [] : [{ kind: 'askedNoMore', question: before }]
  effects.push({ kind: 'asked', question })
  const memory = { ...c.state.memory, question, asked: [...lastHour(asked, c.now), c.now] }
  return { state: { ...c.state, memory }, effects, cause: null, detail: '' }
}

/**
 * What led to the question is gone, and the question with it. Where that went to and fro it stays, like a suspicion, until the
 * oldest is an hour old: whoever is asked must not be asked every minute.
 */
export const forget = (c: Context): Step => {
  const { question, asked } = c.state.memory
  if (question === null || lastHour(asked, c.now).length >= c.numbers.suspicionsPerHour) return stay(c)
  const state = { ...c.state, memory: { ...c.state.memory, question: null } }
  return { state, effects: [{ kind: 'askedNoMore', question }], cause: null, detail: '' }
}
const forgetIf = (c: Context, direction: Direction): Step =>
  c.state.memory.question?.direction === direction ? forget(c) : stay(c)

const isCalm = ({ numbers }: Context, event: { forMs: number; count: number }): boolean =>
  event.count >= numbers.calmSuccesses && event.forMs >= numbers.calmAfter * 1000

/** It takes mail while there are other reasons for its mode. */
export const takesMail: Handler<'good'> = (c, event) => (isCalm(c, event) ? forgetIf(c, 'away') : stay(c))
export const reachCalms: Handler<'reachGood'> = (c, event) => (isCalm(c, event) ? forgetIf(c, 'away') : stay(c))

/** It fails again: nobody is asked any more whether it may come home. */
export const noWayHome = (c: Context, { count, forMs }: { count: number; forMs: number }): Step =>
  count >= c.numbers.suspectFailures && forMs >= c.numbers.suspectAfter * 1000 ? forgetIf(c, 'home') : stay(c)

/** A person says yes, or does by hand what was only shown. The evidence is what was asked about; the hold-down counts it like the engine's own. */
export const answered: Handler<'answer'> = (c, { direction }) => {
  const { question } = c.state.memory
  if (question?.direction !== direction) return stay(c)
  const { to, detail } = question
  const cause = 'switch-agreed'
  if (to === 'emergency') return declare(c, cause, detail, c.state.memory.fallbacks)
  if (to === 'emergencyReach') return declareReach(c, cause, detail)
  return enter(c, { to, cause, detail, memory: { ...c.state.memory, agreed: true } })
}

/** An emergency by the engine's own judgement; hold-down counts it. */
function declare(c: Context, cause: Reason, detail: string, fallbacks: number): Step {
  const emergencies = lastHour(c.state.memory.emergencies, c.now)
  // Only after a person overrode the hold-down can all be used up while it recovers: then attempts go on instead of a switch.
  if (emergencies.length >= c.numbers.emergenciesPerHour) {
    if (c.state.mode !== 'recovering') return stay(c)
    const memory = { ...c.state.memory, suspicions: [...lastHour(c.state.memory.suspicions, c.now), c.now] }
    return enter(c, { to: 'suspect', cause, detail: `${detail}; no further emergency within this hour`, memory })
  }
  const memory = { ...c.state.memory, emergencies: [...emergencies, c.now], fallbacks }
  return enter(c, { to: 'emergency', cause, detail, memory })
}

const isUsedUp = (c: Context, times: readonly number[]): boolean =>
  lastHour(times, c.now).length >= c.numbers.emergenciesPerHour

/** That it takes no mail any more either is an emergency of its own, and uses that budget. */
export const declareEmergency: Handler<'bad'> = (c, event) => {
  if (event.count < c.numbers.emergencyFailures || event.forMs < c.numbers.emergencyAfter * 1000) return stay(c)
  if (isUsedUp(c, c.state.memory.emergencies)) return stay(c)
  const detail = badText(event)
  return orAsk(c, 'away', 'emergency', detail, () => declare(c, 'evidence-worse', detail, c.state.memory.fallbacks))
}

export const calmDown: Handler<'good'> = (c, event) => {
  const { numbers, state, now } = c
  if (!isCalm(c, event)) return stay(c)
  if (lastHour(state.memory.suspicions, now).length >= numbers.suspicionsPerHour) return forgetIf(c, 'away')
  // What an earlier outage still owes goes home the paced way.
  if (state.eventOpen) return enter(c, { to: 'recovering', cause: 'evidence-good', detail: goodText(event) })
  return enter(c, { to: 'normal', cause: 'evidence-good', detail: goodText(event) })
}

export const beginReturn: Handler<'good'> = (c, event) => {
  const { numbers, state, now } = c
  const factor = Math.min(LONGEST_BACKOFF, 2 ** state.memory.fallbacks)
  if (event.count < numbers.recoverSuccesses || event.forMs < numbers.recoverAfter * 1000) return stay(c)
  // After a fall-back the route must have been quiet for longer; the window may be shorter than that, so it is
  // measured by how long this emergency has lasted.
  if (factor > 1 && now - state.since < numbers.recoverAfter * 1000 * factor) return stay(c)
  if (isUsedUp(c, state.memory.emergencies)) return stay(c)
  const detail = goodText(event)
  return orAsk(c, 'home', 'recovering', detail, () => enter(c, { to: 'recovering', cause: 'probe-good', detail }))
}

const fallBack = (c: Context, text: string): Step =>
  declare(c, 'return-stopped', text, Math.min(10, c.state.memory.fallbacks + 1))

export const returnStopped: Handler<'fallback'> = (c, event) => fallBack(c, event.text)

/** The return itself notices first (fallback); this is for a route where the return has nothing under way, so there is no hurry. */
export const returnFails: Handler<'bad'> = (c, event) =>
  event.count < c.numbers.emergencyFailures || event.forMs < c.numbers.emergencyAfter * 1000
    ? stay(c)
    : fallBack(c, badText(event))

export const goHome: Handler<'drained'> = (c) => {
  const step = enter(c, {
    to: 'normal',
    cause: 'return-drained',
    detail: 'everything due has gone home',
    memory: { ...c.state.memory, fallbacks: 0 },
  })
  return closing(step)
}

/** The event's last message is home while the route is already normal (pinned by hand). */
export const closeOnly: Handler<'drained'> = (c) =>
  c.state.eventOpen
    ? closing(enter(c, { to: c.state.mode, cause: 'return-drained', detail: 'everything due has gone home' }))
    : stay(c)

function closing(step: Step): Step {
  if (!step.state.eventOpen) return step
  return { ...step, state: { ...step.state, eventOpen: false }, effects: [...step.effects, { kind: 'closeEvent' }] }
}

/** One blindness may be noticed many times, and is told once. */
export const goBlind: Handler<'blind'> = ({ state, now }, { why }) => {
  const { blind: before, question } = state.memory
  const effects: Effect[] = before === null ? [{ kind: 'blinded', why }] : []
  // What it was asked for is forgotten.
  if (question !== null) effects.push({ kind: 'askedNoMore', question })
  return {
    state: {
      ...state,
      memory: { ...state.memory, ignoreBefore: now, blind: before ?? { since: now, why }, question: null },
    },
    effects,
    cause: null,
    detail: '',
  }
}

export const pinTo =
  (to: ModeName, pin: PinName, cause: Reason) =>
  (c: Context): Step =>
    enter(c, { to, cause, detail: `pinned ${pin}`, pin, memory: { ...c.state.memory, ignoreBefore: c.now } })

/** The pin goes, the mode stays; from here evidence decides. A hold never ends in a relay: it becomes an emergency. */
export const unpin = (c: Context): Step => {
  if (c.state.pin === null) return stay(c)
  const to = c.state.mode === 'hold' ? 'emergency' : c.state.mode
  return enter(c, { to, cause: 'pin-removed', detail: 'the pin was removed; evidence decides', pin: null })
}

/**
 * Planned maintenance is over and there are no probes: waiting for evidence would mean that everything waits for the one
 * delivery that may try. The plan said when it ends, so mail goes home, paced, and is the witness: the first failure falls back.
 */
export const endPlanned = (c: Context): Step => {
  if (c.state.pin !== 'emergency') return stay(c)
  const free = unpin(c)
  if (isUsedUp(c, c.state.memory.emergencies)) return free
  const detail = 'planned maintenance is over; real deliveries show how it is'
  const home = orAsk({ ...c, state: free.state }, 'home', 'recovering', detail, () =>
    enter(c, { to: 'recovering', cause: 'pin-removed', detail, pin: null }),
  )
  return home.cause === null ? { ...free, state: home.state, effects: [...free.effects, ...home.effects] } : home
}

function declareReach(c: Context, cause: Reason, detail: string): Step {
  const { memory } = c.state
  if (isUsedUp(c, memory.reachEmergencies)) return stay(c)
  const reachEmergencies = [...lastHour(memory.reachEmergencies, c.now), c.now]
  return enter(c, { to: 'emergencyReach', cause, detail, memory: { ...memory, reachEmergencies } })
}

/** Mail goes on, so a used-up hold-down leaves everything as it is: nobody waits for anything. */
export const reachLost: Handler<'reachBad'> = (c, event) => {
  const { numbers, state } = c
  if (event.count < numbers.emergencyFailures || event.forMs < numbers.emergencyAfter * 1000) return stay(c)
  if (isUsedUp(c, state.memory.reachEmergencies)) return stay(c)
  const detail = badText(event)
  return orAsk(c, 'away', 'emergencyReach', detail, () => declareReach(c, 'reach-lost', detail))
}

export const reachBack: Handler<'reachGood'> = (c, event) => {
  const { numbers, state } = c
  if (event.count < numbers.recoverSuccesses || event.forMs < numbers.recoverAfter * 1000) return stay(c)
  if (isUsedUp(c, state.memory.reachEmergencies)) return stay(c)
  const detail = goodText(event)
  return orAsk(c, 'home', 'normal', detail, () => enter(c, { to: 'normal', cause: 'reach-back', detail }))
}
export const reachUnasked: Handler<'reachUnasked'> = (c) =>
  enter(c, { to: 'normal', cause: 'reach-back', detail: 'nothing is asked about it any more (settings.reach)' })
export const beginQuiet: Handler<'quietBegin'> = (c) =>
  enter(c, { to: 'quiet', cause: 'route-closed', detail: 'quiet time began' })
export const endQuiet: Handler<'quietEnd'> = (c) =>
  enter(c, { to: 'recovering', cause: 'evidence-good', detail: 'quiet time ended' })

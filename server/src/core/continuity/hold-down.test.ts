/**
 * Flapping is bounded: whatever happens, the engine declares no more emergencies of a kind in any hour than the hold-down allows
 * (4 at balanced because mail is not taken, and 4 because people cannot reach it), under every switching policy. Proven twice: by walking through every state that any order of events can reach, in steps of twenty minutes
 * and of no time at all, and by random histories at random times. A restart at any moment (the memory stored and read
 * again), blindness, pins and fall-backs are among the events.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Mode, Pin } from '../../platform/codes.ts'
import type { ModeRecord } from '../../store/modes.ts'
import type { Switching } from '../directory/index.ts'
import { freshState, machineTable, step, type EventKind, type MachineEvent, type MachineState } from './machine.ts'
import { sensitivities, type Sensitivity } from './sensitivity.ts'
import { stateOf } from './setter.ts'

const HOUR = 3_600_000
const TICK = HOUR / 3
const START = 1_000_000_000

/** Each event as strong as it can be: the thresholds are passed, so that only the hold-down is in the way. */
const strength: Partial<Record<EventKind, object>> = {
  good: { forMs: HOUR, count: 1000 },
  bad: { forMs: HOUR, count: 1000, text: 'x' },
  blind: { why: 'x' },
  fallback: { text: 'x' },
  reachBad: { forMs: HOUR, count: 1000, text: 'x' },
  reachGood: { forMs: HOUR, count: 1000 },
}
const kinds = Object.keys(machineTable.normal) as EventKind[]
const events = [
  ...kinds.filter((kind) => kind !== 'answer').map((kind) => ({ kind, ...strength[kind] }) as MachineEvent),
  ...(['away', 'home'] as const).map((direction): MachineEvent => ({ kind: 'answer', direction })),
]
const isByHand = ({ kind }: MachineEvent): boolean => kind.startsWith('pin') || kind === 'unpin'

/** Stored and read again, as after a restart or by another process. */
function reloaded({ mode, since, pin, eventOpen, memory }: MachineState): MachineState {
  const record = {
    mode: Mode[mode],
    since: new Date(since),
    pin: pin === null ? null : Pin[pin],
    returnEventId: eventOpen ? 'e' : null,
    memory: JSON.parse(JSON.stringify(memory)) as unknown,
  }
  return stateOf(record as ModeRecord)
}

type Kind = 'emergency' | 'emergencyReach'
/** What the engine has just declared, of its own accord or after a person said yes. */
const declaredBy = ({ mode }: MachineState, after: MachineState, event: MachineEvent): Kind | null =>
  (after.mode === 'emergency' || after.mode === 'emergencyReach') && mode !== after.mode && !isByHand(event)
    ? after.mode
    : null
type Declared = readonly { kind: Kind; at: number }[]
const of = (declared: Declared, kind: Kind): number[] => declared.flatMap((one) => (one.kind === kind ? [one.at] : []))

/**
 * What of a state decides its future, times as ages; what is older than an hour or a tick is all the same, and of suspicions
 * and questions (people can cause any number by pinning) only the newest that the limit looks at.
 */
function keyOf({ mode, since, pin, eventOpen, memory }: MachineState, declared: Declared, now: number): string {
  const ages = (times: readonly number[]): string =>
    times
      .filter((t) => t > now - HOUR)
      .map((t) => (now - t) / TICK)
      .join()
  return [
    mode,
    pin,
    eventOpen,
    since < now,
    Math.min(memory.fallbacks, 3),
    memory.blind !== null,
    memory.question?.to,
    memory.agreed,
    ages(memory.emergencies),
    ages(memory.reachEmergencies),
    ages(memory.suspicions),
    ages(memory.asked),
    ages(of(declared, 'emergency')),
    ages(of(declared, 'emergencyReach')),
  ].join(' ')
}

interface Most {
  states: number
  mail: number
  reach: number
  both: number
}

function walk(numbers: Sensitivity, chosen: readonly MachineEvent[] = events): Most {
  const seen = new Set<string>()
  const open: { state: MachineState; declared: Declared; now: number }[] = [
    { state: freshState(START), declared: [], now: START },
  ]
  const most: Most = { states: 0, mail: 0, reach: 0, both: 0 }
  const newest = (times: readonly number[]): number[] => times.slice(-numbers.suspicionsPerHour)
  for (let at = open.pop(); at; at = open.pop()) {
    for (const wait of [0, TICK])
      for (const event of chosen) {
        const now = at.now + wait
        const before = reloaded(at.state)
        const { state: after } = step(before, event, numbers, now)
        const recent = at.declared.filter((one) => one.at > now - HOUR)
        const kind = declaredBy(before, after, event)
        const declared = kind === null ? recent : [...recent, { kind, at: now }]
        most.mail = Math.max(most.mail, of(declared, 'emergency').length)
        most.reach = Math.max(most.reach, of(declared, 'emergencyReach').length)
        most.both = Math.max(most.both, declared.length)
        const memory = {
          ...after.memory,
          suspicions: newest(after.memory.suspicions),
          asked: newest(after.memory.asked),
        }
        const state = { ...after, memory }
        const key = keyOf(state, declared, now)
        if (seen.has(key)) continue
        if (seen.size > 100_000) throw new Error('the states have no end')
        seen.add(key)
        open.push({ state, declared, now })
      }
  }
  return { ...most, states: seen.size }
}

const leaving: readonly Switching[] = [
  { away: 'automatic', home: 'automatic' },
  { away: 'ask', home: 'ask' },
]

/** Both kinds at once only where few may be declared: the states are a product. */
const isOfReach = ({ kind }: MachineEvent): boolean => kind.startsWith('reach')
const isOfMail = ({ kind }: MachineEvent): boolean => ['bad', 'good', 'fallback', 'drained'].includes(kind)
const without = (those: (event: MachineEvent) => boolean): MachineEvent[] => events.filter((event) => !those(event))
// Suspicions hold the engine back as well; with few of them fewer states are the same.
const rules = (emergenciesPerHour: number, switching: Switching): Sensitivity => ({
  ...sensitivities.balanced,
  emergenciesPerHour,
  suspicionsPerHour: 1,
  switching,
})

test('every reachable state: of each kind never more within an hour than allowed, and all of them can be used', () => {
  for (const most of [1, 2, 4]) {
    const mail = walk(rules(most, leaving[0]!), without(isOfReach))
    const reach = walk(rules(most, leaving[0]!), without(isOfMail))
    console.log(`${most} an hour: ${mail.states} and ${reach.states} states`)
    expect(mail.states).toBeGreaterThan(200)
    expect(mail).toMatchObject({ mail: most, reach: 0 })
    expect(reach).toMatchObject({ mail: 0, reach: most })
  }
}, 180_000)

// What people pin is among the events above, and in random histories; here it would only multiply.
const isByPeople = ({ kind }: MachineEvent): boolean => /^(pin|unpin|planned|quiet|mixed|silent|blind)/.test(kind)

test('every state of both kinds together that evidence and answers reach: together twice as many and no more', () => {
  for (const switching of leaving) {
    const { states, mail, reach, both } = walk(rules(1, switching), without(isByPeople))
    console.log(`${switching.away} and ${switching.home}: ${states} states`)
    expect(states).toBeGreaterThan(50)
    expect([mail, reach, both]).toEqual([1, 1, 2])
  }
}, 60_000)

test('by hand, and nobody lends one: the engine declares nothing, in whatever order things come', () => {
  const byHand = { away: 'byHand', home: 'byHand' } as const
  const { states, both } = walk(
    rules(1, byHand),
    without((event) => isByPeople(event) || event.kind === 'answer'),
  )
  console.log(`by hand: ${states} states`)
  expect(both).toBe(0)
}, 60_000)

const anyEvent: fc.Arbitrary<MachineEvent> = fc.oneof(
  fc.constantFrom(...events),
  fc.constantFrom<MachineEvent>(
    { kind: 'bad', forMs: 60_000, count: 10, text: 'x' },
    { kind: 'good', forMs: 60_000, count: 10 },
    { kind: 'fallback', text: 'x' },
  ),
)

test('balanced, random histories at random times: at most 4 in any hour', () => {
  const numbers = sensitivities.balanced
  const often = fc.array(fc.tuple(fc.integer({ min: 0, max: 120_000 }), anyEvent), { minLength: 100, maxLength: 600 })
  fc.assert(
    fc.property(often, (moves) => {
      let now = START
      let state = freshState(now)
      const declared: { kind: Kind; at: number }[] = []
      for (const [wait, event] of moves) {
        now += wait
        const after = step(state, event, numbers, now).state
        const kind = declaredBy(state, after, event)
        if (kind !== null) declared.push({ kind, at: now })
        state = reloaded(after)
      }
      for (const kind of ['emergency', 'emergencyReach'] as const) {
        const times = of(declared, kind)
        for (const at of times) expect(times.filter((t) => t > at - HOUR && t <= at).length).toBeLessThanOrEqual(4)
      }
    }),
    { numRuns: 300 },
  )
})

test('while we cannot see, no order of failures and fall-backs switches anything', () => {
  const failures = fc.constantFrom<MachineEvent>(
    { kind: 'fallback', text: 'x' },
    { kind: 'silent' },
    { kind: 'blind', why: 'still' },
  )
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 40 }), fc.array(failures, { maxLength: 40 }), (before, during) => {
      const numbers = sensitivities.balanced
      let now = START
      let state = freshState(now)
      for (const event of before) state = step(state, event, numbers, (now += 30_000)).state
      state = step(state, { kind: 'blind', why: 'x' }, numbers, now).state
      const { mode } = state
      for (const event of during) {
        state = step(reloaded(state), event, numbers, (now += 30_000)).state
        expect(state.mode).toBe(mode)
        expect(state.memory.blind).not.toBeNull()
      }
    }),
  )
})

/**
 * Flapping is bounded: whatever happens, the engine declares no more emergencies in any hour than the hold-down allows (4 at
 * balanced). Proven twice: by walking through every state that any order of events can reach, in steps of twenty minutes
 * and of no time at all, and by random histories at random times. A restart at any moment (the memory stored and read
 * again), blindness, pins and fall-backs are among the events.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Mode, Pin } from '../../platform/codes.ts'
import type { ModeRecord } from '../../store/modes.ts'
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
  reachBad: { text: 'x' },
}
const kinds = Object.keys(machineTable.normal) as EventKind[]
const events = kinds.map((kind) => ({ kind, ...strength[kind] }) as MachineEvent)
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

const declares = (before: MachineState, after: MachineState, event: MachineEvent): boolean =>
  after.mode === 'emergency' && before.mode !== 'emergency' && !isByHand(event)

/**
 * What of a state decides its future, times as ages; what is older than an hour or a tick is all the same, and of suspicions
 * (people can cause any number by pinning) only the newest that the limit looks at.
 */
function keyOf(
  { mode, since, pin, eventOpen, memory }: MachineState,
  declared: readonly number[],
  now: number,
  numbers: Sensitivity,
): string {
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
    ages(memory.emergencies),
    ages(memory.suspicions.slice(-numbers.suspicionsPerHour)),
    ages(declared),
  ].join(' ')
}

function walk(numbers: Sensitivity): { states: number; most: number } {
  const seen = new Set<string>()
  const open: { state: MachineState; declared: number[]; now: number }[] = [
    { state: freshState(START), declared: [], now: START },
  ]
  let most = 0
  for (let at = open.pop(); at; at = open.pop()) {
    for (const wait of [0, TICK])
      for (const event of events) {
        const now = at.now + wait
        const before = reloaded(at.state)
        const { state } = step(before, event, numbers, now)
        const recent = at.declared.filter((t) => t > now - HOUR)
        const declared = declares(before, state, event) ? [...recent, now] : recent
        most = Math.max(most, declared.length)
        const key = keyOf(state, declared, now, numbers)
        if (seen.has(key)) continue
        if (seen.size > 200_000) throw new Error('the states have no end')
        seen.add(key)
        const suspicions = state.memory.suspicions.slice(-numbers.suspicionsPerHour)
        open.push({ state: { ...state, memory: { ...state.memory, suspicions } }, declared, now })
      }
  }
  return { states: seen.size, most }
}

test('every reachable state: never more emergencies within an hour than allowed, and all of them can be used', () => {
  // Suspicions hold the engine back as well; with few of them fewer states are the same.
  for (const emergenciesPerHour of [1, 2, 4]) {
    const { states, most } = walk({ ...sensitivities.balanced, emergenciesPerHour, suspicionsPerHour: 1 })
    console.log(`${emergenciesPerHour} an hour: ${states} states`)
    expect(states).toBeGreaterThan(200)
    expect(most).toBe(emergenciesPerHour)
  }
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
      const declared: number[] = []
      for (const [wait, event] of moves) {
        now += wait
        const after = step(state, event, numbers, now).state
        if (declares(state, after, event)) declared.push(now)
        state = reloaded(after)
      }
      for (const at of declared) expect(declared.filter((t) => t > at - HOUR && t <= at).length).toBeLessThanOrEqual(4)
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

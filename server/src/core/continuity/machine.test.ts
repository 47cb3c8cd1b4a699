/** The machine under random histories: what must hold for every order of events, and the ways between the modes. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  freshState,
  machineTable,
  step,
  stepChanges,
  type EventKind,
  type MachineEvent,
  type MachineState,
} from './machine.ts'
import { leaves } from '../directory/index.ts'
import { modeTable, type ModeName } from './mode-table.ts'
import { sensitivities, sensitivityNames, type Sensitivity } from './sensitivity.ts'

const HOUR = 3_600_000
const modes = Object.keys(modeTable) as ModeName[]

const event: fc.Arbitrary<MachineEvent> = fc.oneof(
  fc.record({ kind: fc.constant('good' as const), forMs: fc.nat(700_000), count: fc.nat(50) }),
  fc.record({ kind: fc.constant('bad' as const), forMs: fc.nat(700_000), count: fc.nat(50), text: fc.constant('x') }),
  fc.record({ kind: fc.constant('fallback' as const), text: fc.constant('x') }),
  fc.record({
    kind: fc.constant('reachBad' as const),
    forMs: fc.nat(700_000),
    count: fc.nat(50),
    text: fc.constant('x'),
  }),
  fc.record({ kind: fc.constant('reachGood' as const), forMs: fc.nat(700_000), count: fc.nat(50) }),
  fc.record({ kind: fc.constant('answer' as const), direction: fc.constantFrom('away' as const, 'home' as const) }),
  fc.record({ kind: fc.constant('blind' as const), why: fc.constant('x') }),
  fc.constantFrom(
    ...(
      [
        'mixed',
        'silent',
        'drained',
        'reachUnasked',
        'pinEmergency',
        'pinNormal',
        'pinHold',
        'unpin',
        'plannedEnd',
        'quietBegin',
        'quietEnd',
      ] as const
    ).map((kind) => ({ kind })),
  ),
)
const history = fc.array(fc.tuple(fc.integer({ min: 0, max: 600_000 }), event), { maxLength: 120 })
const leave = fc.constantFrom(...leaves)
/** Every sensitivity under every switching policy. */
const anySensitivity = fc
  .tuple(fc.constantFrom(...sensitivityNames), fc.record({ away: leave, home: leave }))
  .map(([name, switching]): Sensitivity => ({ ...sensitivities[name], switching }))

function run(
  moves: readonly (readonly [number, MachineEvent])[],
  numbers: Sensitivity,
  see?: (before: MachineState, after: MachineState, e: MachineEvent, now: number) => void,
): { state: MachineState; now: number } {
  let now = 1_000_000
  let state = freshState(now)
  for (const [wait, e] of moves) {
    now += wait
    const after = step(state, e, numbers, now)
    see?.(state, after.state, e, now)
    state = after.state
  }
  return { state, now }
}

test('the table is total', () => {
  const kinds = Object.keys(machineTable.normal).sort()
  for (const mode of modes) expect(Object.keys(machineTable[mode]).sort()).toEqual(kinds)
  expect(kinds).toHaveLength(18)
})

test('every state leads home: no pin, health and an empty queue end in normal', () => {
  fc.assert(
    fc.property(history, anySensitivity, (moves, numbers) => {
      let { state, now } = run(moves, numbers)
      const home: MachineEvent[] = [
        { kind: 'unpin' },
        { kind: 'quietEnd' },
        { kind: 'reachGood', forMs: 700_000, count: 50 },
        { kind: 'good', forMs: 700_000, count: 50 },
        { kind: 'answer', direction: 'home' },
        { kind: 'drained' },
      ]
      // An hour, so that hold-down is over, and the longest wait after fall-backs.
      for (let round = 0; round < 4; round++) {
        for (const e of home) {
          now += HOUR / 4
          state = step(state, e, numbers, now).state
        }
      }
      expect(state.mode).toBe('normal')
      expect(state.eventOpen).toBe(false)
      expect(state.pin).toBeNull()
    }),
    { numRuns: 300 },
  )
})

test('a pin wins: while it holds, only people change the mode', () => {
  const byPeople: ReadonlySet<EventKind> = new Set(['pinEmergency', 'pinNormal', 'pinHold', 'unpin', 'plannedEnd'])
  const pinned: Record<string, ModeName> = { emergency: 'emergency', normal: 'normal', hold: 'hold' }
  fc.assert(
    fc.property(history, anySensitivity, (moves, numbers) => {
      run(moves, numbers, (before, after, e) => {
        if (before.pin !== null && !byPeople.has(e.kind)) {
          expect(after.mode).toBe(before.mode)
          expect(after.pin).toBe(before.pin)
        }
        if (after.pin !== null) expect(after.mode).toBe(pinned[after.pin])
      })
    }),
    { numRuns: 300 },
  )
})

test('bounded flapping: of each kind no more emergencies in any hour than the hold-down allows, of both twice as many', () => {
  const often = fc.array(fc.tuple(fc.integer({ min: 0, max: 30_000 }), event), { minLength: 50, maxLength: 400 })
  fc.assert(
    fc.property(often, anySensitivity, (moves, numbers) => {
      const declared: { mode: ModeName; at: number }[] = []
      run(moves, numbers, (before, { mode }, e, at) => {
        const byHand = e.kind.startsWith('pin') || e.kind === 'unpin'
        if ((mode === 'emergency' || mode === 'emergencyReach') && mode !== before.mode && !byHand)
          declared.push({ mode, at })
      })
      const most = numbers.emergenciesPerHour
      for (const { at } of declared) {
        const inHour = declared.filter((one) => one.at > at - HOUR && one.at <= at)
        expect(inHour.filter(({ mode }) => mode === 'emergency').length).toBeLessThanOrEqual(most)
        expect(inHour.filter(({ mode }) => mode === 'emergencyReach').length).toBeLessThanOrEqual(most)
      }
    }),
    { numRuns: 300 },
  )
})

test('an outage of the reading side leaves the budget of the mail side whole', () => {
  const numbers = sensitivities.balanced
  let now = 0
  let state = freshState(now)
  const tell = (e: MachineEvent): void => void (state = step(state, e, numbers, (now += 60_000)).state)
  for (let i = 0; i < numbers.emergenciesPerHour; i++) {
    tell({ kind: 'reachBad', forMs: 60_000, count: 9, text: 'sign-in' })
    expect(state.mode).toBe('emergencyReach')
    if (i + 1 < numbers.emergenciesPerHour) tell({ kind: 'reachGood', forMs: 60_000, count: 9 })
  }
  // Used up: it stays, until mail is not taken either.
  tell({ kind: 'reachGood', forMs: 60_000, count: 9 })
  expect(state.mode).toBe('emergencyReach')
  tell({ kind: 'bad', forMs: 60_000, count: 9, text: 'refused' })
  expect(state.mode).toBe('emergency')
  tell({ kind: 'good', forMs: 60_000, count: 9 })
  expect(state.mode).toBe('recovering')
  tell({ kind: 'drained' })
  expect(state).toMatchObject({ mode: 'normal', memory: { emergencies: [expect.any(Number)] } })
})

test('balanced: a primary that goes down and comes back for ten hours is declared at most 4 times an hour', () => {
  const numbers = sensitivities.balanced
  let state = freshState(0)
  const declared: number[] = []
  for (let now = 0; now < 10 * HOUR; now += 1000) {
    const up = Math.floor(now / 90_000) % 2 === 0
    const inPhase = now % 90_000
    const e: MachineEvent = up
      ? { kind: 'good', forMs: inPhase, count: Math.floor(inPhase / 4000) }
      : { kind: 'bad', forMs: inPhase, count: Math.floor(inPhase / 4000), text: '' }
    const before = state.mode
    state = step(state, e, numbers, now).state
    if (state.mode === 'recovering' && inPhase > 60_000) state = step(state, { kind: 'drained' }, numbers, now).state
    if (state.mode === 'emergency' && before !== 'emergency') declared.push(now)
  }
  expect(declared.length).toBeGreaterThan(10)
  for (const at of declared) expect(declared.filter((t) => t > at - HOUR && t <= at).length).toBeLessThanOrEqual(4)
})

test('a return event is open whenever mail may be owed, and closed once', () => {
  fc.assert(
    fc.property(history, anySensitivity, (moves, numbers) => {
      run(moves, numbers, (before, after, e, now) => {
        if (['emergency', 'hold', 'quiet', 'recovering'].includes(after.mode) && after.pin !== 'normal')
          expect(after.eventOpen || after.mode === 'recovering').toBe(true)
        const { effects } = step(before, e, numbers, now)
        const opens = effects.filter((x) => x.kind === 'openEvent').length
        const closes = effects.filter((x) => x.kind === 'closeEvent').length
        expect(opens).toBe(!before.eventOpen && after.eventOpen ? 1 : 0)
        expect(closes).toBe(before.eventOpen && !after.eventOpen ? 1 : 0)
        const audits = effects.filter((x) => x.kind === 'audit').length
        if (before.mode !== after.mode || before.pin !== after.pin) expect(audits).toBe(1)
        if (before.mode !== after.mode) expect(after.since).toBe(now)
        else expect(after.since).toBe(before.since)
      })
    }),
    { numRuns: 300 },
  )
})

test('when we could not see, evidence from before is forgotten and nothing switches', () => {
  fc.assert(
    fc.property(history, anySensitivity, (moves, numbers) => {
      const { state, now } = run(moves, numbers)
      const after = step(state, { kind: 'blind', why: 'paused' }, numbers, now)
      expect(after.state.mode).toBe(state.mode)
      expect(after.state.memory.ignoreBefore).toBe(now)
      // One blindness is told once.
      const told = state.memory.blind === null ? [{ kind: 'blinded', why: 'paused' }] : []
      const { question } = state.memory
      expect(after.effects).toEqual(question === null ? told : [...told, { kind: 'askedNoMore', question }])
      expect(after.state.memory.question).toBeNull()
      expect(after.state.memory.blind).toEqual(state.memory.blind ?? { since: now, why: 'paused' })
    }),
  )
})

test('a blindness ends with the first evidence, of a pinned route too, and silence is no evidence', () => {
  const numbers = sensitivities.balanced
  for (const start of [freshState(0), step(freshState(0), { kind: 'pinHold' }, numbers, 1).state]) {
    const blind = step(start, { kind: 'blind', why: 'paused' }, numbers, 5).state
    const silent = step(blind, { kind: 'silent' }, numbers, 6)
    expect(stepChanges(blind, silent)).toBe(false)
    for (const sight of [{ kind: 'mixed' }, { kind: 'good', forMs: 1, count: 1 }] as const) {
      const seen = step(blind, sight, numbers, 7)
      expect(stepChanges(blind, seen)).toBe(true)
      expect(seen.effects).toEqual([])
      expect(seen.state).toEqual({ ...blind, memory: { ...blind.memory, blind: null } })
    }
  }
})

test('a fall-back asks for longer health before the next return', () => {
  const numbers = sensitivities.balanced
  const good: MachineEvent = { kind: 'good', forMs: 20_000, count: 5 }
  let now = 0
  let state: MachineState = { ...freshState(0), mode: 'recovering', eventOpen: true }
  state = step(state, { kind: 'fallback', text: 'no' }, numbers, now).state
  expect(state.mode).toBe('emergency')
  now += 20_000
  state = step(state, good, numbers, now).state
  expect(state.mode).toBe('emergency')
  now += 15_000
  state = step(state, good, numbers, now).state
  expect(state.mode).toBe('recovering')
  state = step(state, { kind: 'drained' }, numbers, now).state
  expect(state).toMatchObject({ mode: 'normal', eventOpen: false, memory: { fallbacks: 0 } })
})

test('a hold that ends never relays by itself; a pin on normal ends the event when nothing is left', () => {
  const numbers = sensitivities.balanced
  const held = step(freshState(0), { kind: 'pinHold' }, numbers, 1)
  expect(held.effects.map((e) => e.kind)).toEqual(['openEvent', 'markHeld', 'audit'])
  expect(step(held.state, { kind: 'unpin' }, numbers, 2).state).toMatchObject({ mode: 'emergency', pin: null })
  const normal = step(held.state, { kind: 'pinNormal' }, numbers, 2).state
  expect(normal).toMatchObject({ mode: 'normal', pin: 'normal', eventOpen: true })
  const closed = step(normal, { kind: 'drained' }, numbers, 3)
  expect(closed.state).toMatchObject({ mode: 'normal', pin: 'normal', eventOpen: false })
  expect(closed.effects.at(-1)).toEqual({ kind: 'closeEvent' })
})

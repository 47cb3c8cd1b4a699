/** Planned maintenance and modes: what it asks of the machine, and what it leaves to people and to evidence. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { Mode, Pin } from '../../platform/codes.ts'
import { silentLog } from '../../platform/log.ts'
import { routeSettingsSchema } from '../directory/index.ts'
import { freshMemory, freshState, step, type MachineState } from './machine.ts'
import { planStep } from './plan.ts'
import { sensitivities } from './sensitivity.ts'
import { createSightWatch } from './sight-watch.ts'
import { createUpkeep, upkeepStep, type RouteUpkeep } from './upkeep.ts'

const until = Date.UTC(2026, 11, 9, 1)
const of = (modes: RouteUpkeep['modes']): RouteUpkeep => ({ windowId: 'w1', name: 'Patch night', until, modes })
const memory = freshMemory()
const isProbed = true
const free = { pin: null, pinAuthor: null, pinUntil: null, memory, isProbed }
const ours = { pin: 'emergency' as const, pinAuthor: 'quiet:w1', pinUntil: new Date(until), memory, isProbed }
const persons = { pin: 'normal' as const, pinAuthor: 'person:p', pinUntil: null, memory, isProbed }

function ask(route: Parameters<typeof upkeepStep>[0], upkeep: RouteUpkeep | null) {
  const asked = upkeepStep(route, upkeep, 0)
  if (asked === 'nothing') throw new Error('nothing')
  return asked
}

test('emergency: a pin with the end of the window and an author of its own; set once, moved when the window is', () => {
  expect(ask(free, of('emergency'))).toEqual({
    event: { kind: 'pinEmergency' },
    act: { actor: 'quiet:w1', pinReason: 'planned maintenance: Patch night', pinUntil: new Date(until) },
  })
  expect(ask(ours, of('emergency'))).toBeNull()
  expect(ask(ours, { ...of('emergency'), until: until + 1 })!.event.kind).toBe('pinEmergency')
  expect(ask(ours, { ...of('emergency'), windowId: 'w2' })!.act.actor).toBe('quiet:w2')
})

test('it ends with the window, however that ends; a pin of a person is left alone', () => {
  expect(ask(ours, null)!.event.kind).toBe('unpin')
  expect(ask(ours, of('stay'))!.event.kind).toBe('unpin')
  for (const upkeep of [of('emergency'), null]) expect(ask(persons, upkeep)).toBeNull()
  expect(ask(free, null)).toBeNull()
})

test('stay: nothing moves the mode; written now and then, and what was seen meanwhile is not judged afterwards', () => {
  const numbers = sensitivities.quick
  const ids = { organisationId: 'o', routeId: 'r' }
  let planned: RouteUpkeep | null = of('stay')
  const upkeep = createUpkeep(() => planned)
  let state: MachineState = freshState(0)
  let writes = 0
  const round = (now: number): void => {
    const asked = upkeep.ask({ ...free, ...state, ...ids }, now)
    if (asked === 'nothing') return
    // What evidence would say.
    const event = asked?.event ?? ({ kind: 'bad', forMs: 600_000, count: 100, text: 'gone' } as const)
    state = step(state, event, numbers, now).state
    writes++
  }
  for (let now = 1000; now <= 3_600_000; now += 1000) round(now)
  expect(state.mode).toBe('normal')
  expect(state.memory.blind!.why).toContain('Patch night')
  expect(writes).toBe(120)
  planned = null
  round(3_601_000)
  expect(state).toMatchObject({ mode: 'normal', memory: { ignoreBefore: 3_601_000 } })
  round(3_602_000)
  expect(state.mode).toBe('suspect')
})

test('a planned emergency without probes ends with its window: mail goes home at once; with probes evidence decides', () => {
  const numbers = sensitivities.balanced
  const unprobed = { ...ours, isProbed: false }
  expect(ask(unprobed, null)!.event.kind).toBe('plannedEnd')
  expect(ask(ours, null)!.event.kind).toBe('unpin')
  const state = step(freshState(0), { kind: 'pinEmergency' }, numbers, 1000).state
  const record = {
    organisationId: 'o',
    routeId: 'r',
    kind: 1,
    mode: Mode.emergency,
    since: new Date(1000),
    version: 1,
    cause: '',
    detail: null,
    pin: Pin.emergency,
    pinReason: 'x',
    pinAuthor: 'quiet:w1',
    pinUntil: new Date(until),
    memory: state.memory,
    judge: null,
    returnEventId: 'e',
    now: new Date(until + 1000),
  }
  const told = { blindText: '', forgetBefore: 0, probes: [], planned: null }
  const end = planStep(record, [], numbers, { ...told, isProbed: false })
  expect(end.next.state).toMatchObject({ mode: 'recovering', pin: null })
  expect(end.next.effects).toContainEqual({ kind: 'markHeld', due: true })
  expect(planStep(record, [], numbers, { ...told, isProbed: true }).next.state).toMatchObject({
    mode: 'emergency',
    pin: null,
  })
  // A person's pin that ends is no plan: evidence decides.
  const persons = { ...record, pinAuthor: 'person:p' }
  expect(planStep(persons, [], numbers, { ...told, isProbed: false }).next.state.mode).toBe('emergency')
  // Whoever wants to be asked is asked.
  const asking = { ...numbers, switching: { away: 'automatic', home: 'ask' } as const }
  const { next } = planStep(record, [], asking, { ...told, isProbed: false })
  expect(next.state).toMatchObject({ mode: 'emergency', pin: null, memory: { question: { to: 'recovering' } } })
  // It was not well after all: the first failure of the return falls back.
  expect(step(end.next.state, { kind: 'fallback', text: 'no' }, numbers, until + 2000).state.mode).toBe('emergency')
})

test('routes under planned maintenance whose modes stay say nothing about our own sight, neither way', async () => {
  const now = 1_000_000
  const hosts = (i: number) => routeSettingsSchema.parse({ hosts: [{ host: `mx.provider${i}.test` }] })
  const ids = [0, 1, 2, 3, 4]
  const seen = (i: number) => ({
    routeId: `r${i}`,
    mode: Mode.normal,
    pin: null,
    goodAt: i === 4 ? new Date(now - 1000) : null,
    badFrom: i === 4 ? null : new Date(now - 30_000),
    badAt: i === 4 ? null : new Date(now - 1000),
  })
  const look = (setAside: ReadonlySet<string>) => {
    const watch = createSightWatch({
      read: () => Promise.resolve(ids.map(seen)),
      clock: fakeClock(),
      log: silentLog,
      routes: { get: (id) => ({ settings: hosts(Number(id.slice(1))) }) as never, all: () => [] },
      references: [],
      ask: () => Promise.resolve(),
      addresses: { of: () => [], refresh: () => Promise.resolve() },
      isSetAside: (routeId) => setAside.has(routeId),
    })
    return watch.look(now, [{ routeId: 'r3', begunAt: now - 30_000 }])
  }
  // Four of five fail at once: it may be we who are ill. Three of them are being mended: it is r3.
  expect((await look(new Set())).blind).toContain('most mail systems fail')
  const planned = await look(new Set(['r0', 'r1', 'r2']))
  expect(planned).toMatchObject({ blind: null })
  expect(planned.waits.size).toBe(0)
  // One that is being mended and answers is no witness either.
  expect((await look(new Set(['r4']))).blind).toContain('0 answer')
})

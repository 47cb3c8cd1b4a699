/** Planned maintenance and modes: what it asks of the machine, and what it leaves to people and to evidence. */
import { expect, test } from 'vitest'
import { freshMemory, freshState, step, type MachineState } from './machine.ts'
import { sensitivities } from './sensitivity.ts'
import { createUpkeep, upkeepStep, type RouteUpkeep } from './upkeep.ts'

const until = Date.UTC(2026, 11, 9, 1)
const of = (modes: RouteUpkeep['modes']): RouteUpkeep => ({ windowId: 'w1', name: 'Patch night', until, modes })
const memory = freshMemory()
const free = { pin: null, pinAuthor: null, pinUntil: null, memory }
const ours = { pin: 'emergency' as const, pinAuthor: 'quiet:w1', pinUntil: new Date(until), memory }
const persons = { pin: 'normal' as const, pinAuthor: 'person:p', pinUntil: null, memory }

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

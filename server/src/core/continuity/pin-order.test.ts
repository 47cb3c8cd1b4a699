/** Who decides the mode of somebody's mail, for every combination of what can speak of it. */
import { expect, test } from 'vitest'
import { Mode, Pin } from '../../platform/codes.ts'
import { decide, deciders, type Decider, type PinDecider, type Voices } from './pin-order.ts'

const pins = [undefined, Pin.emergency, Pin.normal, Pin.hold] as const
const modes = Object.values(Mode)
const narrow = ['person', 'group', 'domain', 'organisation'] as const satisfies readonly PinDecider[]

/** As the machine stores them: a pinned route is in the pin's mode, or recovering on its way to normal. */
const routes = [
  ...modes.map((mode) => ({ mode, isPinned: false })),
  ...[Mode.emergency, Mode.normal, Mode.recovering, Mode.hold].map((mode) => ({ mode, isPinned: true })),
]

function* everything(): Generator<Voices> {
  for (const person of pins)
    for (const group of pins)
      for (const domain of pins)
        for (const organisation of pins)
          for (const mailboxFails of [false, true])
            for (const route of routes) {
              const voices: Voices = { mailboxFails, route }
              for (const [by, pin] of Object.entries({ person, group, domain, organisation }))
                if (pin !== undefined) voices[by as PinDecider] = pin
              yield voices
            }
}
const without = (voices: Voices, by: Decider): Voices => {
  if (by === 'mailbox') return { ...voices, mailboxFails: false }
  if (by === 'route') return { ...voices, route: { ...voices.route, isPinned: false } }
  const { [by as PinDecider]: _, ...rest } = voices
  return rest
}

test('total: every combination has a mode and somebody who decided it', () => {
  let n = 0
  for (const voices of everything()) {
    const { mode, by } = decide(voices)
    expect(modes).toContain(mode)
    expect(deciders).toContain(by)
    n++
  }
  expect(n).toBe(4 ** 4 * 2 * routes.length)
})

test('a hold anywhere wins, and the narrowest of several is named', () => {
  for (const voices of everything()) {
    const holds = deciders.filter((by) =>
      by === 'mailbox'
        ? false
        : by === 'route' || by === 'engine'
          ? voices.route.mode === Mode.hold && (by === 'engine' || voices.route.isPinned)
          : voices[by] === Pin.hold,
    )
    const { mode, by } = decide(voices)
    if (holds.length > 0) expect({ mode, by }).toEqual({ mode: Mode.hold, by: holds[0] })
    else expect(mode).not.toBe(Mode.hold)
  }
})

test('without a hold the narrowest pin counts; a failing mailbox comes before what is wider, where its route takes mail', () => {
  for (const voices of everything()) {
    if (narrow.some((by) => voices[by] === Pin.hold) || voices.route.mode === Mode.hold) continue
    const { by } = decide(voices)
    const own = voices.person ? 'person' : voices.group ? 'group' : null
    const fails = voices.mailboxFails && ![Mode.emergency, Mode.quiet].includes(voices.route.mode as never)
    const wide = voices.domain
      ? 'domain'
      : voices.route.isPinned
        ? 'route'
        : voices.organisation
          ? 'organisation'
          : 'engine'
    expect(by).toBe(own ?? (fails ? 'mailbox' : wide))
  }
})

test('a pin to normal goes no faster than a return', () => {
  for (const voices of everything()) {
    const { mode, by } = decide(voices)
    if (by in voices && voices[by as PinDecider] === Pin.normal)
      expect(mode).toBe(voices.route.mode === Mode.recovering ? Mode.recovering : Mode.normal)
  }
})

test('every state leads home: taking away who decided, one after the other, ends with the engine', () => {
  for (const start of everything()) {
    let voices = start
    for (let steps = 0; decide(voices).by !== 'engine'; steps++) {
      expect(steps).toBeLessThan(deciders.length)
      voices = without(voices, decide(voices).by)
    }
    expect(decide(voices).mode).toBe(start.route.mode)
  }
})

/** When people are told, on a clock that moves second by second: nothing too early, nothing twice, nothing blindly. */
import { describe, expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { Mode } from '../../platform/codes.ts'
import { CALM_MS, BY_HAND_MS, judgeOutage, type Outage, type Rules } from './rules.ts'

const MINUTE = 60_000
const tenMinutes: Rules = { automatic: true, afterMs: 10 * MINUTE }

/** One route over time: what is told, and when (in seconds since the beginning). */
async function live(
  phases: readonly { mode: Mode; seconds: number; isBlind?: boolean; isQuiet?: boolean }[],
  rules = tenMinutes,
  before: Outage | null = null,
) {
  const clock = fakeClock()
  const from = clock.now()
  const second = (): number => (clock.now() - from) / 1000
  let outage = before
  let since = clock.now()
  let last: Mode | null = null
  const told: number[] = []
  const over: number[] = []
  for (const { mode, seconds, isBlind = false, isQuiet = false } of phases) {
    if (mode !== last) since = clock.now()
    last = mode
    for (let n = 0; n < seconds; n++) {
      const verdict = judgeOutage(outage, { mode, since, isBlind, isQuiet }, rules, clock.now())
      outage = verdict.outage
      if (verdict.tell) {
        told.push(second())
        outage = { ...outage!, isTold: true }
      }
      if (verdict.isOver) {
        if (outage!.isTold) over.push(second())
        outage = null
      }
      await clock.advance(1000)
    }
  }
  return { told, over, outage }
}

describe('when people are told', () => {
  test('not at 9 min 59 s, but at ten minutes, and once', async () => {
    expect((await live([{ mode: Mode.emergency, seconds: 600 }])).told).toEqual([])
    expect((await live([{ mode: Mode.emergency, seconds: 3000 }])).told).toEqual([600])
  })
  test('an emergency in which mail cannot be reached counts alike', async () => {
    expect((await live([{ mode: Mode.emergencyReach, seconds: 700 }])).told).toEqual([600])
    const worse = [
      { mode: Mode.emergencyReach, seconds: 300 },
      { mode: Mode.emergency, seconds: 400 },
    ]
    expect((await live(worse)).told).toEqual([600])
  })
  test('an outage that ends after nine minutes: never, and nothing about its end', async () => {
    const { told, over } = await live([
      { mode: Mode.emergency, seconds: 540 },
      { mode: Mode.recovering, seconds: 30 },
      { mode: Mode.normal, seconds: 3600 },
    ])
    expect([told, over]).toEqual([[], []])
  })
  test('while we cannot see: nobody; when we see again and it is still so: at once', async () => {
    const blind = await live([{ mode: Mode.emergency, seconds: 1200, isBlind: true }])
    expect(blind.told).toEqual([])
    const seeing = await live([
      { mode: Mode.emergency, seconds: 900, isBlind: true },
      { mode: Mode.emergency, seconds: 60 },
    ])
    expect(seeing.told).toEqual([900])
  })
  test('in a planned time: nobody; when it ends and the outage does not: then', async () => {
    const { told } = await live([
      { mode: Mode.emergency, seconds: 1800, isQuiet: true },
      { mode: Mode.emergency, seconds: 10 },
    ])
    expect(told).toEqual([1800])
  })
  test('normal, checking, held, quiet: nobody', async () => {
    for (const mode of [Mode.normal, Mode.suspect, Mode.hold, Mode.quiet, Mode.recovering])
      expect((await live([{ mode, seconds: 2000 }])).told).toEqual([])
  })
  test('turned off: nobody', async () => {
    expect((await live([{ mode: Mode.emergency, seconds: 2000 }], { ...tenMinutes, automatic: false })).told).toEqual(
      [],
    )
  })
  test('suppressed: nobody', async () => {
    const suppressed = { beganAt: 0, downSince: 0, calmSince: null, wasDown: true, isTold: false, isSuppressed: true }
    expect((await live([{ mode: Mode.emergency, seconds: 2000 }], tenMinutes, suppressed)).told).toEqual([])
  })
  test('the time starts anew where the mail system worked in between', async () => {
    const { told } = await live([
      { mode: Mode.emergency, seconds: 400 },
      { mode: Mode.normal, seconds: 60 },
      { mode: Mode.emergency, seconds: 700 },
    ])
    expect(told).toEqual([1060])
  })
  test('a return that falls back is no end: the time goes on', async () => {
    const { told } = await live([
      { mode: Mode.emergency, seconds: 400 },
      { mode: Mode.recovering, seconds: 60 },
      { mode: Mode.emergency, seconds: 700 },
    ])
    expect(told).toEqual([600])
  })
})

describe('when it is over', () => {
  test('five calm minutes after, once, for who was told', async () => {
    const { told, over } = await live([
      { mode: Mode.emergency, seconds: 700 },
      { mode: Mode.normal, seconds: 2000 },
    ])
    expect(told).toEqual([600])
    expect(over).toEqual([700 + CALM_MS / 1000])
  })
  test('a mail system that comes and goes gives one notice, and one at the end', async () => {
    const flapping = Array.from({ length: 12 }, () => [
      { mode: Mode.emergency, seconds: 660 },
      { mode: Mode.recovering, seconds: 20 },
      { mode: Mode.normal, seconds: 200 },
    ]).flat()
    const { told, over } = await live([...flapping, { mode: Mode.normal, seconds: 600 }])
    expect(told).toEqual([600])
    expect(over).toHaveLength(1)
  })
  test('doubt and blindness do not end it', async () => {
    const { over } = await live([
      { mode: Mode.emergency, seconds: 700 },
      { mode: Mode.normal, seconds: 120 },
      { mode: Mode.suspect, seconds: 20 },
      { mode: Mode.normal, seconds: 250 },
      { mode: Mode.normal, seconds: 300, isBlind: true },
    ])
    expect(over).toEqual([])
  })
  test('what an admin told of without an outage is forgotten after a day', () => {
    const byHand = { beganAt: 0, downSince: null, calmSince: null, wasDown: false, isTold: true, isSuppressed: false }
    const normal = { mode: Mode.normal, since: 0, isBlind: false, isQuiet: false }
    expect(judgeOutage(byHand, normal, tenMinutes, BY_HAND_MS - 1).isOver).toBe(false)
    expect(judgeOutage(byHand, normal, tenMinutes, BY_HAND_MS).isOver).toBe(true)
  })
  test('an emergency after an admin told people is the same outage: no second notice', () => {
    const byHand = { beganAt: 0, downSince: null, calmSince: null, wasDown: false, isTold: true, isSuppressed: false }
    const down = { mode: Mode.emergency, since: MINUTE, isBlind: false, isQuiet: false }
    expect(judgeOutage(byHand, down, tenMinutes, 60 * MINUTE)).toMatchObject({ tell: false, outage: { wasDown: true } })
  })
})

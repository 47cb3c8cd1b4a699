/**
 * Thresholds in seconds on a fake clock: the real prober, the real window and the real machine against a primary that
 * dies, hangs, comes back, or is merely imperfect. No database: the judge's loop is imitated here, one round a second.
 */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import type { ProbeResult, ProbeTarget } from '../../clients/smtp/probe.ts'
import { EvidenceKind, Mode, RouteKind } from '../../platform/codes.ts'
import type { Route } from '../directory/index.ts'
import { automatic, routeSettingsSchema } from '../directory/index.ts'
import { freshState, step, type MachineState } from './machine.ts'
import type { ModeName } from './mode-table.ts'
import { observe, type EvidenceCount } from './observation.ts'
import { createProber } from './probe.ts'
import { longestWindow, sensitivities, type SensitivityName } from './sensitivity.ts'

type Health = 'good' | 'refused' | 'hanging' | 'tempfail' | 'weAreOffline'

/** Numbers that repeat, so that a failure can be looked at. */
function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

function scene(name: SensitivityName, options: { seed?: number; probes?: boolean } = {}) {
  const clock = fakeClock()
  const random = dice(options.seed ?? 1)
  const numbers = sensitivities[name]
  const world = { health: 'good' as Health, probesAtOnce: 0, mostProbesAtOnce: 0 }
  let counts: EvidenceCount[] = []
  let state: MachineState = freshState(clock.now())
  const seen: { at: number; mode: ModeName }[] = []
  const listeners: ((now: never, before: never) => void)[] = []
  // Counted per second and kind, as the sink and the table do.
  const report = (kind: EvidenceKind, text = '', seen = 1): void => {
    const second = Math.floor(clock.now() / 1000) * 1000
    const known = counts.findLast((c) => c.second === second && c.kind === kind)
    if (known) known.seen += seen
    else counts.push({ second, kind, seen, text })
  }
  const standing = (mode = state.mode) => ({
    organisationId: 'o',
    routeId: 'r',
    mode: Mode[mode],
    since: 0,
    pin: null,
    version: 0,
    returnEventId: null,
  })
  async function answer(target: ProbeTarget): Promise<ProbeResult> {
    const began = clock.monotonic()
    if (world.health === 'hanging') await clock.sleep(target.timeoutMs)
    const tookMs = clock.monotonic() - began
    switch (world.health) {
      case 'good':
        return { ok: true, stage: 'rcpt', code: 250, text: '250 ok', tookMs }
      case 'refused':
        return { ok: false, stage: 'connect', text: 'connect ECONNREFUSED', tookMs }
      case 'tempfail':
        return { ok: false, stage: 'rcpt', code: 451, enhanced: '4.3.0', text: '451 down', tookMs }
      case 'weAreOffline':
        return { ok: false, stage: 'connect', text: 'connect ENETUNREACH 192.0.2.1:25', tookMs }
      case 'hanging':
        return { ok: false, stage: 'greeting', text: 'no answer for 10 s', tookMs }
    }
  }
  const route: Route = {
    organisationId: 'o',
    routeId: 'r',
    name: 'primary',
    kind: RouteKind.primary,
    settings: routeSettingsSchema.parse({
      hosts: [{ host: 'primary.test' }],
      sensitivity: name,
      probe: { enabled: options.probes ?? true },
    }),
    secretSealed: null,
    clientTlsSealed: null,
    reachSealed: null,
    switching: automatic,
    offers: {},
    offer: null,
    wayBack: 1,
    domain: 'example.test',
  }
  const prober = createProber({
    clock,
    routes: { get: () => route },
    board: { standing: () => standing(), onChange: (run) => void listeners.push(run) },
    evidence: { report: ({ kind, text }) => report(kind, text) },
    judged: () => ['r'],
    helo: 'holdfast.test',
    random,
    async probe(target) {
      world.mostProbesAtOnce = Math.max(world.mostProbesAtOnce, ++world.probesAtOnce)
      try {
        return await answer(target)
      } finally {
        world.probesAtOnce -= 1
      }
    },
  })
  clock.every(1000, () => {
    const now = clock.now()
    counts = counts.filter((c) => c.second > now - longestWindow * 1000)
    const before = state.mode
    state = step(state, observe(counts, now, numbers, state.memory.ignoreBefore), numbers, now).state
    if (state.mode === before) return
    seen.push({ at: now, mode: state.mode })
    for (const run of listeners) run(standing() as never, standing(before) as never)
  })
  prober.start()
  return {
    clock,
    world,
    seen,
    report,
    random,
    numbers,
    mode: () => state.mode,
    blind: () => state.memory.blind,
    drained: () => (state = step(state, { kind: 'drained' }, numbers, clock.now()).state),
  }
}

/** Seconds until the mode is `wanted`; fails after `most`. */
async function secondsUntil(s: ReturnType<typeof scene>, wanted: ModeName, most: number): Promise<number> {
  const from = s.clock.now()
  while (s.mode() !== wanted) {
    await s.clock.advance(100)
    if (s.clock.now() - from > most * 1000) throw new Error(`still ${s.mode()} after ${most} s`)
  }
  return (s.clock.now() - from) / 1000
}

const bounds = [
  { name: 'quick', dead: 6, back: 6 },
  { name: 'balanced', dead: 60, back: 60 },
  { name: 'patient', dead: 480, back: 300 },
] as const

for (const { name, dead, back } of bounds)
  for (const how of ['refused', 'hanging', 'tempfail'] as const)
    test(`${name}: a primary that is ${how} is declared within ${dead} s by probes alone, its return within ${back} s`, async () => {
      for (const seed of [1, 2, 3, 4, 5]) {
        const s = scene(name, { seed })
        // Dying at different moments between two probes.
        await s.clock.advance(s.numbers.probeEvery * 2000 + seed * 317)
        expect(s.mode()).toBe('normal')
        s.world.health = how
        expect(await secondsUntil(s, 'emergency', dead)).toBeLessThanOrEqual(dead)
        await s.clock.advance(s.numbers.window * 1000 + seed * 611)
        expect(s.mode()).toBe('emergency')
        s.world.health = 'good'
        expect(await secondsUntil(s, 'recovering', back)).toBeLessThanOrEqual(back)
        expect(s.world.mostProbesAtOnce).toBe(1)
      }
    })

const harmless: { what: string; traffic: (s: ReturnType<typeof scene>) => void }[] = [
  {
    what: '3 % of deliveries fail at random with 451, on a busy route',
    traffic: (s) => {
      for (let i = 0; i < 20; i++) s.report(s.random() < 0.03 ? EvidenceKind.tempfail : EvidenceKind.good)
    },
  },
  {
    what: '3 % of deliveries fail at random with 451, on a quiet route',
    traffic: (s) => {
      if (s.random() < 0.1) s.report(s.random() < 0.03 ? EvidenceKind.tempfail : EvidenceKind.good)
    },
  },
  { what: 'greylisting of everything', traffic: (s) => s.report(EvidenceKind.neutral, '450 4.7.1 greylisted') },
  { what: 'one full mailbox, again and again', traffic: (s) => s.report(EvidenceKind.neutral, '452 4.2.2 full') },
  {
    what: 'many recipients refused, others taken',
    traffic: (s) => {
      for (let i = 0; i < 10; i++) s.report(EvidenceKind.policy, '550 no')
      s.report(EvidenceKind.good)
    },
  },
]

for (const { name, dead } of bounds)
  for (const { what, traffic } of harmless)
    test(`${name}: ${what}: nothing switches for ten times the bound`, async () => {
      const s = scene(name, { seed: 7 })
      const stop = s.clock.every(1000, () => traffic(s))
      await s.clock.advance(dead * 10 * 1000)
      stop.cancel()
      expect(s.seen).toEqual([])
    })

for (const { name, dead, back } of bounds)
  test(`${name}: with busy traffic an outage is declared and ends within the same bounds, and one failure after it is forgiven`, async () => {
    const s = scene(name)
    // What the delivery room does: everything is tried but in an emergency; in recovering the return tries.
    s.clock.every(1000, () => {
      if (s.mode() === 'emergency') return
      s.report(s.world.health === 'good' ? EvidenceKind.good : EvidenceKind.connectRefused, 'real', 10)
    })
    await s.clock.advance(s.numbers.window * 1000)
    s.world.health = 'refused'
    expect(await secondsUntil(s, 'emergency', dead)).toBeLessThanOrEqual(dead)
    await s.clock.advance(2000)
    s.world.health = 'good'
    expect(await secondsUntil(s, 'recovering', back)).toBeLessThanOrEqual(back)
    await s.clock.advance(3000)
    expect(s.mode()).toBe('recovering')
    s.drained()
    const changes = s.seen.length
    s.report(EvidenceKind.timeout)
    await s.clock.advance(dead * 1000)
    expect(s.mode()).toBe('normal')
    expect(s.seen.length).toBe(changes)
  })

test('half-dead: RCPT works, every message fails at the end; declared within 60 s at balanced', async () => {
  const s = scene('balanced')
  s.clock.every(1000, () => s.report(EvidenceKind.tempfail, '452 4.3.1 disk full'))
  expect(await secondsUntil(s, 'emergency', 60)).toBeLessThanOrEqual(60)
})

test('half-dead: two of three deliveries fail; declared within 60 s at balanced', async () => {
  const s = scene('balanced')
  s.clock.every(1000, () => s.report(s.random() < 0.67 ? EvidenceKind.timeout : EvidenceKind.good))
  expect(await secondsUntil(s, 'emergency', 60)).toBeLessThanOrEqual(60)
})

test('5xx to everything is declared, where no probe says otherwise', async () => {
  const s = scene('balanced', { probes: false })
  s.clock.every(1000, () => s.report(EvidenceKind.policy, '554 5.3.2 go away'))
  expect(await secondsUntil(s, 'emergency', 60)).toBeLessThanOrEqual(60)
})

test('without probes and with one failing message an hour nothing switches', async () => {
  const s = scene('balanced', { probes: false })
  s.clock.every(600_000, () => s.report(EvidenceKind.timeout))
  await s.clock.advance(3 * 3_600_000)
  expect(s.seen).toEqual([])
})

for (const { name, dead } of bounds)
  test(`${name}: when it is we who are offline nothing switches, even where real failures came just before, and it says so`, async () => {
    for (const before of ['good', 'refused'] as const) {
      const s = scene(name)
      await s.clock.advance(s.numbers.probeEvery * 3000)
      s.world.health = before
      if (before === 'refused') await secondsUntil(s, 'suspect', dead)
      expect(s.blind()).toBeNull()
      s.world.health = 'weAreOffline'
      await s.clock.advance(dead * 3 * 1000)
      expect(s.mode()).toBe(before === 'refused' ? 'suspect' : 'normal')
      expect(s.blind()).toMatchObject({ why: expect.stringContaining('ENETUNREACH') as string })
      s.world.health = 'good'
      await s.clock.advance(s.numbers.probeEvery * 3000)
      expect(s.blind()).toBeNull()
    }
  })

test('one attempt without an uplink among good ones is no blindness', async () => {
  const s = scene('balanced')
  s.clock.every(10_000, () => s.report(EvidenceKind.ours, 'EMFILE'))
  s.clock.every(1000, () => s.report(EvidenceKind.good))
  await s.clock.advance(600_000)
  expect(s.blind()).toBeNull()
  expect(s.seen).toEqual([])
})

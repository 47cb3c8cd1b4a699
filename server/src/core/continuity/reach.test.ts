/**
 * Whether people can reach their mail, judged: the observation by itself, and thresholds in seconds on a fake clock with the
 * real prober, the real observation and the real machine.
 */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { reached, type ReachResult } from '../../clients/reach/result.ts'
import { EvidenceKind, Mode, RouteKind } from '../../platform/codes.ts'
import { silentLog, type Log } from '../../platform/log.ts'
import { automatic, routeSettingsSchema, type Route } from '../directory/index.ts'
import { freshState, step, type MachineState } from './machine.ts'
import type { ModeName } from './mode-table.ts'
import type { EvidenceCount } from './observation.ts'
import { observeReach } from './reach.ts'
import { createReachProber, heardProbes } from './reach-prober.ts'
import { longestWindow, sensitivities } from './sensitivity.ts'

const NOW = 1_000_000
type Count = EvidenceCount & { probe: string }
const seen = (probe: string, good: boolean, ...secondsAgo: number[]): Count[] =>
  secondsAgo.map((ago) => ({
    second: NOW - ago * 1000,
    kind: good ? EvidenceKind.reachGood : EvidenceKind.reachBad,
    probe,
    seen: 1,
    text: good ? 'fine' : 'broken',
  }))
const probes = [
  { name: 'sign-in', everyMs: 24_000 },
  { name: 'webmail', everyMs: 24_000 },
]

test.each<[string, Count[], ReturnType<typeof observeReach>]>([
  ['nothing seen', [], null],
  [
    'all well',
    [...seen('sign-in', true, 40, 20), ...seen('webmail', true, 30, 10)],
    { kind: 'reachGood', forMs: 30_000, count: 2 },
  ],
  [
    'a page that answers says nothing about a dead sign-in',
    [...seen('sign-in', false, 30, 20, 10), ...seen('webmail', true, 9, 5, 1)],
    { kind: 'reachBad', forMs: 30_000, count: 3, text: 'sign-in: broken' },
  ],
  [
    'a success ends a streak',
    [...seen('sign-in', false, 50, 40), ...seen('sign-in', true, 30), ...seen('sign-in', false, 20)],
    { kind: 'reachBad', forMs: 20_000, count: 1, text: 'sign-in: broken' },
  ],
  ['what was removed from the settings does not count', seen('old', false, 30, 20, 10), null],
  ['what has not been heard of for long does not count', seen('sign-in', false, 300, 200, 100), null],
])('%s', (_, counts, expected) => {
  expect(observeReach(counts, NOW, probes)).toEqual(expected)
})
test('evidence from before is not judged', () => {
  expect(observeReach(seen('sign-in', false, 30, 20, 10), NOW, probes, NOW - 15_000)).toMatchObject({ count: 1 })
})

const route: Route = {
  organisationId: 'o',
  routeId: 'r',
  name: 'primary',
  kind: RouteKind.primary,
  settings: routeSettingsSchema.parse({
    hosts: [{ host: 'primary.test' }],
    reach: [
      { name: 'webmail', kind: 'https', url: 'https://mail.example.test/' },
      { name: 'sign-in', kind: 'oidc', issuer: 'https://login.example.test' },
    ],
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

function scene(log: Log = silentLog) {
  const clock = fakeClock()
  const numbers = sensitivities.balanced
  const answers: Record<string, () => ReachResult> = {
    'webmail': () => reached('good', 'fine'),
    'sign-in': () => reached('good', 'fine'),
  }
  let counts: Count[] = []
  let state: MachineState = freshState(clock.now())
  let now: Route = route
  const asked: { name: string; at: number }[] = []
  const modes: { at: number; mode: ModeName }[] = []
  const prober = createReachProber({
    clock,
    log,
    routes: { get: () => now },
    board: {
      standing: () => ({
        organisationId: 'o',
        routeId: 'r',
        mode: Mode[state.mode],
        since: 0,
        pin: null,
        version: 0,
        returnEventId: null,
      }),
    },
    evidence: {
      report: ({ kind, probe = '', text = '' }) =>
        void counts.push({ second: Math.floor(clock.now() / 1000) * 1000, kind, probe, seen: 1, text }),
    },
    judged: () => ['r'],
    ask({ name }) {
      asked.push({ name, at: clock.now() })
      return Promise.resolve(answers[name]!())
    },
    openSecret: () => '{}',
    random: () => 0.5,
  })
  clock.every(1000, () => {
    counts = counts.filter((c) => c.second > clock.now() - longestWindow * 1000)
    const event = observeReach(counts, clock.now(), heardProbes(now), state.memory.ignoreBefore)
    const before = state.mode
    if (event) state = step(state, event, numbers, clock.now()).state
    if (state.mode !== before) modes.push({ at: clock.now(), mode: state.mode })
  })
  prober.start()
  return {
    clock,
    answers,
    asked,
    modes,
    setRoute: (next: Route) => {
      now = next
    },
  }
}

test('a dead identity provider is noticed within a minute, and its return too; mail goes on meanwhile', async () => {
  const { clock, answers, modes } = scene()
  await clock.advance(120_000)
  const died = clock.now()
  answers['sign-in'] = () => reached('bad', 'no answer for 10 s')
  await clock.advance(90_000)
  expect(modes).toMatchObject([{ mode: 'emergencyReach' }])
  expect(modes[0]!.at - died).toBeLessThanOrEqual(60_000)
  await clock.advance(600_000)
  expect(modes).toHaveLength(1)
  const back = clock.now()
  answers['sign-in'] = () => reached('good', 'fine')
  await clock.advance(90_000)
  expect(modes).toMatchObject([{ mode: 'emergencyReach' }, { mode: 'normal' }])
  expect(modes[1]!.at - back).toBeLessThanOrEqual(60_000)
})

test('harmless for ten minutes: one failure in five, our own trouble, a refused password', async () => {
  const { clock, answers, modes } = scene()
  let n = 0
  answers['webmail'] = () => (++n % 5 === 0 ? reached('bad', 'it answers 503') : reached('good', 'fine'))
  answers['sign-in'] = () => (n % 2 ? reached('ours', 'no uplink') : reached('refused', 'no'))
  await clock.advance(600_000)
  expect(n).toBeGreaterThan(20)
  expect(modes).toEqual([])
})

test('a refused password is said once and asked about more and more seldom, until it is corrected', async () => {
  const said: unknown[] = []
  const log: Log = { ...silentLog, error: (fields) => void said.push(fields) }
  const { clock, answers, asked, setRoute } = scene(log)
  answers['sign-in'] = () => reached('refused', 'NO [AUTHENTICATIONFAILED]')
  await clock.advance(3_600_000 * 3)
  const times = asked.filter(({ name }) => name === 'sign-in').map(({ at }) => at)
  // 5, 10, 20, 40 minutes, then an hour each.
  expect(times.length).toBeLessThanOrEqual(7)
  expect(times[2]! - times[1]!).toBeGreaterThan(1.8 * (times[1]! - times[0]!))
  expect(said).toMatchObject([{ route: 'primary', probe: 'sign-in' }])
  answers['sign-in'] = () => reached('good', 'fine')
  setRoute({ ...route, reachSealed: Buffer.from('another') })
  await clock.advance(5_000)
  expect(asked.filter(({ name, at }) => name === 'sign-in' && at > clock.now() - 5_000)).toHaveLength(1)
})

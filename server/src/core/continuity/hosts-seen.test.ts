/** One dead host of three: each is looked at, it is said once, and no mode is touched. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { EvidenceKind, Mode, RouteKind } from '../../platform/codes.ts'
import { silentLog, type Log } from '../../platform/log.ts'
import type { HostAnswer } from '../../store/route-hosts.ts'
import { automatic, routeSettingsSchema, type Route } from '../directory/index.ts'
import { createHostWatch } from './host-watch.ts'
import { createProber } from './probe.ts'

const hosts = ['a.test', 'b.test', 'c.test']
const route: Route = {
  organisationId: 'o',
  routeId: 'r',
  name: 'primary',
  kind: RouteKind.primary,
  settings: routeSettingsSchema.parse({ hosts: hosts.map((host, priority) => ({ host, priority })) }),
  secretSealed: null,
  clientTlsSealed: null,
  reachSealed: null,
  switching: automatic,
  offers: {},
  offer: null,
  wayBack: 1,
  domain: null,
}

function scene() {
  const clock = fakeClock()
  const said: string[] = []
  const log = {
    ...silentLog,
    error: (about: { host?: string }, text: string) => void said.push(`error ${about.host} ${text}`),
    info: (about: { host?: string }, text: string) => void said.push(`info ${about.host} ${text}`),
  } as unknown as Log
  const written: HostAnswer[] = []
  const dead = new Set<string>()
  const kinds: EvidenceKind[] = []
  let judged = ['r']
  const watch = createHostWatch({
    clock,
    log,
    judged: () => judged,
    write: (answers) => {
      written.push(...answers)
      return Promise.resolve()
    },
  })
  const prober = createProber({
    clock,
    routes: { get: () => route },
    board: {
      onChange: () => undefined,
      standing: () => ({
        organisationId: 'o',
        routeId: 'r',
        mode: Mode.normal,
        since: 0,
        pin: null,
        version: 0,
        returnEventId: null,
      }),
    },
    evidence: { report: ({ kind }) => void kinds.push(kind) },
    judged: () => judged,
    probe: ({ host }) =>
      Promise.resolve(
        dead.has(host)
          ? { ok: false, stage: 'connect' as const, text: 'connect ECONNREFUSED', tookMs: 1 }
          : { ok: true, stage: 'rcpt' as const, code: 250, text: '250 ok', tookMs: 1 },
      ),
    onHost: (r, at, { good, text }) => {
      if (good !== null) watch.saw(r, at, { good, text })
    },
    random: () => 0.5,
  })
  prober.start()
  watch.start()
  const last = (host: string): HostAnswer | undefined => written.findLast((one) => one.host === `${host}:25`)
  return {
    clock,
    said,
    written,
    dead,
    kinds,
    last,
    leave: () => (judged = []),
    end: () => (prober.stop(), watch.stop()),
  }
}

test('those that no delivery needs are looked at as well; a dead one is said once, and that it is back', async () => {
  const { clock, said, dead, kinds, last, end } = scene()
  await clock.advance(120_000)
  for (const host of hosts) expect(last(host)?.good).toBe(true)
  dead.add('c.test')
  await clock.advance(300_000)
  expect(last('c.test')).toMatchObject({ good: false, hosts: ['a.test:25', 'b.test:25', 'c.test:25'] })
  expect(last('a.test')?.good).toBe(true)
  expect(said.filter((line) => line.startsWith('error c.test:25'))).toHaveLength(1)
  expect(new Set(kinds)).toEqual(new Set([EvidenceKind.probeGood]))
  dead.clear()
  await clock.advance(120_000)
  expect(said.at(-1)).toMatch(/^info c\.test:25 .*answers again/)
  end()
})
test('rows are written when something changes, and else every half minute', async () => {
  const { clock, written, end } = scene()
  await clock.advance(600_000)
  expect(written.filter(({ host }) => host === 'a.test:25').length).toBeLessThanOrEqual(21)
  end()
})

/**
 * The table of modes is what happens: routing and the prober, asked in every mode, do what its cells say. What is not in
 * effect yet is named by the table itself.
 */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { Mode, RouteKind } from '../../platform/codes.ts'
import { newId } from '../../platform/ids.ts'
import { automatic, routeSettingsSchema, type Recipient } from '../directory/index.ts'
import { createRouting } from '../routing/index.ts'
import { flowIn, modeNotesMarkdown, modeTable, modeTableMarkdown, type ModeName, type Probing } from './mode-table.ts'
import type { Flow } from './ports.ts'
import { createProber } from './probe.ts'
import { sensitivities } from './sensitivity.ts'

const modes = Object.keys(modeTable) as ModeName[]
const organisationId = newId(1)
const standing = (mode: ModeName) => ({
  organisationId,
  routeId: 'r',
  mode: Mode[mode],
  since: 0,
  pin: null,
  version: 0,
  returnEventId: null,
})

const fate: Record<Flow, object> = {
  relay: { hot: true, held: false, parked: null },
  attempt: { hot: true, held: false, parked: null },
  wait: { hot: false, held: true, parked: null },
  paced: { hot: false, held: true, parked: null },
  keep: { hot: false, held: false, parked: 'pinned-hold' },
}

test.each(modes)('mail in mode %s goes as the table says', async (mode) => {
  const colleague = (isProtected: boolean): Recipient => ({
    organisationId,
    domainId: newId(2),
    address: 'bob@corp.test',
    folded: 'bob@corp.test',
    personId: newId(3),
    routeId: newId(4),
    filtering: true,
    rollingCopy: true,
    isProtected,
    retentionDays: 14,
    standing: 'known',
  })
  const routing = createRouting({
    clock: fakeClock(),
    hasRoom: () => true,
    directory: {
      resolve: () => Promise.reject(new Error('not asked')),
      known: () => null,
      organisationOfDomain: async () => null,
    },
    board: {
      standing: () => standing(mode),
      flow: (_whose, traffic) => flowIn(Mode[mode], traffic),
      isHeldThemselves: () => false,
      onChange: () => undefined,
    },
  })
  const input = { receivedAt: 1_790_000_000_000, threadRoot: null }
  const inbound = (isProtected: boolean) =>
    routing.inbound(input, [{ recipient: colleague(isProtected), notify: 0, orcpt: null }])
  expect(inbound(true).deliveries).toMatchObject([fate[modeTable[mode].inboundProtected]])
  expect(inbound(false).deliveries).toMatchObject([fate[modeTable[mode].inboundOthers]])
  // visible here in every mode
  expect(inbound(true).copies).toMatchObject([{ folderNo: 1 }])
  const author = { organisationId, personId: newId(5), routeId: newId(4), address: 'a@corp.test' }
  const outbound = await routing.outbound({ ...input, organisationId, outboundRouteId: newId(6), author }, ['x@y.test'])
  expect(outbound.deliveries).toMatchObject([fate[modeTable[mode].fromPeople]])
})

const { probeEvery, probeFaster, probeEmergency } = sensitivities.balanced
const pace: Record<Probing, { good: number; bad: number }> = {
  on: { good: probeEvery, bad: probeFaster },
  faster: { good: probeFaster, bad: probeFaster },
  awaited: { good: probeFaster, bad: probeEmergency },
}

test.each(modes.flatMap((mode) => (['good', 'bad'] as const).map((health) => [mode, health] as const)))(
  'a route in mode %s whose answers are %s is probed as often as the table says',
  async (mode, health) => {
    const clock = fakeClock()
    const asked: number[] = []
    const prober = createProber({
      clock,
      routes: {
        get: () => ({
          organisationId,
          routeId: 'r',
          name: 'primary',
          kind: RouteKind.primary,
          settings: routeSettingsSchema.parse({ hosts: [{ host: 'primary.test' }] }),
          secretSealed: null,
          clientTlsSealed: null,
          reachSealed: null,
          switching: automatic,
          offers: {},
          offer: null,
          wayBack: 1,
          domain: 'corp.test',
        }),
      },
      board: { standing: () => standing(mode), onChange: () => undefined },
      evidence: { report: () => undefined },
      judged: () => ['r'],
      // the middle of the jitter
      random: () => 0.5,
      async probe() {
        asked.push(clock.now() / 1000)
        return health === 'good'
          ? { ok: true, stage: 'rcpt', code: 250, text: '250 ok', tookMs: 0 }
          : { ok: false, stage: 'connect', text: 'connect ECONNREFUSED', tookMs: 0 }
      },
    })
    prober.start()
    await clock.advance(120_000)
    prober.stop()
    const gaps = new Set(asked.slice(1).map((at, i) => Math.round(at - asked[i]!)))
    expect([...gaps]).toEqual([pace[modeTable[mode].probes][health]])
  },
)

test('the queue asks once for a whole route: protected people and others wait and go alike', () => {
  for (const mode of modes) expect(modeTable[mode].inboundProtected).toBe(modeTable[mode].inboundOthers)
})

test('every mark in the table has its note, and every note its mark', () => {
  const marks = [...modeTableMarkdown().matchAll(/ \((\d+)\)/g)].map(([, n]) => Number(n)).sort()
  const notes = [...modeNotesMarkdown().matchAll(/^(\d+)\. ./gm)].map(([, n]) => Number(n))
  expect(marks).toEqual(notes)
})

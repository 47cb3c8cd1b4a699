/** The probe against a stand-in mail server with faults: what it says of each, and that it never sends a message. */
import { afterEach, expect, test } from 'vitest'
import { startStandIn, type StandIn } from '../../../testkit/stand-in/stand-in.ts'
import type { FaultName } from '../../../testkit/stand-in/faults.ts'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { systemClock } from '../../platform/clock.ts'
import { EvidenceKind, Mode, RouteKind } from '../../platform/codes.ts'
import { automatic, routeSettingsSchema, type Route } from '../directory/index.ts'
import { createProber } from './probe.ts'
import { judgeProbe } from './probe-verdict.ts'
import { probeSmtp, type ProbeResult } from '../../clients/smtp/probe.ts'

let server: StandIn | null = null
afterEach(async () => {
  await server?.close()
  server = null
})

async function ask(options: { fault?: FaultName; timeoutMs?: number; rcpt?: string } = {}): Promise<ProbeResult> {
  server ??= await startStandIn()
  if (options.fault) await server.setFault(options.fault)
  return probeSmtp(
    {
      host: '127.0.0.1',
      port: server.port,
      tls: 'none',
      helo: 'holdfast.test',
      timeoutMs: options.timeoutMs ?? 3000,
      from: '',
      rcpt: options.rcpt ?? 'postmaster@example.test',
    },
    systemClock,
  )
}

test('a healthy server: asked up to RCPT and no further, good', async () => {
  const result = await ask()
  expect(result).toMatchObject({ ok: true, stage: 'rcpt', code: 250 })
  await new Promise((resolve) => setTimeout(resolve, 200))
  const words = server!.commands.map((line) => line.split(' ')[0]!.toUpperCase())
  expect(words).toEqual(['EHLO', 'MAIL', 'RCPT', 'QUIT'])
  expect(server!.connections).toBe(1)
})

test.each<[FaultName, string, boolean]>([
  ['off', 'connect', false],
  ['greet-421', 'greeting', false],
  ['greet-554', 'greeting', false],
  ['mail-4xx', 'mail', false],
  ['rcpt-4xx', 'rcpt', false],
  // refused, but it answers
  ['rcpt-5xx', 'rcpt', true],
  // no probe sees what happens after RCPT
  ['dot-452', 'rcpt', true],
])('fault %s: noticed at %s, good evidence: %s', async (fault, stage, good) => {
  const result = await ask({ fault })
  expect(result.stage).toBe(stage)
  expect(judgeProbe(result, 'x')).toMatchObject({ good })
})

test.each<[FaultName, string]>([
  ['hang-connect', 'greeting'],
  ['hang-ehlo', 'ehlo'],
])('fault %s: the time-out is for the whole probe', async (fault, stage) => {
  const result = await ask({ fault, timeoutMs: 300 })
  expect(result).toMatchObject({ ok: false, stage })
  expect(result.tookMs).toBeGreaterThanOrEqual(290)
  expect(result.tookMs).toBeLessThan(1500)
  expect(judgeProbe(result, 'x')).toMatchObject({ good: false })
})

test('our own trouble says nothing about the server', () => {
  expect(
    judgeProbe({ ok: false, stage: 'connect', text: 'connect ENETUNREACH 192.0.2.1:25', tookMs: 1 }, 'x').good,
  ).toBeNull()
})

test('a bar by policy is alive where it was always there, and bad where the recipient was taken before', () => {
  const barred: ProbeResult = {
    ok: false,
    stage: 'rcpt',
    code: 550,
    enhanced: '5.7.606',
    text: '550 listed',
    tookMs: 1,
  }
  expect(judgeProbe(barred, 'x', false).good).toBe(true)
  expect(judgeProbe(barred, 'x', true)).toMatchObject({
    good: false,
    text: expect.stringContaining('blocklist') as string,
  })
  // Greylisting is no bar, nor is a recipient that was removed.
  expect(judgeProbe({ ...barred, code: 450, enhanced: '4.7.1' }, 'x', true).good).toBe(true)
  expect(judgeProbe({ ...barred, enhanced: '5.1.1' }, 'x', true).good).toBe(true)
})

test('a route with a username is probed as strictly as it is delivered to: never in clear', async () => {
  server = await startStandIn()
  const clock = fakeClock()
  const reports: string[] = []
  const route: Route = {
    organisationId: 'o',
    routeId: 'r',
    kind: RouteKind.primary,
    name: 'primary',
    settings: routeSettingsSchema.parse({ hosts: [{ host: '127.0.0.1', port: server.port }], username: 'relay' }),
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
    board: {
      standing: () => ({
        organisationId: 'o',
        routeId: 'r',
        mode: Mode.normal,
        since: 0,
        pin: null,
        version: 1,
        returnEventId: null,
      }),
      onChange: () => undefined,
    },
    evidence: { report: ({ kind }) => void reports.push(kind === EvidenceKind.probeBad ? 'bad' : 'other') },
    judged: () => ['r'],
    // The conversation is real; the prober's plan runs on the fake clock.
    probe: (target) => probeSmtp(target, systemClock),
    helo: 'holdfast.test',
    random: () => 0,
  })
  prober.start()
  await clock.advance(1)
  await expect.poll(() => reports).toEqual(['bad'])
  prober.stop()
  expect(server.commands.map((line) => line.split(' ')[0])).toEqual(['EHLO', 'STARTTLS'])
})

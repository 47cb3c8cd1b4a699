/** What canaries say of a route, by themselves and beside probes; what one result of sending and one notice say. */
import { expect, test } from 'vitest'
import { resultOf } from '../../clients/smtp/result.ts'
import { EvidenceKind } from '../../platform/codes.ts'
import { observeCanaries, withCanaries, type CanaryPlan } from './canary.ts'
import { readNotice } from './canary-notice.ts'
import { verdict } from './canary-send.ts'
import type { HeardCount } from './reach.ts'

const NOW = 10_000_000
const { canaryGood, canaryBad, canaryBack, probeRefused, good } = EvidenceKind
const data: CanaryPlan = { name: null, everyMs: 300_000 }
const trip: CanaryPlan = { name: 'trip', everyMs: 480_000 }
const at = (kind: EvidenceKind, probe: string, ...secondsAgo: number[]): HeardCount[] =>
  secondsAgo.map((ago) => ({ second: NOW - ago * 1000, kind, probe, seen: 1, text: `said ${kind}` }))
const never = { ignoreBefore: 0, forgetBefore: 0 }

test.each<[string, HeardCount[], CanaryPlan, ReturnType<typeof observeCanaries>]>([
  ['nothing', [], data, null],
  ['all well', at(canaryGood, '', 900, 600, 300), data, null],
  [
    'three that failed',
    at(canaryBad, '', 12, 8, 4),
    data,
    { kind: 'bad', forMs: 12_000, count: 3, text: `canary: said ${canaryBad}` },
  ],
  [
    'real mail that was taken since',
    [...at(canaryBad, '', 12, 8, 4), ...at(good, '', 2)],
    data,
    { kind: 'good', forMs: 2000, count: 1 },
  ],
  [
    'real mail that was taken says nothing about the mailbox',
    [...at(canaryBad, 'trip', 400, 200), ...at(good, '', 2)],
    trip,
    { kind: 'bad', forMs: 400_000, count: 2, text: `trip: said ${canaryBad}` },
  ],
  [
    'what succeeds again',
    [...at(canaryBad, '', 12, 8), ...at(canaryGood, '', 6, 3)],
    data,
    { kind: 'good', forMs: 6000, count: 2 },
  ],
  ['what failed longer ago than it says anything', at(canaryBad, '', 1200), data, null],
  ['a mailbox that is refused', [...at(canaryBad, 'trip', 400, 200, 100), ...at(probeRefused, 'trip', 50)], trip, null],
  [
    'taken and come back, again and again',
    [...at(canaryGood, '', 600, 300, 10), ...at(canaryBack, '', 595, 295, 5)],
    data,
    { kind: 'bad', forMs: 595_000, count: 3, text: `canary: said ${canaryBack}` },
  ],
  [
    'a notice and then none any more',
    [...at(canaryBack, '', 1600), ...at(canaryGood, '', 1605, 1300, 1000, 690, 400, 100)],
    data,
    { kind: 'good', forMs: 690_000, count: 3 },
  ],
  ['what is called otherwise now', at(canaryBad, 'old', 12, 8, 4), trip, null],
])('%s', (_, counts, plan, expected) => {
  expect(observeCanaries(counts, NOW, plan, never)).toEqual(expected)
})

test('failures of before are not held against it, and a good answer to RCPT ends nothing yet', () => {
  const counts = at(canaryBad, 'trip', 400, 200)
  const held = observeCanaries(counts, NOW, trip, { ignoreBefore: NOW - 100_000, forgetBefore: 0 })
  expect(held).toEqual({ kind: 'held' })
  expect(withCanaries({ kind: 'good', forMs: 60_000, count: 9 }, held)).toEqual({ kind: 'mixed' })
  // Nor does a time in which we could not see.
  expect(observeCanaries(counts, NOW, trip, { ignoreBefore: 0, forgetBefore: NOW - 100_000 })).toEqual({ kind: 'held' })
  const arrived = [...counts, ...at(canaryGood, 'trip', 50)]
  expect(observeCanaries(arrived, NOW, trip, { ignoreBefore: 0, forgetBefore: NOW - 100_000 })).toMatchObject({
    kind: 'good',
  })
})
test('beside probes: the worse of both, and good only where both are', () => {
  const bad = { kind: 'bad', forMs: 500_000, count: 3, text: 'trip: gone' } as const
  const mended = { kind: 'good', forMs: 9000, count: 2 } as const
  expect(withCanaries({ kind: 'good', forMs: 60_000, count: 9 }, bad)).toEqual(bad)
  expect(withCanaries({ kind: 'silent' }, bad)).toEqual(bad)
  expect(withCanaries({ kind: 'bad', forMs: 9000, count: 7, text: 'refused' }, bad)).toMatchObject({ text: 'refused' })
  expect(withCanaries({ kind: 'blind', why: 'x' }, bad)).toMatchObject({ kind: 'blind' })
  expect(withCanaries({ kind: 'good', forMs: 60_000, count: 9 }, mended)).toEqual(mended)
  expect(withCanaries({ kind: 'good', forMs: 60_000, count: 9 }, null)).toMatchObject({ count: 9 })
})

const answer = (code: number, enhanced: string | null, stage: 'connect' | 'rcpt' | 'data' | 'final') =>
  resultOf(code >= 500 ? 'refused' : code >= 400 ? 'deferred' : 'delivered', stage, { code, enhanced, lines: ['x'] })
test.each([
  [answer(250, '2.0.0', 'final'), 'good'],
  [answer(452, '4.3.1', 'final'), 'bad'],
  [answer(451, '4.3.0', 'data'), 'bad'],
  [answer(554, '5.3.0', 'final'), 'bad'],
  [answer(554, '5.7.1', 'final'), 'refused'],
  [answer(452, '4.2.2', 'final'), 'silent'],
  [answer(550, '5.1.1', 'rcpt'), 'refused'],
  [answer(451, '4.3.0', 'rcpt'), 'silent'],
  [answer(421, '4.3.2', 'connect'), 'silent'],
  [{ ...answer(0, null, 'final'), outcome: 'unsure' as const, failure: 'timeout' as const }, 'bad'],
  [{ ...answer(0, null, 'data'), outcome: 'deferred' as const, failure: 'dropped' as const }, 'bad'],
  [{ ...answer(0, null, 'connect'), outcome: 'deferred' as const, failure: 'refused' as const }, 'silent'],
])('%j: %s', (result, outcome) => {
  expect(verdict(result, 'text').outcome).toBe(outcome)
})

const notice = (action: string, status: string, type = 'multipart/report; report-type=delivery-status; boundary=b') =>
  Buffer.from(
    `From: MAILER-DAEMON\r\nContent-Type: ${type}\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: ${action}\r\nStatus: ${status}\r\nDiagnostic-Code: smtp; 554\r\n  no disk\r\n`,
  )
test('a notice of failure, of delay, and what is none', () => {
  expect(readNotice(notice('failed', '5.3.0'))).toEqual({ failed: true, status: '5.3.0', text: '5.3.0 554 no disk' })
  expect(readNotice(notice('delayed', '4.4.7')).failed).toBe(false)
  expect(readNotice(notice('failed', '5.3.0', 'text/plain')).failed).toBe(false)
  expect(readNotice(Buffer.alloc(0))).toEqual({ failed: false, status: '', text: 'no reason given' })
})

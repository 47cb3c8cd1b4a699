/** Every result at the next hop has exactly one meaning; what is not the server's own 5xx is never final. */
import { expect, test } from 'vitest'
import fc from 'fast-check'
import type { RecipientResult } from '../../clients/smtp/result.ts'
import { AttemptOutcome, DeliveryState, reasons } from '../../platform/codes.ts'
import { backoffMs, judge, MOST_UNSURE } from './verdict.ts'

const waits = { retryFirst: 60, retryMax: 3600, unsureWait: 900 }
const context = { attempts: 0, wasUnsure: false, unsureBefore: 0, expired: false, waits, random: 0.5 }
const base: RecipientResult = { outcome: 'deferred', stage: 'rcpt', code: 451, enhanced: null, text: '', failure: null }

test.each([
  [{ outcome: 'delivered', stage: 'final', code: 250 }, 'delivered', DeliveryState.delivered],
  [{ outcome: 'unsure', stage: 'final', code: 0, failure: 'dropped' }, 'final-reply-lost', DeliveryState.unsure],
  [{ outcome: 'refused', stage: 'rcpt', code: 550 }, 'recipient-refused', DeliveryState.refused],
  [{ outcome: 'refused', stage: 'mail', code: 550 }, 'sender-refused', DeliveryState.refused],
  [{ outcome: 'refused', stage: 'mail', code: 552, enhanced: '5.3.4' }, 'message-refused', DeliveryState.refused],
  [{ outcome: 'refused', stage: 'final', code: 554 }, 'message-refused', DeliveryState.refused],
  [{ stage: 'connect', code: 0, failure: 'refused' }, 'connect-refused', DeliveryState.deferred],
  [{ stage: 'connect', code: 0, failure: 'timeout' }, 'connect-timeout', DeliveryState.deferred],
  [{ stage: 'rcpt', code: 0, failure: 'timeout' }, 'reply-timeout', DeliveryState.deferred],
  [{ stage: 'tls', code: 0, failure: 'tls' }, 'tls-failed', DeliveryState.deferred],
  [{ stage: 'rcpt', code: 450 }, 'recipient-tempfail', DeliveryState.deferred],
  [{ stage: 'rcpt', code: 421 }, 'host-tempfail', DeliveryState.deferred],
  [{ stage: 'final', code: 452 }, 'message-tempfail', DeliveryState.deferred],
  // A refusal before the message was named is the host's matter, not the message's.
  [{ stage: 'greeting', code: 554, failure: 'reply' }, 'host-tempfail', DeliveryState.deferred],
] as const)('%o is %s', (change, reason, state) => {
  expect(judge({ ...base, ...change }, context)).toMatchObject({ reason, state })
})

test('what was unsure and is delivered now says so', () => {
  expect(judge({ ...base, outcome: 'delivered' }, { ...context, wasUnsure: true }).reason).toBe('resent-after-unsure')
})

test('expired mail is refused with the reason, never dropped', () => {
  expect(judge(base, { ...context, expired: true })).toMatchObject({
    state: DeliveryState.refused,
    reason: 'expired',
    outcome: AttemptOutcome.deferred,
  })
})

test('a server that never answers the dot: fewer and fewer copies, then an admin looks', () => {
  const unsure: RecipientResult = { ...base, outcome: 'unsure', stage: 'final', code: 0, failure: 'timeout' }
  const waited = Array.from({ length: MOST_UNSURE }, (_, n) => judge(unsure, { ...context, unsureBefore: n }))
  expect(waited.slice(0, -1).map(({ againIn }) => againIn! / 60_000)).toEqual([15, 30, 60, 120, 240])
  expect(waited.at(-1)).toMatchObject({ state: DeliveryState.parked, reason: 'final-reply-lost', againIn: null })
  // It may have arrived, so nobody is told that it did not.
  expect(judge(unsure, { ...context, expired: true })).toMatchObject({ state: DeliveryState.parked })
  expect(judge(unsure, { ...context, waits: { ...waits, unsureWait: 86_400 } }).againIn).toBe(86_400_000)
})

test('back-off grows to its limit and is spread', () => {
  expect(backoffMs(0, waits, 0.5)).toBe(60_000)
  expect(backoffMs(3, waits, 0.5)).toBe(480_000)
  expect(backoffMs(50, waits, 0.5)).toBe(3_600_000)
  expect(backoffMs(0, waits, 0)).toBeLessThan(backoffMs(0, waits, 1))
})

test('total: every result gives a known reason, an end or a time', () => {
  fc.assert(
    fc.property(
      fc.record({
        outcome: fc.constantFrom('delivered' as const, 'deferred' as const, 'refused' as const, 'unsure' as const),
        stage: fc.constantFrom(
          'dns' as const,
          'connect' as const,
          'tls' as const,
          'greeting' as const,
          'ehlo' as const,
          'auth' as const,
          'mail' as const,
          'rcpt' as const,
          'data' as const,
          'final' as const,
        ),
        code: fc.integer({ min: 0, max: 599 }),
        failure: fc.constantFrom(
          null,
          'refused' as const,
          'timeout' as const,
          'tls' as const,
          'dns' as const,
          'dropped' as const,
          'reply' as const,
          'protocol' as const,
          'local' as const,
        ),
      }),
      fc.nat(100),
      (result, attempts) => {
        const verdict = judge({ ...base, ...result }, { ...context, attempts })
        expect(reasons).toContain(verdict.reason)
        expect(verdict.againIn === null).toBe(verdict.state >= 10)
        if (result.outcome === 'unsure') expect(verdict.state).toBe(DeliveryState.unsure)
      },
    ),
  )
})

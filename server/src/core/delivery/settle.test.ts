/** What one transaction means for a sender who asked to hear of success: told by the next server, or by us. */
import { expect, test } from 'vitest'
import type { AttemptReport } from './runner-ports.ts'
import { settle } from './settle.ts'

const reasonOf = (change: { confirms: boolean; notify: number; wasUnsure?: boolean; outcome?: string }) => {
  const { confirms, notify, wasUnsure = false, outcome = 'delivered' } = change
  const report = {
    job: {
      facts: {},
      recipients: [{ notify, wasUnsure, unsureBefore: 0, attempts: 0, personId: null, address: 'a@b.test' }],
    },
    results: [
      { outcome, stage: 'final', code: outcome === 'delivered' ? 250 : 550, enhanced: null, text: '', failure: null },
    ],
    confirms,
    tried: true,
  } as unknown as AttemptReport
  const waits = { retryFirst: 1, retryMax: 1, unsureWait: 1 }
  const route = { isPrimary: false, waits, isOld: false, random: () => 0, isOneMailbox: () => false }
  return settle(report, route)[0]!.verdict.reason
}
const SUCCESS = 2
const FAILURE = 4

test.each([
  [{ confirms: true, notify: SUCCESS }, 'delivered'],
  [{ confirms: false, notify: SUCCESS }, 'relayed'],
  [{ confirms: false, notify: SUCCESS | FAILURE }, 'relayed'],
  [{ confirms: false, notify: FAILURE }, 'delivered'],
  [{ confirms: false, notify: 0 }, 'delivered'],
  [{ confirms: false, notify: SUCCESS, wasUnsure: true }, 'resent-after-unsure'],
  [{ confirms: false, notify: SUCCESS, outcome: 'refused' }, 'message-refused'],
])('%j is %s', (change, reason) => {
  expect(reasonOf(change)).toBe(reason)
})

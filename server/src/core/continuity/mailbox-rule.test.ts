/** Which replies speak of a mailbox's store, and when that is trouble. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isInTrouble, speaksOfMailbox, tryAgainIn, type MailboxReply } from './mailbox-rule.ts'
import { sensitivities } from './sensitivity.ts'

const reply = (stage: string, text: string): MailboxReply => {
  const [, code, enhanced, rest] = /^(\d{3})(?: (\d\.\d\.\d))? (.*)$/.exec(text)!
  return { stage, code: Number(code), enhanced: enhanced ?? null, text: rest! }
}

test.each([
  ['rcpt', '451 4.3.0 Temporary internal error'],
  ['final', '451 4.2.0 <bob> Temporary internal error'],
  ['rcpt', '450 4.2.1 The mailbox is disabled'],
  ['final', '432 4.3.2 STOREDRV; mailbox server is offline'],
  ['rcpt', '451 Database offline'],
  ['final', '451 Requested action aborted: mail store not available'],
])('%s %s: of the mailbox', (stage, text) => expect(speaksOfMailbox(reply(stage, text))).toBe(true))

test.each([
  // full, or too much for it
  ['rcpt', '452 4.2.2 Mailbox full'],
  ['final', '452 Mailbox full'],
  ['final', '451 4.2.0 Quota exceeded (mailbox for user is full)'],
  ['final', '452 4.3.1 Insufficient system storage'],
  // greylisting, also with codes of the mailbox
  ['rcpt', '450 4.2.0 <bob>: Recipient address rejected: Greylisted'],
  ['rcpt', '451 4.7.1 Greylisting in action'],
  ['rcpt', '450 Please try again later'],
  ['rcpt', '451 4.3.0 graylisted'],
  // pace, policy
  ['rcpt', '450 4.2.1 The user is receiving mail at a rate that prevents delivery'],
  ['rcpt', '451 4.3.2 Too many connections'],
  // the whole system, or before anybody was named
  ['mail', '451 4.3.0 Temporary internal error'],
  ['greeting', '451 4.3.2 mailbox database offline'],
  ['rcpt', '421 4.3.2 Service not available'],
  // refused
  ['rcpt', '550 5.2.1 Mailbox disabled'],
  ['final', '554 5.3.0 message refused'],
  ['rcpt', '250 2.1.5 ok, mailbox'],
  ['rcpt', '451 4.4.3 directory not answering'],
])('%s %s: not of the mailbox', (stage, text) => expect(speaksOfMailbox(reply(stage, text))).toBe(false))

const at = (seconds: number): Date => new Date(1_790_000_000_000 + seconds * 1000)
const failing = { failures: 3, firstAt: at(0), isMailbox: true, othersTaken: true }

test('in trouble: as many failures for as long as a route needs, of the mailbox, while others were taken', () => {
  const numbers = sensitivities.balanced
  expect(isInTrouble(failing, numbers, at(20))).toBe(true)
  expect(isInTrouble(failing, numbers, at(19.9))).toBe(false)
  expect(isInTrouble({ ...failing, failures: 2 }, numbers, at(900))).toBe(false)
  expect(isInTrouble({ ...failing, isMailbox: false }, numbers, at(900))).toBe(false)
  expect(isInTrouble({ ...failing, othersTaken: false }, numbers, at(900))).toBe(false)
  expect(isInTrouble({ ...failing, failures: 5 }, sensitivities.patient, at(900))).toBe(false)
})

test('tries get slower, and never slower than five minutes', () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.constantFrom(...Object.values(sensitivities)), (tries, numbers) => {
      const wait = tryAgainIn(tries, numbers)
      expect(wait).toBeGreaterThan(0)
      expect(wait).toBeLessThanOrEqual(300)
      expect(tryAgainIn(tries + 1, numbers)).toBeGreaterThanOrEqual(wait)
    }),
  )
})

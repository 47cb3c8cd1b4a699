import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readAnswer, type Answer } from './reading.ts'

const cases: readonly (readonly [number, string | null, string, Answer])[] = [
  [250, '2.1.5', 'Ok', 'known'],
  [251, null, 'User not local; will forward', 'known'],
  [252, null, 'Cannot verify', 'unsaid'],
  // Postfix, Exchange, a null MX
  [550, '5.1.1', '<x@corp.test>: Recipient address rejected: User unknown in virtual mailbox table', 'unknown'],
  [550, '5.1.10', 'RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup', 'unknown'],
  [551, '5.1.6', 'Moved away', 'unknown'],
  // Exim, qmail, hand-made ones without status codes
  [550, null, 'Unrouteable address', 'unknown'],
  [550, null, 'sorry, no such mailbox here by that name', 'unknown'],
  [550, null, 'Unknown user', 'unknown'],
  [550, null, 'mailbox ghost not found', 'unknown'],
  // about us, about everybody, about today
  [550, '5.7.1', 'Access denied, user unknown or not', 'unsaid'],
  [554, '5.7.1', 'Service unavailable; client host blocked using a list', 'unsaid'],
  [550, '5.2.1', 'mailbox disabled', 'unsaid'],
  [550, '5.1.8', "Sender's system is not known", 'unsaid'],
  [550, null, 'Access denied', 'unsaid'],
  [550, null, 'Unknown user or blocked by policy', 'unsaid'],
  [550, null, 'No', 'unsaid'],
  [530, '5.1.1', 'Authentication first', 'unsaid'],
  [450, '4.1.1', 'User unknown, try later', 'unsaid'],
  [421, null, 'Too many connections', 'unsaid'],
]

test.each(cases)('%i %s %s: %s', (code, enhanced, text, said) => {
  expect(readAnswer({ code, enhanced, text })).toBe(said)
})

test('whatever is answered: only a 55x about this mailbox refuses, only 250 and 251 know', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 999 }),
      fc.option(fc.constantFrom('5.1.1', '5.7.1', '4.1.1', '2.1.5', '5.1.10', '5.4.1')),
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc
          .array(fc.constantFrom('user', ' ', 'unknown', 'mailbox', 'not', 'policy', 'does'), { maxLength: 60 })
          .map((w) => w.join('')),
      ),
      (code, enhanced, text) => {
        const said = readAnswer({ code, enhanced, text })
        if (said === 'known') expect([250, 251]).toContain(code)
        if (said === 'unknown') {
          expect(code).toBeGreaterThanOrEqual(550)
          expect(enhanced ?? '5.1.1').toMatch(/^5\.1\.(1|6|10)$/)
          if (enhanced === null) expect(text).not.toMatch(/policy/i)
        }
      },
    ),
  )
})

/** What is never held: codes by their subject, in several languages, and not what only sounds like it; and what a window names. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exemptOf, isNeverHeld, type MailFacts } from './exempt.ts'
import { isSignInCode } from './sign-in-codes.ts'
import { planSchema } from './window.ts'

const weekly = { days: ['mon'], from: '22:00', to: '06:00' }
const exempt = (of: object) => exemptOf(planSchema.parse({ zone: 'UTC', weekly, exempt: of }))
const mail = (change: Partial<MailFacts> = {}): MailFacts => ({
  envelopeFrom: 'someone@else.test',
  headerFrom: 'Someone <someone@else.test>',
  subject: 'Minutes of the meeting',
  priority: undefined,
  ...change,
})

test.each([
  '492817 is your Example verification code',
  'Your Example code: 123-456',
  'G-204815 is your Google code',
  '[Example] Your sign-in code',
  'Your one-time passcode',
  'Reset your password',
  'Please confirm your e-mail address',
  'Sign in to Example',
  'Ihr Bestätigungscode lautet 881204',
  'Ihre TAN: 550981',
  'Einmalpasswort für Ihre Anmeldung',
  'Passwort zurücksetzen',
  'Votre code de vérification',
  'Réinitialisation de votre mot de passe',
  'Code d’accès',
  'Tu código de verificación',
])('a code: %s', (subject) => expect(isSignInCode(subject)).toBe(true))

test.each([
  'Code review on Monday',
  'Invoice 20268812',
  'Meeting at 10:30, room 1204',
  'Discount code inside!',
  'Our building code',
  'Barcodes 4711',
  'Re: laptop order',
  '',
])('no code: %s', (subject) => expect(isSignInCode(subject)).toBe(false))

test('bounces are never held, whoever the window names', () => {
  expect(isNeverHeld(mail({ envelopeFrom: '' }))).toBe(true)
  expect(isNeverHeld(mail())).toBe(false)
})

test('senders by envelope and From, recipients, below a domain; compared without case, domains in either form', () => {
  const senders = exempt({ senders: ['Boss@Else.test', '@bank.test', '@*.bücher.test'] })
  expect(senders(mail({ envelopeFrom: 'bounce@list.test', headerFrom: 'The boss <BOSS@else.TEST>' }), 'a@b.test')).toBe(
    true,
  )
  expect(senders(mail({ envelopeFrom: 'x@bank.test' }), 'a@b.test')).toBe(true)
  expect(senders(mail({ envelopeFrom: 'x@mail.bank.test', headerFrom: null }), 'a@b.test')).toBe(false)
  expect(senders(mail({ envelopeFrom: 'x@mail.xn--bcher-kva.test', headerFrom: null }), 'a@b.test')).toBe(true)
  expect(senders(mail({ envelopeFrom: 'x@notbücher.test', headerFrom: null }), 'a@b.test')).toBe(false)
  // A name that looks like an address is a name.
  expect(senders(mail({ headerFrom: '"boss@else.test" <x@y.test>' }), 'a@b.test')).toBe(false)
  const recipients = exempt({ recipients: ['desk@corp.test', '@pager.test'] })
  expect(recipients(mail(), 'DESK@corp.test')).toBe(true)
  expect(recipients(mail(), 'x@pager.test')).toBe(true)
  expect(recipients(mail(), 'xdesk@corp.test')).toBe(false)
})

test('subjects and priorities; own code words take the place of the known ones, digits beside a word stay', () => {
  const subjects = exempt({ subjects: ['ALARM: Pumpe', 'évacuation'] })
  expect(subjects(mail({ subject: 'Fwd: alarm:  pumpe 4' }), 'a@b.test')).toBe(true)
  expect(subjects(mail({ subject: 'Evacuation' }), 'a@b.test')).toBe(true)
  expect(subjects(mail(), 'a@b.test')).toBe(false)
  expect(exempt({ priorities: ['high'] })(mail({ priority: 'high' }), 'a@b.test')).toBe(true)
  expect(exempt({ priorities: ['high'] })(mail({ priority: 'low' }), 'a@b.test')).toBe(false)
  expect(exempt({ priorities: ['normal'] })(mail(), 'a@b.test')).toBe(true)
  const own = exempt({ codeWords: ['Kennzahl'] })
  expect(own(mail({ subject: 'Ihre KENNZAHL' }), 'a@b.test')).toBe(true)
  expect(own(mail({ subject: 'Magic link' }), 'a@b.test')).toBe(false)
  expect(own(mail({ subject: 'Your code 1234' }), 'a@b.test')).toBe(true)
})

test('fuzz: any mail gets an answer, quickly', () => {
  const asks = exempt({ senders: ['a@b.test', '@*.c.test'], recipients: ['@d.test'], subjects: ['x y'] })
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 1000 }),
    fc.string({ unit: fc.constantFrom('<', '>', '@', ' ', '1', '-', 'code') }),
  )
  fc.assert(
    fc.property(text, fc.option(text), fc.option(text), text, (envelopeFrom, headerFrom, subject, recipient) => {
      expect(typeof asks({ envelopeFrom, headerFrom, subject, priority: undefined }, recipient)).toBe('boolean')
    }),
  )
  for (const bad of ['<'.repeat(998), ' '.repeat(998), '1-'.repeat(500), '<>'.repeat(499)])
    asks(mail({ headerFrom: bad, subject: bad, envelopeFrom: bad }), bad)
})

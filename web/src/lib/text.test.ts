/** Addresses, replies, times, passwords, toasts: the small rules that people would notice. */
import { expect, test, vi } from 'vitest'
import { formatAddresses, isEmail, parseAddresses } from './address.ts'
import { fileSize, fullTime, shortTime, stretch } from './format.ts'
import { passwordFault } from './password.ts'
import { quoteText, replyRecipients, replySubject, speaksOfAttachment, threading } from './reply.ts'
import { createToasts } from './undo.ts'

const at = (email: string, name: string | null = null) => ({ email, name })

test('addresses as people type them', () => {
  expect(parseAddresses('Ann <a@x.org>, "Bee, C. \\"Cee\\"" <b@x.org>; d@x.org\n <e@x.org>').good).toEqual([
    at('a@x.org', 'Ann'),
    at('b@x.org', 'Bee, C. "Cee"'),
    at('d@x.org'),
    at('e@x.org'),
  ])
  expect(parseAddresses('ann, a@b@c.org, x@localhost, @, ok@x.org').bad).toEqual([
    'ann',
    'a@b@c.org',
    'x@localhost',
    '@',
  ])
  expect(parseAddresses(' , ;\n').good).toEqual([])
  expect(isEmail('jörg@müller.example')).toBe(true)
  expect(isEmail('a@[127.0.0.1]')).toBe(true)
  expect(isEmail('a b@x.org')).toBe(false)
})
test('what is written is read again', () => {
  const list = [at('a@x.org', 'Bee, "C"'), at('b@x.org', 'Zoë O’Neil'), at('c@x.org'), at('d@x.org', 'back\\slash')]
  expect(parseAddresses(formatAddresses(list)).good).toEqual(list)
})

test('subjects of answers do not pile up', () => {
  expect(replySubject('reply', 'Re: AW: RE: Fwd: lunch')).toBe('Re: lunch')
  expect(replySubject('forward', 'Re: lunch')).toBe('Fwd: lunch')
  expect(replySubject('reply', null)).toBe('Re:')
  expect(replySubject('reply', 'Report: all')).toBe('Re: Report: all')
})
test('recipients of answers: never oneself, never twice', () => {
  const mail = {
    from: [at('bob@x.org')],
    to: [at('Alice@x.org'), at('dora@x.org')],
    cc: [at('bob@x.org'), at('eve@x.org')],
    replyTo: null,
  }
  expect(replyRecipients('reply', mail, ['alice@x.org'])).toEqual({ to: [at('bob@x.org')], cc: [] })
  expect(replyRecipients('replyAll', mail, ['alice@x.org'])).toEqual({
    to: [at('bob@x.org'), at('dora@x.org')],
    cc: [at('eve@x.org')],
  })
  expect(replyRecipients('reply', { ...mail, replyTo: [at('list@x.org')] }, ['alice@x.org']).to).toEqual([
    at('list@x.org'),
  ])
  expect(replyRecipients('reply', mail, ['bob@x.org']).to).toEqual(mail.to)
  expect(replyRecipients('forward', mail, ['alice@x.org'])).toEqual({ to: [], cc: [] })
  expect(
    replyRecipients('replyAll', { from: [at('me@x.org')], to: [at('me@x.org')], cc: [], replyTo: null }, ['me@x.org'])
      .to,
  ).toEqual([at('me@x.org')])
})
test('threading keeps the first and the last references (RFC 5322 section 3.6.4)', () => {
  expect(threading({ messageId: ['c'], references: ['a', 'b'], inReplyTo: null })).toEqual({
    inReplyTo: ['c'],
    references: ['a', 'b', 'c'],
  })
  expect(threading({ messageId: ['c'], references: null, inReplyTo: ['b'] }).references).toEqual(['b', 'c'])
  expect(
    threading({ messageId: ['z'], references: Array.from({ length: 50 }, (_, n) => `r${n}`), inReplyTo: null })
      .references,
  ).toHaveLength(21)
  expect(threading({ messageId: null, references: null, inReplyTo: null })).toEqual({ inReplyTo: [], references: [] })
})
test('quoting', () => expect(quoteText('X wrote:', 'a\n\n> b\n')).toBe('\n\nX wrote:\n> a\n>\n>> b\n'))
test('the forgotten attachment: in three languages, never from what is quoted', () => {
  expect(speaksOfAttachment('see the attached file')).toBe('attached')
  expect(speaksOfAttachment('Anbei die Zahlen')).toBe('Anbei')
  expect(speaksOfAttachment('vous trouverez ci-joint le rapport')).toBe('ci-joint')
  expect(speaksOfAttachment('en pièce jointe')).toBe('pièce jointe')
  expect(speaksOfAttachment('thanks\n> it is attached')).toBeNull()
  expect(speaksOfAttachment('I feel no anhänglichkeit')).toBeNull()
})

test('times, sizes and stretches by locale', () => {
  const now = new Date(2026, 2, 2, 12)
  expect(shortTime(new Date(2026, 2, 2, 9, 5).toISOString(), 'de', now)).toBe('9:05')
  expect(shortTime(new Date(2026, 1, 1).toISOString(), 'fr', now)).toBe('1 févr.')
  expect(shortTime('nonsense', 'en', now)).toBe('')
  expect(fullTime(new Date(2026, 2, 2, 9, 5).toISOString(), 'de')).toContain('2. März 2026')
  expect(fileSize(1_536_000, 'de')).toBe('1,5 MB')
  expect(fileSize(278, 'en')).toBe('278\u00a0B')
  expect(fileSize(278, 'fr')).toBe('278\u00a0o')
  expect(fileSize(278, 'de')).toMatch(/^278\sB$/)
  expect(stretch(200_000, 'en')).toBe('3 min 20 sec')
  expect(stretch(0, 'en')).toBe('0 sec')
})
test('passwords', () => {
  expect(passwordFault('short', 'short')).toBe('short')
  expect(passwordFault('long enough', 'long enougH')).toBe('differ')
  expect(passwordFault('long enough', 'long enough')).toBeNull()
})

test('a toast ends, one with an undo later', () => {
  let now = 0
  const toasts = createToasts(() => now)
  toasts.add('plain')
  toasts.add('undo', { undo: () => undefined })
  expect(toasts.sweep()).toBe(5_000)
  now = 5_000
  expect(toasts.sweep()).toBe(10_000)
  expect(toasts.list().map(({ text }) => text)).toEqual(['undo'])
  now = 10_000
  expect(toasts.sweep()).toBeNull()
})
test('undo runs once, and the newest first', async () => {
  const toasts = createToasts(() => 0)
  const first = vi.fn()
  const second = vi.fn()
  toasts.add('1', { undo: first })
  const id = toasts.add('2', { undo: second })
  toasts.add('3')
  const told = vi.fn()
  toasts.subscribe(told)
  expect(await Promise.all([toasts.undo(id), toasts.undo(id)])).toEqual([true, false])
  expect(second).toHaveBeenCalledTimes(1)
  expect(first).not.toHaveBeenCalled()
  expect(await toasts.undo()).toBe(true)
  expect(await toasts.undo()).toBe(false)
  expect(first).toHaveBeenCalledTimes(1)
  expect(told).toHaveBeenCalledTimes(2)
  expect(toasts.list().map(({ text }) => text)).toEqual(['3'])
})
test('at most four toasts stand', () => {
  const toasts = createToasts(() => 0)
  for (let n = 0; n < 9; n++) toasts.add(String(n))
  expect(toasts.list().map(({ text }) => text)).toEqual(['5', '6', '7', '8'])
})

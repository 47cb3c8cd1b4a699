/** What people are told, in three languages: each says the same things, and nothing of a code. */
import { expect, test } from 'vitest'
import { localeOf, noticeLocales, noticeText, type NoticeFacts } from './words.ts'

const facts: NoticeFacts = {
  person: 'Alice Martin',
  organisation: 'Example Ltd',
  address: 'alice@example.com',
  since: Date.UTC(2026, 10, 27, 10, 32),
  url: 'https://mail-emergency.example.com',
  contact: 'the service desk, +44 20 7946 0000',
  ownText: 'A fire in the computer room.\nNobody was hurt.',
}

test.each(noticeLocales)('%s: where to go, who it is for, since when, whom to ask, the own words', (locale) => {
  const { subject, lines } = noticeText('begun', locale, facts)
  const text = lines.join('\n')
  expect(subject).toContain('Example Ltd')
  expect(subject.length).toBeLessThan(90)
  for (const word of [
    facts.person,
    facts.address,
    facts.contact!,
    '10:32',
    '2026',
    'A fire in the computer room.\nNobody',
  ])
    expect(text).toContain(word)
  expect(lines.filter((line) => line.includes('https://'))).toEqual([`  ${facts.url}`])
  expect(text).not.toMatch(/undefined|null|\bSMTP\b|\b45\d\b/)
})
test.each(noticeLocales)('%s: the end says it without a link', (locale) => {
  const text = noticeText('over', locale, { ...facts, contact: null }).lines.join('\n')
  expect(text).toContain(facts.address)
  expect(text).not.toMatch(/https|null/)
})
test('the languages differ, and one that there is not is English', () => {
  expect(new Set(noticeLocales.map((locale) => noticeText('begun', locale, facts).subject)).size).toBe(3)
  expect(localeOf('it')).toBe('en')
})

/** Every kind in every language: whole sentences, no link, nothing left to fill in. */
import { expect, test } from 'vitest'
import { accountNoticeKinds } from '../../platform/codes.ts'
import { accountNoticeText } from './account-words.ts'

const facts = {
  ...{ asker: 'Ann Asker', decider: 'Ben Decider', mailbox: 'Mia', reason: 'because\nof this', by: 'cli:root' },
  ...{
    until: '2026-11-28T12:00:00Z',
    at: '2026-11-28T10:00:00Z',
    purpose: 'read',
    isOperator: 0,
    isOpened: 1,
    basis: null,
  },
}
const about = { person: 'Mia', organisation: 'Corp', address: 'mia@corp.test', contact: null, facts }

test.each(accountNoticeKinds.flatMap((kind) => ['en', 'fr', 'de', 'xx'].map((locale) => [kind, locale] as const)))(
  '%s in %s',
  (kind, locale) => {
    const { subject, lines } = accountNoticeText(kind, locale, about)
    const text = [subject, ...lines].join('\n')
    expect(subject).toMatch(/^Corp: \S/)
    expect(text).not.toMatch(/https?:|undefined|null|NaN|cli:|\bInvalid\b/)
    expect(text).not.toContain('\r')
    if (kind.startsWith('access') || kind === 'handed-over') expect(text).toContain('Ann Asker')
    if (kind !== 'handed-over') expect(text).toContain('2026')
    const english = accountNoticeText(kind, 'en', about)
    expect(subject === english.subject, 'the same only in English').toBe(locale === 'en' || locale === 'xx')
  },
)

test('the ground of a delay, an operator, a hand-over and whose name breaks lines are said, and break nothing', () => {
  const text = (more: object) =>
    accountNoticeText('access-approved', 'en', { ...about, facts: { ...facts, ...more } }).lines.join('\n')
  expect(text({ basis: 'court order' })).toContain('because: court order')
  expect(text({ isOperator: 1 })).toContain('operator of this installation')
  expect(text({ purpose: 'handOver' })).toContain('shared mailbox')
  expect(
    accountNoticeText('access-asked', 'en', { ...about, facts: { ...facts, mailbox: 'a\r\nBcc: x' } }).subject,
  ).not.toMatch(/[\r\n]/)
})

/** What a change makes of a row, and the patch that goes to the server (RFC 8620 section 5.3). */
import { expect, test } from 'vitest'
import type { EmailRow } from '../data/jmap/types.ts'
import { changed, patchOf } from './mail.ts'

const row: EmailRow = {
  id: 'e',
  threadId: 't',
  mailboxIds: { m1: true },
  keywords: { '$seen': true, 'a/b~c': true },
  from: null,
  to: null,
  subject: null,
  receivedAt: '',
  preview: '',
  hasAttachment: false,
  size: 1,
}

test('moving and taking back', () => {
  const moved = changed(row, { folder: 'm4' })
  expect(patchOf(row, moved)).toEqual({ 'mailboxIds/m1': null, 'mailboxIds/m4': true })
  expect(patchOf(moved, row)).toEqual({ 'mailboxIds/m1': true, 'mailboxIds/m4': null })
})
test('a keyword is true or gone, never false', () => {
  const unread = changed(row, { keywords: { $seen: false, $flagged: true } })
  expect(unread.keywords).toEqual({ '$flagged': true, 'a/b~c': true })
  expect(patchOf(row, unread)).toEqual({ 'keywords/$seen': null, 'keywords/$flagged': true })
  expect(row.keywords).toHaveProperty('$seen')
})
test('names are escaped as JSON pointers (RFC 6901)', () => {
  expect(patchOf(row, changed(row, { keywords: { 'a/b~c': false } }))).toEqual({ 'keywords/a~1b~0c': null })
})
test('no change, no patch', () => expect(patchOf(row, changed(row, { keywords: { $seen: true } }))).toEqual({}))

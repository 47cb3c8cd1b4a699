/** Nothing a stranger wrote turns a line around: names, subjects, files; an address is not made another one. */
import { expect, test, vi } from 'vitest'
import { safeFileName } from '../../lib/direction.ts'
import { jmap } from './client.ts'
import { email, listPage } from './mail.ts'

const TURNS = [0x61c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069]
const turned = (text: string): string => TURNS.map((code) => text + String.fromCharCode(code)).join('')
const has = (value: unknown): boolean => /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(JSON.stringify(value))
const someone = { name: turned('Boss'), email: 'boss\u202e@corp.test' }
const row = {
  id: 'M1',
  threadId: 'T1',
  mailboxIds: {},
  keywords: {},
  from: [someone],
  to: [someone],
  subject: turned('S'),
  receivedAt: '2026-11-02T08:00:00Z',
  preview: turned('P'),
  hasAttachment: true,
  size: 1,
}
const file = { partId: '2', blobId: 'B2', size: 1, type: 'a/b', charset: null, disposition: null, cid: null }
const whole = {
  ...row,
  blobId: 'B1',
  messageId: null,
  inReplyTo: null,
  references: null,
  cc: [someone],
  bcc: null,
  replyTo: [someone],
  sender: [someone],
  sentAt: null,
  headers: [{ name: 'Subject', value: turned('S') }],
  textBody: [],
  htmlBody: [],
  attachments: [{ ...file, name: 'invoice\u202efdp.exe' }],
  bodyValues: {},
}

test('a message, as every scene gets it', async () => {
  vi.spyOn(jmap, 'one').mockResolvedValue({ list: [whole] })
  const shown = (await email('M1'))!
  expect(has(shown)).toBe(false)
  expect(shown.attachments[0]!.name).toBe('invoicefdp.exe')
  expect(shown.from![0]!.email).toBe('boss\ufffd@corp.test')
  expect(shown.subject).toBe('S'.repeat(TURNS.length))
  expect(shown.bcc).toBeNull()
})

test('rows of the list', async () => {
  vi.spyOn(jmap, 'run').mockResolvedValue([{ ids: ['M1'], total: 1 }, { list: [row] }])
  const { rows } = await listPage({ folder: 'F1', text: '' }, 0)
  expect(rows).toHaveLength(1)
  expect(has(rows)).toBe(false)
})

test('names of files that are saved', () => {
  expect(safeFileName('invoice\u202efdp.exe')).toBe('invoicefdp.exe')
  expect(safeFileName(turned('a/b'))).toBe('a_b'.repeat(TURNS.length))
  expect(safeFileName('\u202e')).toBe('file')
  expect(safeFileName('\u202e..htaccess')).toBe('_htaccess')
})

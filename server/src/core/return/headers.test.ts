import { expect, test } from 'vitest'
import { newId } from '../../platform/ids.ts'
import { returnHeaders } from './headers.ts'

test('returned mail is marked, and never as something its author did not send', () => {
  const event = newId(0)
  const text = returnHeaders(Date.UTC(2026, 2, 1, 8, 5, 9), event)
  expect(text).toBe(
    `X-Holdfast-Returned: event=${event}; received="Sun, 1 Mar 2026 08:05:09 +0000"\r\nX-Auto-Response-Suppress: OOF, AutoReply\r\n`,
  )
  expect(text).not.toMatch(/auto-submitted|precedence|list-/i)
  expect(returnHeaders(0, null)).toMatch(/^X-Holdfast-Returned: received="Thu, 1 Jan 1970 00:00:00 \+0000"\r\n/)
})

test('an event id from elsewhere cannot break out of its line', () => {
  expect(returnHeaders(0, 'x\r\nBcc: all@example.test')).not.toContain('Bcc')
})

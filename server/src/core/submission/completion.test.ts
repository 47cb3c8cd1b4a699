/** Date and Message-ID where they lack, and the same message known again. */
import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { completionOf, isSame } from './completion.ts'

const filling = { date: Date.UTC(2026, 10, 5, 9, 8, 7), messageId: '<x@corp.test>' }
const DATE = 'Date: Thu, 5 Nov 2026 09:08:07 +0000\r\n'
const ID = 'Message-ID: <x@corp.test>\r\n'

test.each([
  ['From: a@b\r\n\r\nbody', DATE + ID],
  ['From: a@b\r\nDate: yesterday\r\n\r\nbody', ID],
  ['from: a@b\r\nmessage-id: <y@z>\r\n\r\nbody', DATE],
  ['Message-ID: <y@z>\r\nDate: x\r\nFrom: a@b\r\n\r\nbody', ''],
  // Behind the empty line it is text.
  ['From: a@b\r\n\r\nDate: x\r\nMessage-ID: <y@z>\r\n', DATE + ID],
  // Folded onto the field before it is no field.
  ['From: a@b\r\nX: y\r\n Date: x\r\n\tMessage-ID: <y@z>\r\n\r\n', DATE + ID],
])('%j gets %j', (text, fields) => {
  expect(completionOf(Buffer.from(text)).fields(filling).toString()).toBe(fields)
})

test('the same bytes are known again by their copy, whatever was added to it, and only they', () => {
  const header = fc.constantFrom('From: a@b\r\n', 'From: a@b\r\nDate: x\r\n', 'From: a@b\r\nMessage-ID: <y@z>\r\n')
  fc.assert(
    fc.property(header, fc.uint8Array({ maxLength: 200 }), fc.nat(200), (head, body, cut) => {
      const bytes = Buffer.concat([Buffer.from(`${head}\r\n`), body])
      const completion = completionOf(bytes)
      const whole = Buffer.concat([completion.fields(filling), bytes])
      const stored = {
        size: whole.length,
        sha256: createHash('sha256').update(whole).digest(),
        messageId: filling.messageId,
        date: filling.date,
      }
      const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)]
      expect(isSame(stored, { completion, pieces, size: bytes.length })).toBe(true)
      const other = Buffer.concat([bytes, Buffer.from('!')])
      expect(isSame(stored, { completion, pieces: [other], size: other.length })).toBe(false)
      const changed = Buffer.from(bytes)
      changed[changed.length - 1]! ^= 1
      expect(isSame(stored, { completion, pieces: [changed], size: changed.length })).toBe(false)
    }),
  )
})

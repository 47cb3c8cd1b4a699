/**
 * Header lines that returned mail carries in front of the original, so that days-old mail triggers no out-of-office
 * replies (RFC 3834 section 2, RFC 5230 section 4.6) and people and filters can tell it from new mail. Why these lines
 * and no others: docs/decisions/0005-headers-of-returned-mail.md.
 */
import { isId, type Id } from '../../platform/ids.ts'
import { mailDate } from '../../protocols/mime/date.ts'

/** Lines ending in CRLF, for the prefix. `receivedAt` in milliseconds; `eventId` null outside a return event. */
export function returnHeaders(receivedAt: number, eventId: Id | null): string {
  const event = eventId !== null && isId(eventId) ? ` event=${eventId};` : ''
  return (
    `X-Holdfast-Returned:${event} received="${mailDate(receivedAt)}"\r\n` +
    'X-Auto-Response-Suppress: OOF, AutoReply\r\n'
  )
}

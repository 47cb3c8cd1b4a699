/**
 * Delivery status notifications (RFC 3464) as a whole message: multipart/report (RFC 6522) with a text for people, the
 * machine's part, and the original's header (or all of it where the sender asked and it is small). Values in, bytes out.
 *
 * A sender whose address is beyond ASCII gets an internationalised one (RFC 6533): UTF-8 in headers and fields, which only
 * SMTPUTF8 can carry. Everybody else gets one of seven bits, whatever is in it; only a whole message of eight bits that is
 * sent back as it was needs 8BITMIME (RFC 6152), because a message/rfc822 may not be encoded (RFC 2046 section 5.2.1).
 */
import { base64Lines, isSevenBit, isUtf8, quotedPrintable } from './encode.ts'
import { plain, statusFields } from './fields.ts'

export interface DsnRecipient {
  /** as we sent it on */
  finalRecipient: string
  /** `type;address` as the sender gave it (RFC 3461 section 4.2), or null */
  originalRecipient: string | null
  action: 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded'
  /** RFC 3463 code */
  status: string
  /** what the other server said, or null where we gave up */
  diagnostic: string | null
  remoteMta: string | null
  lastAttempt: Date | null
  /** RFC 3464 section 2.3.9, for delayed */
  willRetryUntil?: Date | null
}

export interface DsnInput {
  reportingMta: string
  from: string
  to: string
  date: string
  messageId: string
  boundary: string
  envelopeId: string | null
  arrival: Date
  recipients: DsnRecipient[]
  subject: string
  /** lines for people, without CRLF */
  text: string[]
  /** the original: its header section, or the whole message */
  original: { bytes: Buffer; whole: boolean }
}

export interface Dsn {
  bytes: Buffer
  /** what the next hop has to be told of it */
  smtputf8: boolean
  eightbit: boolean
}

interface Part {
  type: string
  encoding: '7bit' | '8bit' | 'quoted-printable' | 'base64'
  content: Buffer
}

function textPart(text: string, type: string, utf8: boolean): Part {
  const bytes = Buffer.from(text)
  if (isSevenBit(bytes)) return { type, encoding: '7bit', content: bytes }
  if (utf8) return { type, encoding: '8bit', content: bytes }
  return { type, encoding: 'quoted-printable', content: Buffer.from(quotedPrintable(bytes)) }
}

function originalPart({ bytes, whole }: DsnInput['original'], utf8: boolean): Part {
  const header = whole ? bytes.subarray(0, headerLength(bytes)) : bytes
  const type = whole ? 'message/rfc822' : 'text/rfc822-headers'
  if (isSevenBit(bytes)) return { type, encoding: '7bit', content: bytes }
  // RFC 6533 sections 5 and 6: a header in UTF-8 has types of its own, which may be encoded.
  if (!isSevenBit(header) && isUtf8(header)) {
    const global = whole ? 'message/global' : 'message/global-headers'
    return utf8
      ? { type: global, encoding: '8bit', content: bytes }
      : { type: global, encoding: 'base64', content: Buffer.from(base64Lines(bytes)) }
  }
  if (whole || utf8) return { type, encoding: '8bit', content: bytes }
  // RFC 6522 section 4: headers that are broken may be made seven bits this way.
  return { type, encoding: 'quoted-printable', content: Buffer.from(quotedPrintable(bytes)) }
}

function headerLength(bytes: Buffer): number {
  const at = bytes.indexOf('\r\n\r\n')
  return at < 0 ? bytes.length : at + 4
}

export function buildDsn(input: DsnInput): Dsn {
  const { boundary } = input
  const smtputf8 = !/^[\x20-\x7e]*$/.test(plain(input.to, true))
  // RFC 6533 section 3.
  const statusType = smtputf8 ? 'global-delivery-status' : 'delivery-status'
  const status = `${statusFields(input, smtputf8).join('\r\n')}\r\n`
  const parts = [
    textPart(`${input.text.join('\r\n')}\r\n`, 'text/plain; charset=utf-8', smtputf8),
    textPart(status, `message/${statusType}`, smtputf8),
    originalPart(input.original, smtputf8),
  ]
  const eightbit = parts.some(({ encoding }) => encoding === '8bit')
  const head = [
    `From: Mail delivery at ${plain(input.reportingMta)} <${input.from}>`,
    `To: <${plain(input.to, smtputf8)}>`,
    `Subject: ${plain(input.subject)}`,
    `Date: ${input.date}`,
    `Message-ID: ${input.messageId}`,
    // RFC 3834 section 5: nobody answers this automatically.
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    // RFC 6522 section 3: the type of the second part.
    `Content-Type: multipart/report; report-type=${statusType};\r\n\tboundary="${boundary}"`,
    // RFC 2045 section 6.4: a multipart says what its parts need.
    ...(eightbit ? ['Content-Transfer-Encoding: 8bit'] : []),
    '',
    '',
  ]
  const pieces: Buffer[] = [Buffer.from(head.join('\r\n'))]
  for (const { type, encoding, content } of parts)
    pieces.push(
      Buffer.from(`--${boundary}\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`),
      content,
      Buffer.from('\r\n'),
    )
  pieces.push(Buffer.from(`--${boundary}--\r\n`))
  return { bytes: Buffer.concat(pieces), smtputf8, eightbit }
}

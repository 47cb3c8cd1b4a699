/**
 * Replies (RFC 5321 section 4.2, enhanced codes RFC 2034 and 3463): written by servers, read by clients.
 *
 * The writer never lets text break out of its line: control and non-ASCII characters become `?`, long text is folded
 * into a multi-line reply of lines below 512 octets. The reader is incremental, bounded in line length, lines and bytes,
 * and total: every input gives replies or a ReplyFormatError.
 */
import type { WireError } from '../../platform/errors.ts'

export interface Reply {
  code: number
  /** RFC 3463 code of the last line, null where there is none */
  enhanced: string | null
  /** text of each line, without the numbers */
  lines: string[]
}

/** The other side does not speak SMTP. */
export class ReplyFormatError extends Error {
  constructor(text: string) {
    super(text)
    this.name = 'ReplyFormatError'
  }
}

export interface ReplyReader {
  /** Takes bytes, gives the replies they complete. Throws ReplyFormatError. */
  read(chunk: Buffer): Reply[]
  /** bytes of an unfinished reply are waiting */
  readonly pending: boolean
}

const MAX_TEXT = 480
const UNSAFE = /[^ -~]/g
const REPLY_LINE = /^([2-5][0-9]{2})(?:([ -])(.*))?$/s
const ENHANCED = /^([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)/

/** One reply as text for the wire. `enhanced` null for replies that carry none (greeting, EHLO, 354). */
export function formatReply(code: number, enhanced: string | null, text: string | readonly string[]): string {
  const lines = typeof text === 'string' ? (text.length <= MAX_TEXT ? [text] : fold(text)) : text
  const number = String(code)
  const prefix = enhanced === null ? '' : enhanced + ' '
  let out = ''
  for (let i = 0; i < lines.length; i++) {
    out +=
      number +
      (i === lines.length - 1 ? ' ' : '-') +
      prefix +
      lines[i]!.replace(UNSAFE, '?').slice(0, MAX_TEXT) +
      '\r\n'
  }
  return out
}

/** The answer an error carries. */
export function formatError(error: WireError): string {
  return formatReply(error.spec.smtp, error.spec.enhanced, error.message)
}

export function createReplyReader(limits: { lineOctets?: number; lines?: number } = {}): ReplyReader {
  const lineOctets = limits.lineOctets ?? 4096
  const mostLines = limits.lines ?? 200
  let rest: Buffer | null = null
  let lines: string[] = []

  function take(line: Buffer, done: Reply[]): void {
    const text = line.toString('utf8')
    const match = REPLY_LINE.exec(text)
    if (!match) throw new ReplyFormatError(`not an SMTP reply: ${JSON.stringify(text.slice(0, 80))}`)
    if (lines.length >= mostLines) throw new ReplyFormatError('a reply of too many lines')
    lines.push(match[3] ?? '')
    if (match[2] === '-') return
    // Lines of one reply with different codes exist; the last one counts.
    done.push(finishReply(Number(match[1]), lines))
    lines = []
  }

  return {
    get pending() {
      return rest !== null || lines.length > 0
    },
    read(chunk) {
      const done: Reply[] = []
      let buffer = rest ? Buffer.concat([rest, chunk]) : chunk
      rest = null
      for (;;) {
        // A server that ends lines with LF alone is understood; there is nothing to smuggle in a reply.
        const lf = buffer.indexOf(10)
        if (lf > lineOctets || (lf < 0 && buffer.length > lineOctets))
          throw new ReplyFormatError('a reply line is too long')
        if (lf < 0) break
        take(buffer.subarray(0, lf > 0 && buffer[lf - 1] === 13 ? lf - 1 : lf), done)
        buffer = buffer.subarray(lf + 1)
      }
      if (buffer.length > 0) rest = buffer
      return done
    },
  }
}

function finishReply(code: number, lines: string[]): Reply {
  const enhanced = ENHANCED.exec(lines[lines.length - 1]!)?.[1] ?? null
  if (enhanced === null || Number(enhanced[0]) !== Math.floor(code / 100)) return { code, enhanced: null, lines }
  return { code, enhanced, lines: lines.map((line) => (ENHANCED.test(line) ? line.replace(ENHANCED, '') : line)) }
}

function fold(text: string): string[] {
  const lines: string[] = []
  for (let at = 0; at < text.length && lines.length < 10;) {
    const space = text.length - at > MAX_TEXT ? text.lastIndexOf(' ', at + MAX_TEXT) : text.length
    const end = space > at ? space : Math.min(text.length, at + MAX_TEXT)
    lines.push(text.slice(at, end))
    at = text[end] === ' ' ? end + 1 : end
  }
  return lines
}

/** When an attempt is a plain refusal, and how it is said to the sender's server. Pure. */
import type { RecipientResult } from '../../clients/smtp/result.ts'
import { WireError } from '../../platform/errors.ts'

/** Every recipient was refused for good, by an answer. */
export const isRefusal = (results: readonly RecipientResult[]): boolean =>
  results.every(({ outcome, code, failure }) => outcome === 'refused' && failure === null && code >= 500 && code < 600)

/** RFC 5321 section 4.2.2, RFC 4954 section 6: replies about a command, a greeting or a sign-in, which were ours. */
const NOT_FOR_A_MESSAGE = new Set([500, 501, 502, 503, 504, 521, 530, 534, 535, 538, 555])
/** With the words around it one reply line (RFC 5321 section 4.5.3.1.5). */
const MOST_WORDS = 380

/** The primary's answer in our reply: its numbers, its words in one line of printable ASCII, and that they are its own. */
export function replyOf(results: readonly RecipientResult[]): WireError {
  const { code, enhanced, text } = results[0]!
  const words = text
    .replace(/\s+/g, ' ')
    .replace(/[^ -~]/g, '?')
    .trim()
    .slice(0, MOST_WORDS)
  return new WireError('refused-by-primary', words === '' ? `it said ${code}` : `it said "${words}"`, {
    reply: {
      smtp: NOT_FOR_A_MESSAGE.has(code) ? 554 : code,
      enhanced: enhanced?.startsWith('5.') ? enhanced : '5.0.0',
    },
  })
}

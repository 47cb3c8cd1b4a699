/**
 * RFC 2047 encoded words in header text, read leniently (white space inside, words longer than 75, several words of one
 * multi-byte character) and bounded by the length of the header. Unreadable words stay as they were written.
 */
import { decodeCharset, decodeOctets } from './charset.ts'
import { LONGEST_FIELD } from './limits.ts'

const WORD = /=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=/g

interface Word {
  charset: string
  bytes: Buffer
}

function wordBytes(encoding: string, text: string): Buffer {
  if (encoding === 'B' || encoding === 'b') return Buffer.from(text, 'base64')
  // RFC 2047 section 4.2: '_' is always 0x20.
  const latin = text
    .replace(/_/g, ' ')
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  return Buffer.from(latin, 'latin1')
}

const flush = (words: Word[]): string => {
  if (words.length === 0) return ''
  const charset = words[0]!.charset
  const text = decodeCharset(Buffer.concat(words.map((word) => word.bytes)), charset).text
  words.length = 0
  return text
}

/** Text with its encoded words decoded; white space between two words disappears (RFC 2047 section 6.2). */
export function decodeWords(text: string): string {
  if (!text.includes('=?')) return text
  let out = ''
  let at = 0
  // Neighbours of one charset are joined before decoding: mailers cut inside a character.
  const pending: Word[] = []
  for (const match of text.matchAll(WORD)) {
    const between = text.slice(at, match.index)
    // RFC 2231 section 5: a language may follow the charset.
    const charset = match[1]!.split('*')[0]!.toLowerCase()
    if (pending.length > 0 && (between.trim() !== '' || pending[0]!.charset !== charset)) {
      out += flush(pending)
      if (between.trim() !== '') out += between
    } else if (pending.length === 0 && !(out !== '' && between.trim() === '')) out += between
    pending.push({ charset, bytes: wordBytes(match[2]!, match[3]!) })
    at = match.index + match[0].length
  }
  return out + flush(pending) + text.slice(at)
}

/** RFC 5322 section 2.2.3: line ends before white space go. What is longer than `most` is cut. */
export const unfold = (raw: string, most = LONGEST_FIELD): string =>
  raw
    .slice(0, most)
    .replace(/\r?\n(?=[ \t])/g, '')
    .replace(/[\r\n]+/g, ' ')

/** Composing sorts the marks of a character, which takes the square of their number. Unicode's UAX 15 section 13 has 30. */
const TOO_MANY_MARKS = /\p{M}{31}/u

/** NFC (RFC 8621 section 4.1.2.2); a heap of marks that no language writes stays as it came. */
export const composed = (text: string): string => (TOO_MANY_MARKS.test(text) ? text : text.normalize('NFC'))

/** Turn the direction of text around (Unicode's UAX 9): a line would show another name than is in it. */
const TURNING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
export const withoutTurns = (text: string): string => text.replace(TURNING, '')
/** Where an address is in it: without them it would be somebody else's. */
export const withTurnsSeen = (text: string): string => text.replace(TURNING, '\ufffd')

const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g
/** the last character, where cutting may have left half of it */
const CUT_CHARACTER = /[\u00c0-\u00ff][\u0080-\u00bf]{0,2}$/

/** Bytes of a header as one character each (latin1) → text: UTF-8 (RFC 6532), else Windows-1252. */
export function octetsText(latin1: string): string {
  return /[\u0080-\u00ff]/.test(latin1) ? decodeOctets(Buffer.from(latin1, 'latin1')) : latin1
}

/**
 * A header's raw value (latin1, one character per byte, folded or not) as it is shown in a list: decoded, control
 * characters as spaces, at most `maxLength` long, well-formed and free of NUL, so that the database takes it.
 */
export function displayText(value: string, maxLength: number): string {
  const bounded = value.length > maxLength * 8 ? value.slice(0, maxLength * 8).replace(CUT_CHARACTER, '') : value
  return decodeWords(octetsText(bounded))
    .replace(CONTROL, ' ')
    .slice(0, maxLength)
    .replace(LONE_SURROGATE, '\ufffd')
    .trim()
}

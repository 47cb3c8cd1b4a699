/**
 * Structured header values: `value; name=value; …` (RFC 2045 section 5.1) with continuations and charsets
 * (RFC 2231 sections 3 and 4), and with the encoded words that some mailers put into file names against RFC 2047.
 */
import { decodeCharset } from './charset.ts'
import { decodeWords, unfold } from './words.ts'

export interface Structured {
  /** lower case */
  value: string
  params: Map<string, string>
}

const MOST_PARAMETERS = 100

const QUOTE = 0x22
const OPEN = 0x28
const CLOSE = 0x29
const SEMICOLON = 0x3b
const BACKSLASH = 0x5c

/** Splits at ';' outside quotes; takes comments away. */
function pieces(text: string): string[] {
  const out: string[] = []
  let piece = ''
  let start = 0
  let quoted = false
  let comment = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === BACKSLASH && (quoted || comment > 0)) i++
    else if (comment > 0) {
      if (c === OPEN) comment++
      else if (c === CLOSE && --comment === 0) start = i + 1
    } else if (c === QUOTE) quoted = !quoted
    else if (quoted) continue
    else if (c === OPEN) {
      piece += text.slice(start, i)
      comment = 1
    } else if (c === SEMICOLON) {
      out.push(piece + text.slice(start, i))
      piece = ''
      start = i + 1
      if (out.length > MOST_PARAMETERS) return out
    }
  }
  out.push(comment > 0 ? piece : piece + text.slice(start))
  return out
}

function unquote(text: string): string {
  const trimmed = text.trim()
  if (!trimmed.startsWith('"')) return trimmed
  const end = trimmed.length > 1 && trimmed.endsWith('"') ? -1 : undefined
  return trimmed.slice(1, end).replace(/\\(.)/g, '$1')
}

const percent = (text: string): Buffer =>
  Buffer.from(
    text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    'latin1',
  )

interface Section {
  number: number
  encoded: boolean
  text: string
}

function join(sections: Section[]): string {
  sections.sort((a, b) => a.number - b.number)
  let charset = 'utf-8'
  const bytes: Buffer[] = []
  for (const [i, section] of sections.entries()) {
    let text = section.text
    if (!section.encoded) {
      bytes.push(Buffer.from(text, 'utf8'))
      continue
    }
    if (i === 0) {
      const parts = /^([^']*)'([^']*)'([\s\S]*)$/.exec(text)
      if (parts) {
        charset = parts[1] === '' ? 'utf-8' : parts[1]!
        text = parts[3]!
      }
    }
    bytes.push(percent(text))
  }
  return decodeCharset(Buffer.concat(bytes), charset).text
}

export function parseStructured(raw: string): Structured {
  const [first = '', ...rest] = pieces(unfold(raw))
  const params = new Map<string, string>()
  const split = new Map<string, Section[]>()
  for (const piece of rest) {
    const equals = piece.indexOf('=')
    if (equals < 1) continue
    const name = piece.slice(0, equals).trim().toLowerCase()
    const value = unquote(piece.slice(equals + 1))
    const section = /^([^*]+)(?:\*(\d{1,3}))?(\*)?$/.exec(name)
    if (!section) continue
    if (section[2] === undefined && section[3] === undefined) {
      if (!params.has(name)) params.set(name, decodeWords(value))
    } else {
      const key = section[1]!
      const list = split.get(key) ?? []
      list.push({ number: Number(section[2] ?? 0), encoded: section[3] !== undefined, text: value })
      split.set(key, list)
    }
  }
  for (const [name, sections] of split) params.set(name, join(sections))
  return { value: first.trim().toLowerCase(), params }
}

/**
 * Content-Transfer-Encoding (RFC 2045 section 6): decoders that take chunks, so that a large part streams, and counters
 * of the decoded size. They never fail: what is not of the encoding is skipped (base64) or kept as it is
 * (quoted-printable), and `problem` says so.
 */
export type TransferEncoding = 'identity' | 'base64' | 'quoted-printable' | 'unknown'

export function transferEncoding(value: string | null): TransferEncoding {
  switch ((value ?? '').trim().toLowerCase()) {
    case 'base64':
      return 'base64'
    case 'quoted-printable':
      return 'quoted-printable'
    case '':
    case '7bit':
    case '8bit':
    case 'binary':
      return 'identity'
    default:
      return 'unknown'
  }
}

export interface TransferDecoder {
  push(chunk: Buffer): Buffer
  finish(): Buffer
  readonly problem: boolean
}

const NOTHING = Buffer.alloc(0)

/** 0–63 for the alphabet, 64 for '=', 65 for white space, 66 for anything else. */
const BASE64 = new Uint8Array(256).fill(66)
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
for (let i = 0; i < ALPHABET.length; i++) BASE64[ALPHABET.charCodeAt(i)] = i
BASE64[0x3d] = 64
for (const c of [9, 10, 13, 32]) BASE64[c] = 65

function base64Decoder(): TransferDecoder {
  let held = 0
  let bits = 0
  let problem = false
  return {
    push(chunk) {
      const out = Buffer.allocUnsafe(Math.ceil((chunk.length * 3) / 4) + 3)
      let at = 0
      for (const octet of chunk) {
        const value = BASE64[octet]!
        if (value < 64) {
          held = ((held << 6) | value) & 0xffffff
          bits += 6
          if (bits >= 8) {
            bits -= 8
            out[at++] = (held >>> bits) & 0xff
          }
        } else if (value === 64) {
          // Padding ends a quantum; concatenated base64 texts go on after it.
          bits = 0
        } else if (value === 66) problem = true
      }
      return out.subarray(0, at)
    },
    finish: () => NOTHING,
    get problem() {
      return problem
    },
  }
}

const hexValue = (c: number): number =>
  c >= 48 && c <= 57 ? c - 48 : c >= 65 && c <= 70 ? c - 55 : c >= 97 && c <= 102 ? c - 87 : -1

const isBlank = (c: number | undefined): boolean => c === 0x20 || c === 0x09

/** White space in a row longer than this is not waited for: it is kept as it is. */
const MOST_BLANKS = 1000

function blanksEnd(input: Buffer, from: number): number {
  let end = from
  while (end < input.length && isBlank(input[end])) end++
  return end
}

/** RFC 2045 section 6.7; soft line breaks also with a bare LF and with white space before the line's end. */
class QuotedPrintable implements TransferDecoder {
  problem = false
  private rest: Buffer = NOTHING

  push(chunk: Buffer): Buffer {
    return this.decode(this.rest.length > 0 ? Buffer.concat([this.rest, chunk]) : chunk, false)
  }

  finish(): Buffer {
    return this.decode(this.rest, true)
  }

  private decode(input: Buffer, last: boolean): Buffer {
    const out = Buffer.allocUnsafe(input.length)
    let at = 0
    let i = 0
    while (i < input.length) {
      const c = input[i]!
      if (c !== 0x3d && !isBlank(c)) {
        out[at++] = c
        i++
        continue
      }
      const end = blanksEnd(input, c === 0x3d ? i + 1 : i)
      // What follows decides, and it has not come yet.
      if (!last && input.length - end < 2 && end - i < MOST_BLANKS) break
      if (c === 0x3d) {
        const { octet, next } = this.escape(input, i, end)
        if (octet !== null) out[at++] = octet
        i = next
        continue
      }
      // Rule 3: white space at the end of a line was added on the way and goes.
      const isLineEnd =
        end === input.length ? last : input[end] === 0x0a || (input[end] === 0x0d && input[end + 1] === 0x0a)
      if (!isLineEnd) at += input.copy(out, at, i, end)
      i = end
    }
    this.rest = Buffer.from(input.subarray(i))
    return out.subarray(0, at)
  }

  /** What '=' at `i` stands for; `end` is behind the white space that follows it. */
  private escape(input: Buffer, i: number, end: number): { octet: number | null; next: number } {
    if (input[end] === 0x0d && input[end + 1] === 0x0a) return { octet: null, next: end + 2 }
    if (input[end] === 0x0a) return { octet: null, next: end + 1 }
    if (end >= input.length) return { octet: null, next: end }
    const high = hexValue(input[i + 1] ?? 0)
    const low = hexValue(input[i + 2] ?? 0)
    if (high >= 0 && low >= 0) return { octet: high * 16 + low, next: i + 3 }
    this.problem = true
    return { octet: 0x3d, next: i + 1 }
  }
}

export function transferDecoder(encoding: TransferEncoding): TransferDecoder {
  if (encoding === 'base64') return base64Decoder()
  if (encoding === 'quoted-printable') return new QuotedPrintable()
  return { push: (chunk) => chunk, finish: () => NOTHING, problem: encoding === 'unknown' }
}

/** All at once, for small parts and tests. */
export function decodeTransfer(bytes: Buffer, encoding: TransferEncoding): Buffer {
  const decoder = transferDecoder(encoding)
  const first = decoder.push(bytes)
  const last = decoder.finish()
  return last.length > 0 ? Buffer.concat([first, last]) : first
}

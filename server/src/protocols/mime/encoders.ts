/**
 * Transfer encodings that pass where only seven bits do, of content that comes in pieces: quoted-printable and base64 (RFC
 * 2045 sections 6.7 and 6.8). What comes out depends on the content alone, not on how it is cut.
 */
export interface Encoder {
  push(chunk: Buffer): Buffer
  /** What was held back. */
  finish(): Buffer
}

const CR = 0x0d
const LF = 0x0a
const EQUALS = 0x3d
const HEX = Buffer.from('0123456789ABCDEF')
const MOST_COLUMNS = 76
/** Octets of a full line of base64. */
const BASE64_LINE = 57

const isBlank = (octet: number): boolean => octet === 0x20 || octet === 0x09
const isSafe = (octet: number): boolean => octet >= 0x21 && octet <= 0x7e && octet !== EQUALS

/** CR LF stays a line end, everything else that is not printable ASCII is escaped. */
export function quotedPrintableEncoder(): Encoder {
  let column = 0
  /** a blank whose next octet decides: at the end of a line it is escaped (section 6.7, rule 3) */
  let blank: number | null = null
  let afterCr = false
  let out = Buffer.alloc(0)
  let filled = 0

  function room(length: number): void {
    // Room for the "=" of a soft line break.
    if (column + length > MOST_COLUMNS - 1) {
      out[filled++] = EQUALS
      out[filled++] = CR
      out[filled++] = LF
      column = 0
    }
    column += length
  }
  function literal(octet: number): void {
    room(1)
    out[filled++] = octet
  }
  function escaped(octet: number): void {
    room(3)
    out[filled++] = EQUALS
    out[filled++] = HEX[octet >> 4]!
    out[filled++] = HEX[octet & 15]!
  }
  function endLine(): void {
    if (blank !== null) escaped(blank)
    blank = null
    out[filled++] = CR
    out[filled++] = LF
    column = 0
  }
  function take(octet: number): void {
    if (afterCr) {
      afterCr = false
      if (octet === LF) return endLine()
      passBlank()
      escaped(CR)
    }
    if (octet === CR) {
      afterCr = true
      return
    }
    passBlank()
    if (isBlank(octet)) blank = octet
    else if (isSafe(octet)) literal(octet)
    else escaped(octet)
  }
  function passBlank(): void {
    if (blank !== null) literal(blank)
    blank = null
  }

  return {
    push(chunk) {
      // Three octets for each, and a soft line break for every 73 of those; what was held back too.
      out = Buffer.allocUnsafe(chunk.length * 4 + 16)
      filled = 0
      for (let i = 0; i < chunk.length; i++) take(chunk[i]!)
      return out.subarray(0, filled)
    },
    finish() {
      out = Buffer.allocUnsafe(16)
      filled = 0
      if (afterCr) {
        passBlank()
        escaped(CR)
      } else if (blank !== null) escaped(blank)
      blank = null
      afterCr = false
      return out.subarray(0, filled)
    },
  }
}

/** Lines of 76, each with its end, the last too. */
export function base64Encoder(): Encoder {
  let held = Buffer.alloc(0)
  const lines = (bytes: Buffer): Buffer => Buffer.from(bytes.toString('base64').replace(/.{1,76}/g, '$&\r\n'), 'latin1')
  return {
    push(chunk) {
      const all = held.length > 0 ? Buffer.concat([held, chunk]) : chunk
      const cut = all.length - (all.length % BASE64_LINE)
      held = Buffer.from(all.subarray(cut))
      return lines(all.subarray(0, cut))
    },
    finish() {
      const last = lines(held)
      held = Buffer.alloc(0)
      return last
    },
  }
}

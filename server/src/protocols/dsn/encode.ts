/** Content that has to pass where only seven bits do: quoted-printable and base64 (RFC 2045 sections 6.7 and 6.8). */

/** Octets as lines: CR LF stays a line end, everything else that is not printable ASCII is escaped. */
export function quotedPrintable(bytes: Buffer): string {
  return bytes.toString('latin1').split('\r\n').map(encodeLine).join('\r\n')
}

const MOST_COLUMNS = 76
const escape = (octet: number): string => `=${octet.toString(16).toUpperCase().padStart(2, '0')}`

function encodeLine(line: string): string {
  const out: string[] = []
  let column = 0
  for (let i = 0; i < line.length; i++) {
    const octet = line.charCodeAt(i)
    const isBlank = octet === 0x20 || octet === 0x09
    const isSafe = (octet >= 0x21 && octet <= 0x7e && octet !== 0x3d) || (isBlank && i < line.length - 1)
    const piece = isSafe ? line[i]! : escape(octet)
    // Room for the "=" of a soft line break.
    if (column + piece.length > MOST_COLUMNS - 1) {
      out.push('=\r\n')
      column = 0
    }
    out.push(piece)
    column += piece.length
  }
  return out.join('')
}

export const base64Lines = (bytes: Buffer): string =>
  bytes.toString('base64').replace(/.{76}/g, '$&\r\n').replace(/\r\n$/, '')

export function isSevenBit(bytes: Buffer): boolean {
  for (const octet of bytes) if (octet > 0x7f) return false
  return true
}

/** Well-formed UTF-8: what an internationalised header is (RFC 6532 section 3.1). */
export function isUtf8(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

/** Content that has to pass where only seven bits do: quoted-printable and base64 (RFC 2045 sections 6.7 and 6.8). */
import { quotedPrintableEncoder } from '../mime/encoders.ts'

/** Octets as lines: CR LF stays a line end, everything else that is not printable ASCII is escaped. */
export function quotedPrintable(bytes: Buffer): string {
  const encoder = quotedPrintableEncoder()
  return encoder.push(bytes).toString('latin1') + encoder.finish().toString('latin1')
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

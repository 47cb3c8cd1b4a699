/**
 * Codes of an authenticator app: TOTP (RFC 6238) over HOTP (RFC 4226), six digits, 30 seconds, HMAC-SHA-1, which is what every
 * app can do. A code is right for its step and the one before and after: clocks of telephones are off by seconds, and people
 * type slowly. Which step it was is told, for each is good once.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

export const STEP_MS = 30_000
export const SECRET_BYTES = 20
const DIGITS = 6
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

export const stepAt = (now: number): number => Math.floor(now / STEP_MS)

export function hotp(secret: Buffer, counter: number): string {
  const moving = Buffer.alloc(8)
  moving.writeBigUInt64BE(BigInt(counter))
  const digest = createHmac('sha1', secret).update(moving).digest()
  const at = digest[digest.length - 1]! & 15
  return String((digest.readUInt32BE(at) & 0x7fffffff) % 10 ** DIGITS).padStart(DIGITS, '0')
}

/** The digits as somebody typed them, "123 456" too. Null: it is no code. */
export function digitsOf(typed: string): string | null {
  if (typed.length > 40) return null
  const digits = typed.replaceAll(/[\s-]/g, '')
  return /^\d{6}$/.test(digits) ? digits : null
}

/** Null: not right now. All three are compared, whichever it is. */
export function stepOf(secret: Buffer, typed: string, now: number): number | null {
  const digits = digitsOf(typed)
  if (digits === null) return null
  const present = stepAt(now)
  const right = [present - 1, present, present + 1].filter(
    (step) => step >= 0 && timingSafeEqual(Buffer.from(hotp(secret, step)), Buffer.from(digits)),
  )
  return right[0] ?? null
}

/** Base 32 without padding, as apps take it. */
export function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? []).map((five) => LETTERS[parseInt(five.padEnd(5, '0'), 2)]).join('')
}

/** What the picture holds. `issuer` and `account` are what the app shows. */
export function otpauthUri(secret: Buffer, { issuer, account }: { issuer: string; account: string }): string {
  const label = `${encodeURIComponent(issuer.replaceAll(':', ' '))}:${encodeURIComponent(account)}`
  return `otpauth://totp/${label}?secret=${base32(secret)}&issuer=${encodeURIComponent(issuer.replaceAll(':', ' '))}`
}

/**
 * Addresses as people type them: `Ann <a@x>, "B, C" <b@x>; d@x`. A small reader, not the whole of RFC 5322 section 3.4:
 * the server has the last word. What is not an address comes back as `bad` with the text that was typed.
 */
import type { Address } from '../data/jmap/types.ts'

// RFC 5321 section 4.1.2 with RFC 6531 letters; a domain needs a dot or is an address literal.
const email = /^[^\s@<>(),;:"[\]\\]+@(?:[^\s@<>(),;:"[\]\\.]+(?:\.[^\s@<>(),;:"[\]\\.]+)+|\[[0-9a-fA-F:.]+\])$/u

export const isEmail = (text: string): boolean => text.length <= 320 && email.test(text)

/** Splits at commas, semicolons and line ends that are not inside quotes or angle brackets. */
function pieces(text: string): string[] {
  const out: string[] = []
  let piece = ''
  let quoted = false
  let angle = false
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (quoted && char === '\\') piece += char + (text[++at] ?? '')
    else {
      if (char === '"') quoted = !quoted
      if (!quoted && char === '<') angle = true
      if (!quoted && char === '>') angle = false
      if (!quoted && !angle && (char === ',' || char === ';' || char === '\n')) {
        out.push(piece)
        piece = ''
      } else piece += char
    }
  }
  return [...out, piece].map((each) => each.trim()).filter(Boolean)
}

export function parseAddresses(text: string): { good: Address[]; bad: string[] } {
  const good: Address[] = []
  const bad: string[] = []
  for (const piece of pieces(text)) {
    const open = piece.lastIndexOf('<')
    const address = open >= 0 && piece.endsWith('>') ? piece.slice(open + 1, -1).trim() : piece
    const name =
      open >= 0
        ? piece
            .slice(0, open)
            .trim()
            .replace(/^"(.*)"$/s, '$1')
            .replace(/\\(.)/gs, '$1')
            .trim()
        : ''
    if (isEmail(address)) good.push({ name: name || null, email: address })
    else bad.push(piece)
  }
  return { good, bad }
}

export function formatAddress({ name, email: address }: Address): string {
  if (!name) return address
  return /^[\p{L}\p{N} .'_-]+$/u.test(name)
    ? `${name} <${address}>`
    : `"${name.replace(/["\\]/g, '\\$&')}" <${address}>`
}
export const formatAddresses = (list: Address[] | null | undefined): string =>
  (list ?? []).map(formatAddress).join(', ')
export const shownName = (address: Address | undefined): string => address?.name?.trim() || address?.email || ''
export const sameAddress = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()

/** A header field's value in the forms of RFC 8621 section 4.1.2: raw, text, message ids, URLs (dates: date.ts). */
import { composed, decodeWords, unfold } from './words.ts'

/** asText: unfolded, decoded, NFC, without white space at its ends. */
export const headerText = (raw: string): string => composed(decodeWords(unfold(raw))).trim()

const MOST_IN_ANGLES = 1000

function inAngles(raw: string, pattern: RegExp): string[] | null {
  const found: string[] = []
  for (const match of unfold(raw).matchAll(pattern)) if (found.push(match[1]!) >= MOST_IN_ANGLES) break
  return found.length > 0 ? found : null
}

/** asMessageIds: null when nothing in it is a msg-id. */
export const headerMessageIds = (raw: string): string[] | null => inAngles(raw, /<([^<>\s]{1,998})>/g)

/** asURLs (RFC 2369). */
export const headerUrls = (raw: string): string[] | null =>
  inAngles(raw, /<([^<>]{1,2000})>/g)?.map((url) => url.replace(/\s+/g, '')) ?? null

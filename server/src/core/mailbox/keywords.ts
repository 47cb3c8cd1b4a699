/** Keywords of JMAP and IMAP as they are stored: five have a bit (codes.ts Flag), the rest are text, lower case. */
import { Flag } from '../../platform/codes.ts'

const BITS: Record<string, number> = {
  $seen: Flag.seen,
  $answered: Flag.answered,
  $flagged: Flag.flagged,
  $draft: Flag.draft,
  $forwarded: Flag.forwarded,
}

export const MOST_KEYWORDS = 100

/** RFC 8621 section 4.1.1: 1 to 255 of %x21-7e without ( ) { ] % * " and backslash; case does not count. */
export function isKeyword(text: string): boolean {
  return /^[!#$&'+,\-./0-9:;<=>?@A-Z[^_`a-z|}~]{1,255}$/.test(text)
}

export interface Keywords {
  flags: number
  /** null when there is none */
  keywords: string[] | null
}

export const keywordBit = (keyword: string): number => {
  const name = keyword.toLowerCase()
  return Object.hasOwn(BITS, name) ? BITS[name]! : 0
}

export function toStored(list: readonly string[]): Keywords {
  let flags = 0
  const rest = new Set<string>()
  for (const keyword of list) {
    const bit = keywordBit(keyword)
    if (bit > 0) flags |= bit
    else rest.add(keyword.toLowerCase())
  }
  return { flags, keywords: rest.size > 0 ? [...rest].sort() : null }
}

export function fromStored(stored: Keywords): string[] {
  return [...Object.keys(BITS).filter((name) => (stored.flags & BITS[name]!) !== 0), ...(stored.keywords ?? [])]
}

export type KeywordChange =
  | { kind: 'replace'; keywords: readonly string[] }
  | { kind: 'patch'; add: readonly string[]; remove: readonly string[] }

export function changeKeywords(stored: Keywords, change: KeywordChange): Keywords {
  if (change.kind === 'replace') return toStored(change.keywords)
  const set = new Set(fromStored(stored))
  for (const keyword of change.remove) set.delete(keyword.toLowerCase())
  for (const keyword of change.add) set.add(keyword.toLowerCase())
  return toStored([...set])
}

export const sameKeywords = (a: Keywords, b: Keywords): boolean =>
  a.flags === b.flags && (a.keywords ?? []).join(' ') === (b.keywords ?? []).join(' ')

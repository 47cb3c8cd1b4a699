/**
 * Counting what arrived against what may have arrived. A key is a nonce and a mailbox. Each must be there as often as it
 * was accepted; a further arrival needs an attempt of ours that ended unsure, or a try of the sender's that got no final
 * reply, one for one; and what was never addressed to a mailbox may not be there at all.
 */
import { countKey } from './messages.ts'

export type Counts = Map<string, number>

export interface Claims {
  /** key -> 250s; 0 for what was sent to that mailbox and not accepted */
  due: Counts
  /** nonce -> tries without a final reply: each may have been stored all the same */
  unanswered: Counts
}

export interface Tally {
  missing: string[]
  /** in a mailbox it was never sent to, or without a nonce of ours */
  strangers: string[]
  /** key -> arrivals beyond what was accepted */
  extra: Counts
}

export const noClaims = (): Claims => ({ due: new Map(), unanswered: new Map() })
export const addTo = (counts: Counts, key: string, more = 1): void =>
  void counts.set(key, (counts.get(key) ?? 0) + more)

/** Arrivals by key; what has no nonce counts as a stranger under its mailbox. */
export function countArrivals(mailboxes: Iterable<readonly [string, readonly { nonce: string | null }[]]>): Counts {
  const found: Counts = new Map()
  for (const [mailbox, mails] of mailboxes) for (const { nonce } of mails) addTo(found, countKey(nonce ?? '?', mailbox))
  return found
}

export function tally(found: Counts, { due }: Claims): Tally {
  const missing = [...due]
    .filter(([key, wanted]) => (found.get(key) ?? 0) < wanted)
    .map(([key, wanted]) => `${key}: ${found.get(key) ?? 0} of ${wanted}`)
  const extra: Counts = new Map()
  const strangers: string[] = []
  for (const [key, count] of found) {
    const wanted = due.get(key)
    if (wanted === undefined) strangers.push(`${key}: ${count}`)
    else if (count > wanted) extra.set(key, count - wanted)
  }
  return { missing, strangers, extra }
}

export interface Explained {
  byUnsure: number
  byUnanswered: number
  unexplained: string[]
}

/** Every extra arrival takes one unsure attempt of its key, or else one unanswered try of its nonce. */
export function explain(extra: Counts, unsure: Counts, unanswered: Counts): Explained {
  const result: Explained = { byUnsure: 0, byUnanswered: 0, unexplained: [] }
  for (const [key, count] of extra) {
    const attempts = Math.min(count, unsure.get(key) ?? 0)
    const tries = Math.min(count - attempts, unanswered.get(nonceOfKey(key)) ?? 0)
    result.byUnsure += attempts
    result.byUnanswered += tries
    if (count > attempts + tries)
      result.unexplained.push(`${key}: ${count} more, ${attempts} unsure, ${tries} unanswered`)
  }
  return result
}

export const nonceOfKey = (key: string): string => key.slice(0, key.indexOf(' '))

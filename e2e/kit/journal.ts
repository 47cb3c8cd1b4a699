/**
 * What the sender of the kill proof wrote down: `A` an attempt begins, `X` it broke at a step without a final reply, `R`
 * its final reply and the step. The round adds `K mx` when a killed mx process has been replaced.
 */
import { addTo } from './tally.ts'
import type { Counts } from './tally.ts'

export interface Journal {
  attempts: number
  /** nonce -> how many 250s */
  accepted: Counts
  /**
   * nonce -> tries that may have been stored though the sender knows nothing of it: no reply to the final dot, or a 451
   * there from a process that was then killed (a living one finds such a message again when it is repeated)
   */
  unanswered: Counts
  /** step of the session -> transactions that broke there */
  brokenAt: Record<string, number>
}

export function readJournal(text: string): Journal {
  const journal: Journal = { attempts: 0, accepted: new Map(), unanswered: new Map(), brokenAt: {} }
  const turnedAway = new Set<string>()
  for (const line of text.split('\n')) {
    const [kind, nonce = '', , what = '', step = ''] = line.split(' ')
    if (kind === 'A') journal.attempts += 1
    if (kind === 'R' && what === '250') {
      addTo(journal.accepted, nonce)
      turnedAway.delete(nonce)
    } else if (kind === 'R' && step === 'dot') turnedAway.add(nonce)
    if (kind === 'X') {
      // before the dot nothing can have been accepted
      if (what === 'dot') addTo(journal.unanswered, nonce)
      journal.brokenAt[what] = (journal.brokenAt[what] ?? 0) + 1
    }
    if (kind === 'K') {
      for (const one of turnedAway) addTo(journal.unanswered, one)
      turnedAway.clear()
    }
  }
  return journal
}

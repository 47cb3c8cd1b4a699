/** What a question whether people can reach their mail came to. */

export interface ReachResult {
  /**
   * good: they can, as far as this shows. bad: they cannot. refused: our own name or password was not taken, which says nothing
   * about anybody else's. ours: no uplink, no resolver, asked too often: we cannot see.
   */
  outcome: 'good' | 'bad' | 'refused' | 'ours'
  /** what it answered, in short */
  text: string
  /** days until its certificate ends, where that is near */
  certificateDays?: number
}

const MOST_TEXT = 250

export const reached = (outcome: ReachResult['outcome'], text: string): ReachResult => ({
  outcome,
  text: text.replace(/[\s\p{Cc}]+/gu, ' ').slice(0, MOST_TEXT),
})

/** Nobody's fault but ours, by the system's error code. EAI_AGAIN: the resolver does not answer. */
const OURS = /EAI_AGAIN|ESERVFAIL|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL|EMFILE|ENFILE|ENOBUFS|ENOMEM/

/** A question that got no answer at all. */
export function unreached(error: unknown): ReachResult {
  const { code = '', message } = error as NodeJS.ErrnoException
  return reached(OURS.test(`${code} ${message}`) ? 'ours' : 'bad', message)
}

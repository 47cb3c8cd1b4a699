/** What every subject of the bench is: a mail relay in front of the same sinks, with the same domains. */

export interface Subject {
  name: string
  port: number
  /** processes whose families are the subject: their processor time and memory are its own */
  roots(): number[]
  /** once the primary of `down` answers again: whatever its admin has to do for its queue to go out */
  flush(): Promise<void>
  stop(): Promise<void>
}

/** Where a subject relays to. */
export interface Ways {
  /** takes everything */
  up: number
  /** is switched off and on */
  down: number
}

export const domains = {
  /** relayed to the sink that is always there */
  up: 'bench.test',
  /** relayed to the sink that is switched off and on */
  down: 'down.test',
  /** accepted and kept: what accepting alone costs */
  kept: 'kept.test',
  /** its primary is down for good */
  gone: 'gone.test',
} as const

export const recipient = `alice@${domains.up}`

/** smtp-source prepends 1 to n where it sends to n recipients. */
export const MOST_RECIPIENTS = 20
/** people of the domains that are poured into by many */
export const PEOPLE = 100
export const personOf = (n: number): string => `person${n}`

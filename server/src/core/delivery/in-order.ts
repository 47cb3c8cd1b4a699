/**
 * Transactions of a return, each behind those before it of the same people: nobody gets later mail before earlier mail, and
 * different people do not wait for each other. After a failure that is the route's or our own, and behind what was not tried,
 * what that person has still to get is left untried.
 */
import { EvidenceKind } from '../../platform/codes.ts'
import { isBad } from '../continuity/index.ts'
import type { AttemptResult } from './delivery.ts'
import type { Job } from './job.ts'

export interface InOrder {
  /** Resolves at the end of the transaction. */
  go: (job: Job) => Promise<AttemptResult[]>
  /** Gives it back untried. */
  leave: (job: Job) => AttemptResult[]
  /** One transaction has ended, or was left. */
  ended: (results: AttemptResult[]) => void
}

/** It is still to come, and nothing later may go before it. */
const blocks = ({ tried, evidence }: AttemptResult): boolean =>
  tried === false || evidence === EvidenceKind.ours || isBad(evidence)

/** Jobs in the order of their claims; resolves when the last has ended. */
export async function runInOrder(jobs: readonly Job[], { go, leave, ended }: InOrder): Promise<void> {
  /** of each person the last so far: did it leave the way free for the next? */
  const last = new Map<string, Promise<boolean>>()
  for (const job of jobs) {
    const owners = job.recipients.map(({ personId, address }) => personId ?? address)
    const before = owners.flatMap((owner) => last.get(owner) ?? [])
    const done = Promise.all(before).then(async (free) => {
      const isFree = free.every(Boolean)
      const results = isFree ? await go(job) : leave(job)
      ended(results)
      return isFree && !results.some(blocks)
    })
    for (const owner of owners) last.set(owner, done)
  }
  await Promise.all(last.values())
}

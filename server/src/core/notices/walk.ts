/**
 * The walk over the people of an outage: some at a time, paged by key, one process at a time (a claim that runs out), so
 * that five thousand people are minutes of small transactions and no burst. What was queued is noted with the walk's place
 * in one transaction; what a crash leaves between queue and note is found by its message id and not sent again.
 *
 * Failure: whoever could not be told because of our own trouble is noted and stands in nobody's way; the walk comes back to
 * them, ever more seldom and not for ever (store/notices.ts).
 */
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import {
  claimWalks,
  endWalk,
  nextOverPeople,
  nextPeople,
  settlePage,
  TELL_LATER,
  type NoticePerson,
  type Settled,
  type WalkingOutage,
} from '../../store/notices.ts'
import { appendAudit } from '../audit/index.ts'
import type { SendNotice } from './mail.ts'

const AT_ONCE = 25
const CLAIM_SECONDS = 60
/** People whom Quiet Time, or our own trouble, kept from being told are looked at again so much later. */
const AGAIN_SECONDS = 60

export interface WalkDeps {
  db: Database
  clock: Clock
  log: Log
  metrics?: Metrics
  send: SendNotice
  /** does a planned time hold this person's mail now? */
  isQuiet: (outage: WalkingOutage, person: NoticePerson) => boolean
  atOnce?: number
}

/** One page of every outage that is to be walked; how many people were dealt with. */
export function createWalk(deps: WalkDeps): () => Promise<number> {
  const { db, log } = deps
  const atOnce = deps.atOnce ?? AT_ONCE
  const counter = deps.metrics?.counter('holdfast_people_notices_total', 'Notices to people at private addresses', [
    'kind',
    'outcome',
  ])

  async function tellOne(outage: WalkingOutage, person: NoticePerson): Promise<Settled> {
    const kind = outage.overAt === null ? 'begun' : 'over'
    const { personId } = person
    // An admin who tells people by hand means now.
    if (kind === 'begun' && outage.toldBy === 'engine' && deps.isQuiet(outage, person))
      return { personId, why: 'quiet-time' }
    const why = await deps.send(outage, kind, person)
    counter?.inc({ kind, outcome: why ?? 'queued' })
    if (why !== null) log.warn({ personId, why }, 'a person cannot be told of an outage')
    return { personId, why }
  }

  /** Our own trouble, perhaps with this one alone: the walk goes on to the next. */
  const later =
    ({ personId }: NoticePerson) =>
    (error: unknown): Settled => {
      log.warn({ personId, err: String(error) }, 'a person could not be told of an outage; tried again later')
      return { personId, why: TELL_LATER }
    }

  async function page(outage: WalkingOutage): Promise<number> {
    const isOver = outage.overAt !== null
    const people = isOver ? await nextOverPeople(db, outage, atOnce) : await nextPeople(db, outage, atOnce)
    const settled: Settled[] = []
    for (const person of people) settled.push(await tellOne(outage, person).catch(later(person)))
    await db.transaction(async (sql) => {
      await settlePage(sql, outage, settled)
      if (people.length > 0) return
      const ended = await endWalk(sql, outage, AGAIN_SECONDS)
      if (ended)
        await appendAudit(sql, {
          organisationId: outage.organisationId,
          actor: 'engine',
          action: isOver ? 'notices-ended' : 'notices-sent',
          subject: `route:${outage.routeId}`,
          detail: { outage: outage.outageId, ...ended },
        })
    })
    return settled.length
  }

  return async () => {
    let count = 0
    for (const outage of await claimWalks(db, CLAIM_SECONDS))
      try {
        count += await page(outage)
      } catch (error) {
        log.warn({ err: String(error), outage: outage.outageId }, 'people could not be told of an outage; tried again')
      }
    return count
  }
}

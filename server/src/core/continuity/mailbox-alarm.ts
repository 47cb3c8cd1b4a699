/**
 * That part of a route is down, as an alarm of its organisation, a line in the log and a number: said when it begins and when
 * it is over, as the board has it. Whoever begins to look ends what one before it left standing and is not so any more.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import { inOneOrder } from '../../platform/db/repeat.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { MailboxTrouble } from '../../store/mailbox-trouble.ts'
import { endAlarm, endEverywhere, raiseAlarm } from '../alarms/index.ts'
import { PART_OF_A_ROUTE } from './mailbox-rule.ts'

export interface MailboxAlarm {
  /** Again and again, with all that are watched. Never throws. */
  look(troubles: readonly MailboxTrouble[]): Promise<void>
}

export function createMailboxAlarm(deps: {
  db: Database
  clock: Clock
  log: Log
  metrics?: Metrics
  nameOf: (routeId: Id) => string
}): MailboxAlarm {
  const { db, clock, log, nameOf } = deps
  /** routes of which it was said; null: nobody has looked yet */
  let partly: Map<Id, Id> | null = null
  let busy = false
  const gauge = deps.metrics?.gauge(
    'holdfast_mailboxes_failing',
    'People whose mailbox fails while their route takes mail',
    ['route'],
  )
  const shown = new Set<Id>()

  async function tell(troubles: readonly MailboxTrouble[]): Promise<void> {
    const failing = new Map<Id, MailboxTrouble[]>()
    for (const one of troubles)
      if (one.since !== null) failing.set(one.routeId, [...(failing.get(one.routeId) ?? []), one])
    for (const routeId of failing.keys()) shown.add(routeId)
    for (const routeId of shown) gauge?.set({ route: nameOf(routeId) }, failing.get(routeId)?.length ?? 0)
    if (partly === null) {
      // What still is so is raised anew below.
      await endEverywhere(db, 'part-down')
      partly = new Map()
    }
    for (const [routeId, people] of failing) {
      if (people.length < PART_OF_A_ROUTE || partly.has(routeId)) continue
      const { organisationId, lastText } = people[0]!
      const facts = { route: nameOf(routeId), people: people.length, detail: lastText ?? '' }
      const alarm = { organisationId, kind: 'part-down', subject: `route:${routeId}` } as const
      await inOneOrder(db, (sql) => raiseAlarm(sql, { ...alarm, facts, now: clock.now() }))
      partly.set(routeId, organisationId)
      log.error(facts, 'part of a route is down: several mailboxes fail while it takes mail')
    }
    for (const [routeId, organisationId] of partly) {
      if ((failing.get(routeId)?.length ?? 0) >= PART_OF_A_ROUTE) continue
      await inOneOrder(db, (sql) => endAlarm(sql, { organisationId, kind: 'part-down', subject: `route:${routeId}` }))
      partly.delete(routeId)
      log.info({ route: nameOf(routeId) }, 'part of a route was down and is not any more')
    }
  }

  return {
    async look(troubles) {
      if (busy) return
      busy = true
      await tell(troubles)
        .catch((error: unknown) => log.warn({ err: String(error) }, 'an alarm could not be stored; it is in a second'))
        .finally(() => (busy = false))
    },
  }
}

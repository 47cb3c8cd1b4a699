/**
 * That part of a route is down, as an alarm of its organisation, a line in the log and a number: said when it begins and when
 * it is over, as the board has it, by the process that judges the route. One that judges it no longer says nothing more of it;
 * the next one goes on from what stands: it ends what is not so any more, and raises nothing twice.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import { inOneOrder } from '../../platform/db/repeat.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { standingSubjects } from '../../store/alarms.ts'
import type { MailboxTrouble } from '../../store/mailbox-trouble.ts'
import { endAlarm, raiseAlarm } from '../alarms/index.ts'
import { PART_OF_A_ROUTE } from './mailbox-rule.ts'

export interface MailboxAlarm {
  /** Again and again, with all that are watched. Never throws. */
  look(troubles: readonly MailboxTrouble[]): Promise<void>
}

const LOOK_UP_EVERY_MS = 60_000
const kind = 'part-down'
const subjectOf = (routeId: Id): string => `route:${routeId}`

export function createMailboxAlarm(deps: {
  db: Database
  clock: Clock
  log: Log
  metrics?: Metrics
  /** the routes this process judges */
  judged: () => Iterable<Id>
  nameOf: (routeId: Id) => string
}): MailboxAlarm {
  const { db, clock, log, nameOf } = deps
  /** judged routes, and of which organisation it stands there; null: it does not */
  const stands = new Map<Id, Id | null>()
  let lookedAt = -Infinity
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
    await lookUp()
    for (const [routeId, organisationId] of stands) {
      const people = failing.get(routeId) ?? []
      const isPartly = people.length >= PART_OF_A_ROUTE
      if (isPartly && organisationId === null) await begin(routeId, people)
      if (!isPartly && organisationId !== null) await end(routeId, organisationId)
    }
  }

  /** What stands of the routes that are judged here: asked for one that is new, and now and then. */
  async function lookUp(): Promise<void> {
    const judged = new Set(deps.judged())
    for (const routeId of stands.keys()) if (!judged.has(routeId)) stands.delete(routeId)
    const isNew = [...judged].some((routeId) => !stands.has(routeId))
    if (!isNew && clock.monotonic() - lookedAt < LOOK_UP_EVERY_MS) return
    lookedAt = clock.monotonic()
    const found = new Map((await standingSubjects(db, kind)).map((one) => [one.subject, one.organisationId]))
    for (const routeId of judged) stands.set(routeId, found.get(subjectOf(routeId)) ?? null)
  }

  async function begin(routeId: Id, people: readonly MailboxTrouble[]): Promise<void> {
    const { organisationId, lastText } = people[0]!
    const facts = { route: nameOf(routeId), people: people.length, detail: lastText ?? '' }
    const alarm = { organisationId, kind, subject: subjectOf(routeId), facts, now: clock.now() } as const
    await inOneOrder(db, (sql) => raiseAlarm(sql, alarm))
    stands.set(routeId, organisationId)
    log.error(facts, 'part of a route is down: several mailboxes fail while it takes mail')
  }

  async function end(routeId: Id, organisationId: Id): Promise<void> {
    await inOneOrder(db, (sql) => endAlarm(sql, { organisationId, kind, subject: subjectOf(routeId) }))
    stands.set(routeId, null)
    log.info({ route: nameOf(routeId) }, 'part of a route was down and is not any more')
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

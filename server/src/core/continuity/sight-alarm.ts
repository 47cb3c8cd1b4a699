/**
 * That this process cannot see, as an alarm of each organisation whose routes it judges ('node:<id>'): each process says what
 * it sees itself, and no other's word ends that. The letter may wait in the queue until we see again; the page says it at once.
 *
 * What a process leaves behind that has gone is another one's. Who finds that it cannot see either, as one that was started anew
 * does, passes that alarm on to itself: it is told once. Else it ends after a while.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import { inOneOrder } from '../../platform/db/repeat.ts'
import type { Id } from '../../platform/ids.ts'
import { standingOfNodes, type NodeAlarm } from '../../store/alarms.ts'
import { DEAD_AFTER_SECONDS } from '../../store/nodes.ts'
import { endAlarm, passOnAlarm, raiseAlarm } from '../alarms/index.ts'

export interface SightAlarm {
  /** After each round; `why`: we cannot see, or null. Of whom it is an alarm: whose routes this process judges. */
  tell(why: string | null, organisationIds: Iterable<Id>): Promise<void>
}

const LOOK_EVERY_MS = 10_000
/** So long it takes to know whether the process is gone that says the same. */
const UNSURE_MS = (DEAD_AFTER_SECONDS + 5) * 1000
/** So long it takes a new process to find out that it cannot see. */
const GONE_MS = 60_000

const kind = 'blind'

export function createSightAlarm(deps: { db: Database; clock: Clock; nodeId: Id }): SightAlarm {
  const { db, clock, nodeId } = deps
  const subject = `node:${nodeId}`
  /** where ours stands */
  let told = new Set<Id>()
  let lookedAt = -Infinity
  let blindSince = 0
  let isBlind = false
  /** alarms of processes that are gone, since when we know that */
  const gone = new Map<string, number>()

  async function raise(organisationId: Id, why: string, others: readonly NodeAlarm[]): Promise<void> {
    const ours = { organisationId, kind, subject, facts: { detail: why } } as const
    const left = others.find((one) => one.node === 'gone')
    if (left === undefined) {
      if (others.length > 0 && clock.monotonic() - blindSince < UNSURE_MS) return
      await inOneOrder(db, (sql) => raiseAlarm(sql, { ...ours, now: clock.now() }))
    } else if (!(await inOneOrder(db, (sql) => passOnAlarm(sql, { ...left, kind }, ours)))) return
    told.add(organisationId)
  }

  /** Whoever said so says nothing any more, and nobody has taken it over. */
  async function endGone(standing: readonly NodeAlarm[]): Promise<void> {
    const now = clock.monotonic()
    const left = new Map(
      standing.filter(({ node }) => node === 'gone').map((one) => [`${one.organisationId} ${one.subject}`, one]),
    )
    for (const key of gone.keys()) if (!left.has(key)) gone.delete(key)
    for (const [key, one] of left) {
      const since = gone.get(key) ?? now
      gone.set(key, since)
      if (now - since >= GONE_MS) await inOneOrder(db, (sql) => endAlarm(sql, { ...one, kind }))
    }
  }

  return {
    async tell(why, organisationIds) {
      const now = clock.monotonic()
      if (why !== null && !isBlind) blindSince = now
      isBlind = why !== null
      const wanted = new Set(why === null ? [] : organisationIds)
      const isSettled = why === null ? told.size === 0 : [...wanted].every((one) => told.has(one))
      if (isSettled && now - lookedAt < LOOK_EVERY_MS) return
      const standing = await standingOfNodes(db, kind, nodeId)
      lookedAt = now
      told = new Set(standing.filter(({ node }) => node === 'own').map(({ organisationId }) => organisationId))
      if (why === null) {
        for (const organisationId of told)
          await inOneOrder(db, (sql) => endAlarm(sql, { organisationId, kind, subject }))
        told = new Set()
      } else
        for (const organisationId of wanted) {
          const others = standing.filter((one) => one.organisationId === organisationId)
          if (!told.has(organisationId)) await raise(organisationId, why, others)
        }
      await endGone(standing)
    },
  }
}

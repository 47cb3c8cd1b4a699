/**
 * What reach probes find out that a person has to mend: their own password is refused, a certificate is near its end. Told
 * when it changes, by the process that judges the route. One that judges it no longer forgets what it told and ends nothing:
 * the next one raises or ends with its first answer what is so then, and what stands already is not told again.
 */
import type { ReachResult } from '../../clients/reach/result.ts'
import type { Clock } from '../../platform/clock.ts'
import type { AlarmKind } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import { inOneOrder } from '../../platform/db/repeat.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { standingSubjects } from '../../store/alarms.ts'
import { endAlarm, raiseAlarm } from '../alarms/index.ts'
import type { Route } from '../directory/index.ts'

type Of = Pick<Route, 'organisationId' | 'routeId' | 'name'>

export interface ProbeAlarms {
  /** Never throws. */
  heard(route: Of, probe: string, result: ReachResult): void
  /** Again and again: the routes that this process judges, with the probes that are asked of each. Never throws. */
  keep(asked: ReadonlyMap<Id, ReadonlySet<string>>): Promise<void>
}

const LOOK_EVERY_MS = 60_000
const kinds = ['probe-refused', 'certificate'] as const satisfies AlarmKind[]
type Kind = (typeof kinds)[number]
const NOTHING = 'null'

export function createProbeAlarms(deps: {
  db: Database
  clock: Clock
  log: Log
  judges: (routeId: Id) => boolean
}): ProbeAlarms {
  const { db, clock, log } = deps
  /** by route, then by kind and probe: what was told last */
  const told = new Map<Id, Map<string, string>>()
  let lookedAt = -Infinity

  async function tell({ organisationId, routeId, name }: Of, kind: Kind, probe: string, facts: object | null) {
    const known = told.get(routeId) ?? new Map<string, string>()
    told.set(routeId, known)
    const key = `${kind} ${probe}`
    const now = JSON.stringify(facts)
    if (known.get(key) === now) return
    known.set(key, now)
    const cause = { organisationId, kind, subject: `probe:${routeId}:${probe}` }
    try {
      await inOneOrder(db, (sql) =>
        facts === null
          ? endAlarm(sql, cause)
          : raiseAlarm(sql, { ...cause, facts: { route: name, ...facts }, now: clock.now() }),
      )
    } catch (error) {
      known.delete(key)
      log.warn({ err: String(error), alarm: kind }, 'an alarm could not be stored; it is with the next answer')
    }
  }

  /** Ends what is of a probe that is asked no more, and forgets what was told where another process has said otherwise. */
  async function look(kind: Kind, asked: ReadonlyMap<Id, ReadonlySet<string>>): Promise<void> {
    const standing = new Set<string>()
    for (const { organisationId, subject } of await standingSubjects(db, kind)) {
      const [, routeId = '', probe = ''] = /^probe:([^:]*):(.*)$/.exec(subject) ?? []
      if (!asked.has(routeId) || !deps.judges(routeId)) continue
      standing.add(`${routeId} ${kind} ${probe}`)
      if (!asked.get(routeId)!.has(probe))
        await inOneOrder(db, (sql) => endAlarm(sql, { organisationId, kind, subject }))
    }
    for (const [routeId, known] of told)
      for (const [key, facts] of known)
        if (key.startsWith(kind) && standing.has(`${routeId} ${key}`) === (facts === NOTHING)) known.delete(key)
  }

  return {
    heard(route, probe, { outcome, text, certificateDays: days }) {
      // Our own trouble says nothing about either; nor does an answer to what another process asks by now.
      if (outcome === 'ours' || !deps.judges(route.routeId)) return
      void tell(route, 'probe-refused', probe, outcome === 'refused' ? { probe, detail: text } : null)
      if (outcome === 'good') void tell(route, 'certificate', probe, days === undefined ? null : { probe, days })
    },
    async keep(asked) {
      for (const routeId of told.keys()) if (!asked.has(routeId)) told.delete(routeId)
      if (asked.size === 0 || clock.monotonic() - lookedAt < LOOK_EVERY_MS) return
      lookedAt = clock.monotonic()
      try {
        for (const kind of kinds) await look(kind, asked)
      } catch (error) {
        log.warn({ err: String(error) }, 'alarms of probes could not be looked at; it is in a minute')
      }
    },
  }
}

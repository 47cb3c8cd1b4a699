/**
 * What reach probes find out that a person has to mend: their own password is refused, a certificate is near its end. Told
 * when it changes; whoever has just begun to ask ends what stood before and is not so any more.
 */
import type { ReachResult } from '../../clients/reach/result.ts'
import type { Clock } from '../../platform/clock.ts'
import type { AlarmKind } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Log } from '../../platform/log.ts'
import { endAlarm, raiseAlarm } from '../alarms/index.ts'
import type { Route } from '../directory/index.ts'

export type ProbeAlarms = (
  route: Pick<Route, 'organisationId' | 'routeId' | 'name'>,
  probe: string,
  result: ReachResult,
) => void

export function createProbeAlarms(deps: { db: Database; clock: Clock; log: Log }): ProbeAlarms {
  /** by kind and subject: what was told last */
  const told = new Map<string, string>()

  async function tell(
    { organisationId, name }: Pick<Route, 'organisationId' | 'name'>,
    kind: AlarmKind,
    subject: string,
    facts: object | null,
  ): Promise<void> {
    const key = `${kind} ${subject}`
    const now = JSON.stringify(facts)
    if (told.get(key) === now) return
    told.set(key, now)
    try {
      await deps.db.transaction((sql) =>
        facts === null
          ? endAlarm(sql, { organisationId, kind, subject })
          : raiseAlarm(sql, { organisationId, kind, subject, facts: { route: name, ...facts }, now: deps.clock.now() }),
      )
    } catch (error) {
      told.delete(key)
      deps.log.warn({ err: String(error), alarm: kind }, 'an alarm could not be stored; it is with the next answer')
    }
  }

  return (route, probe, { outcome, text, certificateDays: days }) => {
    // Our own trouble says nothing about either.
    if (outcome === 'ours') return
    const subject = `probe:${route.routeId}:${probe}`
    void tell(route, 'probe-refused', subject, outcome === 'refused' ? { probe, detail: text } : null)
    if (outcome === 'good') void tell(route, 'certificate', subject, days === undefined ? null : { probe, days })
  }
}

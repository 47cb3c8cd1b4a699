/** An alarm as the API and the command line show it. */
import type { AlarmRow } from '../../core/alarms/index.ts'
import { iso, isoOrNull } from './present.ts'

export function presentAlarm(row: AlarmRow) {
  const text = (key: string): string => (typeof row.facts[key] === 'string' ? row.facts[key] : '')
  const { days } = row.facts
  return {
    id: row.alarmId,
    kind: row.kind,
    routeId: row.routeId,
    routeName: row.routeName ?? text('route'),
    probe: text('probe'),
    source: text('source'),
    detail: typeof days === 'number' ? `${days} d` : text('detail'),
    openedAt: iso(row.openedAt),
    endedAt: isoOrNull(row.endedAt),
    acknowledgedAt: isoOrNull(row.acknowledgedAt),
    acknowledgedBy: row.acknowledgedBy ?? '',
    told: row.told,
    answerable: row.endedAt === null && row.routeId !== null && row.kind.startsWith('ask-'),
  }
}

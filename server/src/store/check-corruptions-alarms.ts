/** What can go wrong with alarms and the letters about them: check-corruptions.ts. */
import type { Corruption } from './check-corruptions.ts'

export const alarmCorruptions: readonly Corruption[] = [
  {
    expected: 'alarm-once',
    text: 'an alarm stands twice',
    sql: `DROP INDEX alarm_standing; INSERT INTO alarm SELECT organisation_id, organisation_id, kind, subject, facts FROM alarm WHERE ended_at IS NULL`,
  },
  { expected: 'alarm-words', text: 'an alarm of no kind', sql: `UPDATE alarm SET kind = 'fire'` },
  { expected: 'alarm-words', text: 'acknowledged by nobody', sql: 'UPDATE alarm SET acknowledged_by = NULL' },
  {
    expected: 'alarm-times',
    text: 'an alarm was over before it began',
    sql: `UPDATE alarm SET ended_at = opened_at - interval '1 second' WHERE ended_at IS NOT NULL`,
  },
  { expected: 'alarm-told', text: 'told, and never', sql: 'UPDATE alarm SET told_at = NULL' },
  { expected: 'alarm-letter', text: 'a letter about no alarm', sql: 'DELETE FROM alarm WHERE told > 0' },
]

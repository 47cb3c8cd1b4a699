/**
 * Alarms: what needs a person. Whoever finds a cause raises it in the transaction that makes it true (alarms.ts), so that it
 * stands exactly as long as the cause; who is to know is told by mail (teller.ts), and pages, API and command line show it.
 */
export { acknowledgeAlarm, endAlarm, passOnAlarm, raiseAlarm } from './alarms.ts'
export { createAlarmTeller, type AlarmTeller } from './teller.ts'
export { alarmById, alarmsPage, type AlarmRow } from '../../store/alarms.ts'

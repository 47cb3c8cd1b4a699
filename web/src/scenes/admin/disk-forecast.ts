/**
 * What is said of the disk: nothing while it is not in sight that it fills, a sentence within a week, a stronger one
 * within a day. Rounded to one unit, for a forecast is no clock.
 */
import type { Disk } from '../../data/contract.ts'

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** Farther away than this an admin has other things to read. */
const WORTH_A_WORD = 7 * DAY

interface DiskForecast {
  level: 'soon' | 'now' | 'full'
  unit: 'minutes' | 'hours' | 'days'
  count: number
}

export function diskForecast({ full, fullInSeconds: seconds }: Disk): DiskForecast | null {
  if (full) return { level: 'full', unit: 'minutes', count: 0 }
  if (seconds === null || seconds > WORTH_A_WORD) return null
  const level = seconds < DAY ? 'now' : 'soon'
  if (seconds < 90 * MINUTE) return { level, unit: 'minutes', count: Math.max(1, Math.round(seconds / MINUTE)) }
  if (seconds < 2 * DAY) return { level, unit: 'hours', count: Math.round(seconds / HOUR) }
  return { level, unit: 'days', count: Math.round(seconds / DAY) }
}

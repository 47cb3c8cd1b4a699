/**
 * Future release (RFC 4865 section 4): HOLDFOR takes seconds, HOLDUNTIL a date and time (RFC 3339), one of them. How far
 * ahead is allowed is said by whoever holds the message.
 */
import { WireError } from '../../platform/errors.ts'

export type Hold = { seconds: number } | { until: number }

const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i

/** Milliseconds since the epoch; null where it is no date and time. */
export function parseDateTime(text: string): number | null {
  const match = DATE_TIME.exec(text)
  if (!match) return null
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  // A leap second is the one before it; the 30th of February is none.
  const day0 = new Date(Date.UTC(year, month - 1, day))
  if (day0.getUTCMonth() !== month - 1 || day0.getUTCDate() !== day) return null
  if (month > 12 || hour > 23 || minute > 59 || second > 60) return null
  return Date.parse(text.toUpperCase().replace(/:60(?=[.Z+-])/, ':59'))
}

/** null: it is another parameter. */
export function readHold(name: string, value: string | null): Hold | null {
  if (name === 'HOLDFOR') {
    if (value === null || !/^[0-9]{1,9}$/.test(value))
      throw new WireError('syntax-arguments', 'HOLDFOR takes a number of seconds')
    return { seconds: Number(value) }
  }
  if (name !== 'HOLDUNTIL') return null
  const until = value === null ? null : parseDateTime(value)
  if (until === null)
    throw new WireError('syntax-arguments', 'HOLDUNTIL takes a date and time like 2026-12-24T18:00:00Z')
  return { until }
}

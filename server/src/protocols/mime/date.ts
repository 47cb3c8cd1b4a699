/** Dates of header fields (RFC 5322 section 3.3), read as the world writes them and written as the standard says. */
import { unfold } from './words.ts'

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (n: number): string => (n < 10 ? `0${n}` : String(n))

/** RFC 5322 section 3.3, always in UTC. `ms` since the epoch. */
export function mailDate(ms: number): string {
  const d = new Date(ms)
  return `${DAYS[d.getUTCDay()]!}, ${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]!} ${d.getUTCFullYear()} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} +0000`
}

/** RFC 5322 section 4.3: zones of old; unknown ones mean "no idea", -0000. */
const ZONES: Record<string, number> = {
  ut: 0,
  gmt: 0,
  z: 0,
  est: -300,
  edt: -240,
  cst: -360,
  cdt: -300,
  mst: -420,
  mdt: -360,
  pst: -480,
  pdt: -420,
}
const DATE =
  /^(?:[a-z]{3,9}\s*,?\s*)?(\d{1,2})\s+([a-z]{3})[a-z]*\s+(\d{2,4})\s+(\d{1,2})\s*:\s*(\d{2})(?:\s*:\s*(\d{2}))?\s*([+-]\d{4}|[a-z]{1,5})?/i

export interface MailDate {
  /** milliseconds since the epoch */
  at: number
  /** minutes east of UTC, as the sender wrote it */
  zone: number
}

/** RFC 5322 section 3.3 with the obsolete forms; null when it is not a date. */
export function parseDate(raw: string): MailDate | null {
  const text = unfold(raw, 500)
    .replace(/\([^()]*\)/g, ' ')
    .trim()
  const match = DATE.exec(text)
  if (!match) return null
  const month = MONTHS.findIndex((name) => name.toLowerCase() === match[2]!.toLowerCase())
  if (month < 0) return null
  let year = Number(match[3])
  if (match[3]!.length === 2) year += year < 50 ? 2000 : 1900
  else if (match[3]!.length === 3) year += 1900
  const zoneText = match[7] ?? '+0000'
  const signed = /^([+-])(\d{2})(\d{2})$/.exec(zoneText)
  const zone = signed
    ? (signed[1] === '-' ? -1 : 1) * (Number(signed[2]) * 60 + Number(signed[3]))
    : (ZONES[zoneText.toLowerCase()] ?? 0)
  const local = Date.UTC(year, month, Number(match[1]), Number(match[4]), Number(match[5]), Number(match[6] ?? 0))
  if (Number.isNaN(local) || Number(match[4]) > 24 || Number(match[1]) > 31 || Math.abs(zone) > 1440) return null
  return { at: local - zone * 60_000, zone }
}

/** RFC 8620 section 1.4 Date: in the sender's zone, e.g. 2014-10-30T14:12:00+08:00. */
export function dateText({ at, zone }: MailDate): string {
  const iso = new Date(at + zone * 60_000).toISOString().slice(0, 19)
  const offset = Math.abs(zone)
  return zone === 0 ? `${iso}Z` : `${iso}${zone < 0 ? '-' : '+'}${two(Math.floor(offset / 60))}:${two(offset % 60)}`
}

/**
 * Dates, sizes and numbers by locale, times in the viewer's zone. Short form for lists: the time today, the day this
 * year, else the date. The long form names the zone (shown on hover).
 */
/** The page's language with the device's region: English in Britain writes 14:05 and 2 March. */
export function regional(locale: string): string {
  if (typeof navigator === 'undefined') return locale
  return navigator.languages.find((tag) => tag.toLowerCase().startsWith(`${locale}-`)) ?? locale
}

const formats = new Map<string, Intl.DateTimeFormat>()
function format(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale + JSON.stringify(options)
  let made = formats.get(key)
  if (!made) formats.set(key, (made = new Intl.DateTimeFormat(regional(locale), options)))
  return made
}

const sameDay = (a: Date, b: Date) => a.toDateString() === b.toDateString()

export function shortTime(iso: string, locale: string, now: Date = new Date()): string {
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return ''
  if (sameDay(at, now)) return format(locale, { hour: 'numeric', minute: '2-digit' }).format(at)
  if (at.getFullYear() === now.getFullYear()) return format(locale, { day: 'numeric', month: 'short' }).format(at)
  return format(locale, { day: '2-digit', month: '2-digit', year: 'numeric' }).format(at)
}

/** For sentences: "10:32" today, "21 Nov, 10:32" else; with seconds where seconds matter (ledger, attempts). */
export function clockTime(iso: string, locale: string, now: Date = new Date(), seconds = false): string {
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return ''
  const time: Intl.DateTimeFormatOptions = {
    hour: 'numeric',
    minute: '2-digit',
    ...(seconds ? { second: '2-digit' } : {}),
  }
  return sameDay(at, now)
    ? format(locale, time).format(at)
    : format(locale, { day: 'numeric', month: 'short', ...time }).format(at)
}

/** Always with the date: for what is quoted and read later. */
export function fullTime(iso: string, locale: string): string {
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return ''
  return format(locale, { day: 'numeric', month: 'long', year: 'numeric', hour: 'numeric', minute: '2-digit' }).format(
    at,
  )
}

export function longTime(iso: string, locale: string): string {
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return ''
  return format(locale, {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    hour: 'numeric',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'long',
  }).format(at)
}

export function fileSize(bytes: number, locale: string): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  const text = new Intl.NumberFormat(locale, {
    style: 'unit',
    unit: units[unit]!,
    unitDisplay: unit === 0 ? 'narrow' : 'short',
    maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0,
  }).format(value)
  // The narrow form of bytes glues number and unit together in some languages.
  return text.replace(/(?<=\d)(?=\p{L})/u, '\u00a0')
}

export const number = (value: number, locale: string): string => new Intl.NumberFormat(locale).format(value)

/** A stretch of time in its two largest units: "3 min 20 s". */
export function stretch(ms: number, locale: string): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  const parts: [number, 'day' | 'hour' | 'minute' | 'second'][] = [
    [Math.floor(seconds / 86400), 'day'],
    [Math.floor(seconds / 3600) % 24, 'hour'],
    [Math.floor(seconds / 60) % 60, 'minute'],
    [seconds % 60, 'second'],
  ]
  const first = parts.findIndex(([value]) => value > 0)
  return parts
    .slice(first < 0 ? 3 : first, first < 0 ? 4 : first + 2)
    .filter(([value], at) => value > 0 || at === 0)
    .map(([value, unit]) => new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'short' }).format(value))
    .join(' ')
}

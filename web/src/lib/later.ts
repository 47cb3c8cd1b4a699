/** Times to send at: what is offered, and how a field of the browser says one. In the viewer's zone; pure. */

/** Seconds in which a message may be taken back; the server holds it for so long. */
export const UNDO_SECONDS = 10

const pad = (value: number): string => String(value).padStart(2, '0')

/** As a field of type datetime-local writes it: local time without a zone. */
export const toField = (at: Date): string =>
  `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}T${pad(at.getHours())}:${pad(at.getMinutes())}`

/** RFC 3339, as the server reads it; null: no time. */
export function fromField(text: string): string | null {
  const at = new Date(text)
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) && !Number.isNaN(at.getTime())
    ? `${at.toISOString().slice(0, 19)}Z`
    : null
}

const on = (now: Date, days: number, hour: number): Date =>
  new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour)

/** This evening while it is far enough, tomorrow morning, the next Monday morning. */
export function offers(now: Date): Date[] {
  const toMonday = (8 - now.getDay()) % 7 || 7
  return [
    ...(now.getHours() < 16 ? [on(now, 0, 18)] : []),
    on(now, 1, 8),
    // Tomorrow may be that Monday.
    ...(toMonday === 1 ? [] : [on(now, toMonday, 8)]),
  ]
}

export function faultOf(iso: string | null, now: Date, mostSeconds: number): 'none' | 'past' | 'tooFar' | null {
  if (iso === null) return 'none'
  const seconds = (Date.parse(iso) - now.getTime()) / 1000
  if (seconds <= 0) return 'past'
  return seconds > mostSeconds ? 'tooFar' : null
}

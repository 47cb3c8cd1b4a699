/** Quiet Time as the contract shows it: ISO times, words, and in one line when a window is open. */
import type { HeldRow, Plan, WindowView } from '../../core/quiet/index.ts'
import { withTurnsSeen } from '../../protocols/mime/index.ts'
import { iso, isoOrNull } from './present.ts'

const span = (one: { from: Date; until: Date } | null) => one && { from: iso(one.from), until: iso(one.until) }

export function presentWindow(window: WindowView) {
  return {
    id: window.id,
    name: window.name,
    provider: window.isProviders,
    target: window.target,
    targetId: window.targetId,
    targetName: window.targetName,
    plan: window.plan,
    open: span(window.open),
    next: span(window.next),
    week: window.week.map((one) => span(one)!),
    releasedUntil: isoOrNull(window.releasedUntil),
    extendedUntil: isoOrNull(window.extendedUntil),
    held: window.held,
    setBy: window.setBy,
    setAt: iso(window.setAt),
  }
}

export function presentHeld(row: HeldRow) {
  return {
    deliveryId: row.deliveryId,
    messageId: row.messageId,
    recipient: row.recipient,
    from: withTurnsSeen(row.from),
    subject: row.subject,
    acceptedAt: iso(row.acceptedAt),
    windowId: row.windowId,
    window: row.window,
    since: iso(row.since),
    until: iso(row.until),
  }
}

/** `second tue of the month 22:00-02:00 Europe/Berlin`, for a terminal. */
export function whenText({ weekly, monthly, once, zone }: Plan): string {
  if (once) return `once ${once.from} to ${once.to} ${zone}`
  if (weekly) return `${weekly.days.join(' ')} ${weekly.from}-${weekly.to} ${zone}`
  const { nth, day, date, from, to } = monthly!
  const which = date === undefined ? `${nth === 'last' ? 'last' : `${nth!}.`} ${day!}` : `day ${date}`
  return `${which} of the month ${from}-${to} ${zone}`
}

/** What admins see of Quiet Time: every window with how it stands, and what is held now. */
import { QuietTarget, wordOf } from '../../platform/codes.ts'
import type { Sql } from '../../platform/db/database.ts'
import { NIL_ID, type Id } from '../../platform/ids.ts'
import { heldCounts, quietTick, windowsOf } from '../../store/quiet.ts'
import { occurrencesBetween } from './recurrence.ts'
import { windowOf } from './standing.ts'
import { DAY } from './wall-time.ts'
import { whenOf, type Plan } from './window.ts'

export interface WindowView {
  id: Id
  name: string
  /** the provider's own, over all organisations */
  isProviders: boolean
  target: keyof typeof QuietTarget
  targetId: Id | null
  targetName: string | null
  /** null: what is stored is not valid, it holds nothing */
  plan: Plan | null
  /** open now: since when, until when */
  open: { from: Date; until: Date } | null
  /** released early: it stays closed until then */
  releasedUntil: Date | null
  extendedUntil: Date | null
  next: { from: Date; until: Date } | null
  /** what is planned for the next seven days */
  week: { from: Date; until: Date }[]
  held: number
  setBy: string
  setAt: Date
}

const dates = (one: { from: number; until: number } | null): { from: Date; until: Date } | null =>
  one && { from: new Date(one.from), until: new Date(one.until) }
const future = (at: Date | null, now: Date): Date | null => (at !== null && at > now ? at : null)

/** An organisation's windows and the provider's; of NIL_ID the provider's alone. */
export async function listWindows(sql: Sql, organisationId: Id): Promise<WindowView[]> {
  const [rows, counts, { now }] = [
    await windowsOf(sql, organisationId),
    await heldCounts(sql, organisationId),
    await quietTick(sql),
  ]
  return rows.map((row) => {
    const window = windowOf(row)
    const standing = window?.at(now.getTime())
    return {
      id: row.windowId,
      name: row.name,
      isProviders: row.organisationId === NIL_ID,
      target: wordOf(QuietTarget, row.target),
      targetId: row.targetId,
      targetName: row.targetName,
      plan: window?.plan ?? null,
      open: dates(standing?.open ?? null),
      releasedUntil: standing?.open ? null : future(row.releasedUntil, now),
      extendedUntil: future(row.extendedUntil, now),
      next: dates(standing?.next ?? null),
      week: window
        ? occurrencesBetween(whenOf(window.plan), window.plan.zone, now.getTime(), now.getTime() + 7 * DAY, 20).map(
            (one) => dates(one)!,
          )
        : [],
      held: counts.find(({ windowId }) => windowId === row.windowId)?.held ?? 0,
      setBy: row.setBy,
      setAt: row.setAt,
    }
  })
}

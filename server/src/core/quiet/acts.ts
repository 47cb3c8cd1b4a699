/**
 * What people do to windows: set one, take it away, let what it holds go early, keep it open for longer. Each is one
 * transaction with its audit row, after which all that is held is looked at anew: what nothing holds any more goes out, in
 * order and paced, the rest is put back. Locks in the order of platform/db/repeat.ts.
 */
import { QuietTarget } from '../../platform/codes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { inOneOrder } from '../../platform/db/repeat.ts'
import { WireError } from '../../platform/errors.ts'
import { newId, type Id } from '../../platform/ids.ts'
import {
  beginQuietChange,
  countWindows,
  quietTick,
  releaseHeld,
  removeWindow,
  replanHeld,
  shiftWindow,
  windowById,
  windowNamed,
  writeWindow,
} from '../../store/quiet.ts'
import { appendAudit, type AuditAction } from '../audit/index.ts'
import { windowOf, type Window } from './standing.ts'
import { planProblem, type Plan } from './window.ts'
import { DAY } from './wall-time.ts'

/** Windows of one organisation: each is asked about for every message. */
export const MOST_WINDOWS = 200
const LONGEST_EXTENSION = 31 * DAY

interface Deps {
  db: Database
  clock: Clock
}
interface Whose {
  /** NIL_ID: the provider's, over all organisations */
  organisationId: Id
  /** as in audit rows */
  actor: string
}
type TargetWord = keyof typeof QuietTarget

export interface WindowWish {
  name: string
  target: TargetWord
  /** of what it is for; null: for all */
  targetId: Id | null
  plan: Plan
}

const windowProblem = ({ target, plan }: Pick<WindowWish, 'target' | 'plan'>): string | null => {
  const problem = planProblem(plan, target !== 'all' && target !== 'route')
  return problem && (problem.path === '' ? problem.text : `${problem.path}: ${problem.text}`)
}

/** In the caller's transaction, which has begun with beginQuietChange and ends with replanHeld. */
export async function putWindow(
  sql: Sql,
  { organisationId, actor }: Whose,
  windowId: Id,
  wish: WindowWish,
): Promise<void> {
  const { name, target, targetId, plan } = wish
  await writeWindow(sql, { organisationId, windowId, name, target: QuietTarget[target], targetId, plan, setBy: actor })
  const written = await windowById(sql, organisationId, windowId)
  if ((target === 'all') !== (targetId === null) || (target !== 'all' && written?.targetName == null))
    throw new WireError('bad-request', `target: there is no such ${target} in this organisation`)
}

const audit = (sql: Sql, { organisationId, actor }: Whose, action: AuditAction, windowId: Id, detail: object) =>
  appendAudit(sql, { organisationId, actor, action, subject: `quiet:${windowId}`, detail: { ...detail } })

/** Makes one (`windowId` null) or changes one; then what was released or extended of it is over. */
export async function setWindow(
  { db, clock }: Deps,
  { windowId, ...wish }: Whose & WindowWish & { windowId: Id | null },
): Promise<Id> {
  const { organisationId } = wish
  const problem = windowProblem(wish)
  if (problem !== null) throw new WireError('bad-request', problem)
  return inOneOrder(db, async (sql) => {
    await beginQuietChange(sql)
    if (windowId !== null && !(await windowById(sql, organisationId, windowId))) throw new WireError('not-found')
    if (windowId === null && (await countWindows(sql, organisationId)) >= MOST_WINDOWS)
      throw new WireError('conflict', `there are ${MOST_WINDOWS} windows already; take one away, or widen one`)
    const same = await windowNamed(sql, organisationId, wish.name)
    if (same !== null && same !== windowId)
      throw new WireError('conflict', `name: there is a window "${wish.name}" already`)
    const id = windowId ?? newId(clock.now())
    await putWindow(sql, wish, id, wish)
    await replanHeld(sql, organisationId)
    await audit(sql, wish, 'quiet-set', id, {
      name: wish.name,
      for: wish.target,
      ...(wish.targetId ? { id: wish.targetId } : {}),
      plan: JSON.stringify(wish.plan),
    })
    return id
  })
}

export async function dropWindow({ db }: Deps, one: Whose & { windowId: Id }): Promise<void> {
  await inOneOrder(db, async (sql) => {
    await beginQuietChange(sql)
    const window = await windowById(sql, one.organisationId, one.windowId)
    if (!window) throw new WireError('not-found')
    await removeWindow(sql, one.organisationId, one.windowId)
    const held = await replanHeld(sql, one.organisationId)
    await audit(sql, one, 'quiet-removed', one.windowId, { name: window.name, held })
  })
}

async function open(
  sql: Sql,
  one: Whose & { windowId: Id },
): Promise<{ window: Window; now: number; until: number | null; planned: number | null }> {
  const row = await windowById(sql, one.organisationId, one.windowId)
  const window = row && windowOf(row)
  if (!row || !window) throw new WireError('not-found')
  const now = (await quietTick(sql)).now.getTime()
  const plan = windowOf({ ...row, releasedUntil: null, extendedUntil: null })!
  return { window, now, until: window.at(now).open?.until ?? null, planned: plan.at(now).open?.until ?? null }
}

/** What it holds goes now, unless another window holds it too; the next time it opens as planned. */
export async function releaseWindow({ db }: Deps, one: Whose & { windowId: Id }): Promise<void> {
  await inOneOrder(db, async (sql) => {
    await beginQuietChange(sql)
    const { window, until, planned } = await open(sql, one)
    if (until === null) throw new WireError('conflict', `"${window.name}" is not open now, so it holds nothing`)
    // Where only an extension kept it open, nothing is left to be closed against.
    await shiftWindow(sql, {
      ...one,
      releasedUntil: planned === null ? null : new Date(planned),
      extendedUntil: null,
    })
    const held = await replanHeld(sql, one.organisationId)
    await audit(sql, one, 'quiet-released', one.windowId, {
      name: window.name,
      plannedUntil: new Date(until).toISOString(),
      held,
    })
  })
}

/** It stays open until then; where it is closed, it is open from now on. */
export async function extendWindow({ db }: Deps, one: Whose & { windowId: Id; until: Date }): Promise<void> {
  await inOneOrder(db, async (sql) => {
    await beginQuietChange(sql)
    const { window, now, until } = await open(sql, one)
    const wanted = one.until.getTime()
    if (!(wanted > now)) throw new WireError('bad-request', 'until: is over already')
    if (wanted - now > LONGEST_EXTENSION) throw new WireError('bad-request', 'until: is more than 31 days ahead')
    if (until !== null && wanted <= until)
      throw new WireError(
        'conflict',
        `"${window.name}" is open until ${new Date(until).toISOString()} anyway; to end it sooner, release it`,
      )
    await shiftWindow(sql, { ...one, releasedUntil: null, extendedUntil: one.until })
    await replanHeld(sql, one.organisationId)
    await audit(sql, one, 'quiet-extended', one.windowId, { name: window.name, until: one.until.toISOString() })
  })
}

/** One message to one recipient goes now, whatever is planned. */
export async function releaseDelivery({ db }: Deps, one: Whose & { deliveryId: Id }): Promise<void> {
  const { organisationId, actor, deliveryId } = one
  await inOneOrder(db, async (sql) => {
    if (!(await releaseHeld(sql, organisationId, deliveryId)))
      throw new WireError('conflict', 'it is not held by a quiet time, or not any more')
    await appendAudit(sql, {
      organisationId,
      actor,
      action: 'quiet-released',
      subject: `delivery:${deliveryId}`,
      detail: {},
    })
  })
}

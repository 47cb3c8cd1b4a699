/**
 * Carries a step of the machine out: ONE transaction with the route's new row (version check), the effects on the return
 * event and on what is held, the audit rows, and the hint to other processes. Either all of it happened or none.
 */
import type { Clock } from '../../platform/clock.ts'
import { Mode, Pin, wordOf } from '../../platform/codes.ts'
import { LONG_MS, type Database, type Sql } from '../../platform/db/database.ts'
import { inOneOrder } from '../../platform/db/repeat.ts'
import { newId, type Id } from '../../platform/ids.ts'
import { hintModes, markHeld, writeMemory, writeMode, type ModeRecord } from '../../store/modes.ts'
import { beginReturn, closeReturnEvent, openReturnEvent } from '../../store/returns.ts'
import { appendAudit } from '../audit/index.ts'
import { endAlarm, raiseAlarm } from '../alarms/index.ts'
import { freshMemory, type Effect, type MachineState, type Memory, type Step } from './machine.ts'

export interface Act {
  /** 'engine' or who did it, as in audit rows */
  actor: string
  pinReason?: string
  pinUntil?: Date | null
}

/** The machine's view of a stored row. */
export function stateOf(record: ModeRecord): MachineState {
  const memory = record.memory as Partial<Memory>
  return {
    mode: wordOf(Mode, record.mode),
    since: record.since.getTime(),
    pin: record.pin === null ? null : wordOf(Pin, record.pin),
    eventOpen: record.returnEventId !== null,
    memory: { ...freshMemory(), ...memory },
  }
}

/** Stores the step. False: the row was changed meanwhile; look again. */
export async function storeStep(
  deps: { db: Database; clock: Clock },
  record: ModeRecord,
  step: Step,
  act: Act,
): Promise<boolean> {
  if (step.cause !== null)
    return inOneOrder(deps.db, (sql) => storeVisible(sql, deps.clock, record, step, act), { answerWithinMs: LONG_MS })
  return inOneOrder(deps.db, async (sql) => {
    const written = await writeMemory(sql, { ...record, memory: step.state.memory })
    if (written) await carryOut(sql, { ...record, eventId: record.returnEventId, now: deps.clock.now() }, step, act)
    return written
  })
}

async function storeVisible(sql: Sql, clock: Clock, record: ModeRecord, step: Step, act: Act): Promise<boolean> {
  const { organisationId, routeId } = record
  const closes = step.effects.some((effect) => effect.kind === 'closeEvent')
  const opens = step.effects.some((effect) => effect.kind === 'openEvent')
  const eventId = opens ? newId(clock.now()) : record.returnEventId
  const pinned = step.state.pin !== null
  const samePin = pinned && act.pinReason === undefined
  const written = await writeMode(sql, {
    organisationId,
    routeId,
    version: record.version,
    mode: Mode[step.state.mode],
    entered: wordOf(Mode, record.mode) !== step.state.mode,
    cause: step.cause!,
    detail: step.detail,
    pin: step.state.pin === null ? null : Pin[step.state.pin],
    pinReason: pinned ? (samePin ? record.pinReason : (act.pinReason ?? null)) : null,
    pinAuthor: pinned ? (samePin ? record.pinAuthor : act.actor) : null,
    pinUntil: pinned ? (samePin ? record.pinUntil : (act.pinUntil ?? null)) : null,
    memory: step.state.memory,
    returnEventId: closes ? null : eventId,
  })
  if (!written) return false
  await carryOut(sql, { organisationId, routeId, eventId, now: clock.now() }, step, act)
  await hintModes(sql)
  return true
}

async function carryOut(
  sql: Sql,
  of: { organisationId: Id; routeId: Id; eventId: Id | null; now: number },
  step: Step,
  act: Act,
): Promise<void> {
  const { organisationId, routeId, eventId, now } = of
  const subject = `route:${routeId}`
  const audit = (
    action: Parameters<typeof appendAudit>[1]['action'],
    detail: Record<string, unknown>,
  ): Promise<unknown> => appendAudit(sql, { organisationId, actor: act.actor, action, subject, detail })
  for (const effect of step.effects) {
    switch (effect.kind) {
      case 'openEvent':
        await openReturnEvent(sql, { organisationId, routeId, returnEventId: eventId! })
        break
      case 'markHeld':
        await markHeld(sql, routeId, effect.due ? 'all' : 'none')
        break
      case 'beginReturn': {
        if (eventId === null) break
        const owed = await beginReturn(sql, { organisationId, routeId, returnEventId: eventId })
        await audit('return-begun', { event: eventId, owed })
        break
      }
      case 'closeEvent': {
        if (eventId === null) break
        const numbers = await closeReturnEvent(sql, { organisationId, routeId, returnEventId: eventId })
        await audit('return-finished', { event: eventId, ...numbers })
        break
      }
      case 'asked': {
        const { direction, to, leave, detail } = effect.question
        await audit('switch-asked', { direction, to, policy: leave, detail })
        if (leave === 'ask')
          await raiseAlarm(sql, { organisationId, subject, kind: `ask-${direction}`, facts: { to, detail }, now })
        break
      }
      case 'askedNoMore': {
        const { direction, to } = effect.question
        await audit('switch-question-over', { direction, to, cause: step.cause ?? 'evidence' })
        await endAlarm(sql, { organisationId, subject, kind: `ask-${direction}` })
        break
      }
      case 'blinded':
        await audit('judging-blind', { why: effect.why })
        break
      case 'audit': {
        const { from, to, cause, detail } = effect
        await tellOfMode(sql, { organisationId, subject, now }, effect, act)
        if (cause === 'return-stopped') await audit('return-stopped', { event: eventId ?? '', detail })
        // The end of a return while normal already: its own row says it.
        if (from === to && cause === 'return-drained') break
        const action =
          cause === 'pin-removed' ? 'pin-removed' : cause.startsWith('pinned-') ? 'pin-set' : 'mode-changed'
        await audit(action, {
          from,
          to,
          cause,
          detail,
          ...(act.pinReason === undefined ? {} : { reason: act.pinReason }),
          ...(act.pinUntil ? { until: act.pinUntil.toISOString() } : {}),
        })
        break
      }
    }
  }
}

/** An emergency is told of when it begins and when all is normal again; one that was planned is no news. */
async function tellOfMode(
  sql: Sql,
  { now, ...of }: { organisationId: Id; subject: string; now: number },
  { from, to, cause, detail }: Extract<Effect, { kind: 'audit' }>,
  { actor }: Act,
): Promise<void> {
  // Planned, it was no news; that it goes on behind its end is.
  const goesOn = cause === 'pin-removed' && (to === 'emergency' || to === 'emergencyReach')
  if (from === to && !goesOn) return
  if (to === 'normal') await endAlarm(sql, { ...of, kind: 'emergency' })
  else if ((to === 'emergency' || to === 'emergencyReach' || to === 'hold') && !actor.startsWith('quiet:'))
    await raiseAlarm(sql, { ...of, kind: 'emergency', facts: { mode: to, cause, detail }, now })
}

/**
 * What people do to modes: pin a route, or everything of an organisation, a domain, a group or a person, and take the pin
 * away. A pin needs a reason, may end by itself, and is checked against the version the person looked at. Which of several
 * counts: pin-order.ts. Only a primary's route can be pinned: a way out has no mode of its own.
 */
import type { Clock } from '../../platform/clock.ts'
import { Pin, PinTarget, RouteKind, wordOf } from '../../platform/codes.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import { readMode } from '../../store/modes.ts'
import { endExpiredPins, readPin, removePin, writePin, type PinRow } from '../../store/pins.ts'
import { appendAudit } from '../audit/index.ts'
import type { LiveBoard } from './board.ts'
import type { Judge } from './judge.ts'
import type { MachineEvent, PinName } from './machine.ts'
import { stateOf } from './setter.ts'
import type { Direction } from './switching.ts'

export interface PinRequest {
  organisationId: Id
  /** null takes the pin away */
  pin: PinName | null
  reason: string
  /** the pin ends by itself */
  until?: Date | null
  /** as in audit rows: 'person:<id>', 'operator:<name>', 'cli:<account>' */
  actor: string
  /** what the person saw (0: no pin); absent for the command line, which acts on what is */
  version?: number
}

export interface Pins {
  pinRoute(request: PinRequest & { routeId: Id }): Promise<void>
  /** The pin as it is then; null: there is none. */
  pinTarget(request: PinRequest & { target: keyof typeof PinTarget; targetId: Id }): Promise<PinRow | null>
  /** Yes to what the engine asks, or what it only shows is done by hand: one click, in the person's name. */
  answer(request: { organisationId: Id; routeId: Id; direction: Direction; actor: string }): Promise<void>
}

const events: Record<PinName, MachineEvent> = {
  emergency: { kind: 'pinEmergency' },
  normal: { kind: 'pinNormal' },
  hold: { kind: 'pinHold' },
}

function checked(request: PinRequest, clock: Clock): { reason: string; until: Date | null } {
  const reason = request.reason.trim()
  if (request.pin !== null && reason === '')
    throw new WireError('bad-request', 'a pin needs a reason: whoever sees it tomorrow must know why')
  if (reason.length > 500) throw new WireError('bad-request', 'the reason is longer than 500 characters')
  const until = request.until ?? null
  if (until !== null && Number.isNaN(until.getTime()))
    throw new WireError('bad-request', 'the end of the pin is no time')
  if (request.pin !== null && until !== null && until.getTime() <= clock.now())
    throw new WireError(
      'bad-request',
      `the end of the pin, ${until.toISOString()}, is over already: say a time to come, or none`,
    )
  return { reason: reason.toWellFormed().replaceAll('\0', ''), until }
}

/**
 * A way out is always open (board.ts) and nobody judges it: a pin there would be written down, shown, and do nothing.
 * Taking one away is always right: the file may have made a way out of a primary that was pinned.
 */
async function refuseWayOut(db: Database, request: { organisationId: Id; routeId: Id; pin: PinName | null }) {
  if (request.pin === null) return
  const route = await readMode(db, request.organisationId, request.routeId)
  if (route && route.kind !== RouteKind.primary)
    throw new WireError(
      'bad-request',
      "this route is a way out to the world and has no mode. To keep back what people send, pin the route of their mail system to hold; to send it another way, change `outboundRoute` in the organisation's file and apply it",
    )
}

const changed = (): WireError => new WireError('conflict', 'this pin has changed since you looked')

export function createPins(deps: {
  db: Database
  clock: Clock
  judge: Judge
  board: Pick<LiveBoard, 'refresh'>
}): Pins {
  return {
    async pinRoute(request) {
      const { reason, until } = checked(request, deps.clock)
      await refuseWayOut(deps.db, request)
      const act = {
        actor: request.actor,
        pinReason: reason,
        pinUntil: until,
        ...(request.version === undefined ? {} : { version: request.version }),
      }
      await deps.judge.tell(request, request.pin === null ? { kind: 'unpin' } : events[request.pin], act)
    },
    async answer({ organisationId, routeId, direction, actor }) {
      const record = await readMode(deps.db, organisationId, routeId)
      if (!record) throw new WireError('not-found', 'there is no such route')
      if (stateOf(record).memory.question?.direction !== direction)
        throw new WireError('conflict', 'this is asked no more: it was answered, or the evidence for it is gone')
      // What was seen is what is answered: by its version.
      await deps.judge.tell(
        { organisationId, routeId },
        { kind: 'answer', direction },
        { actor, version: record.version },
      )
    },
    async pinTarget(request) {
      const { organisationId, actor, pin, version, target, targetId } = request
      const { reason, until } = checked(request, deps.clock)
      const key = { organisationId, target: PinTarget[target], targetId }
      const after = await deps.db.transaction(async (sql) => {
        const before = await readPin(sql, key)
        if (pin === null) {
          // Taken away already: as it was wanted, unless somebody else put another one there.
          if (before === null && !version) return null
          if (!(await removePin(sql, key, version))) throw changed()
        } else {
          if (!(await writePin(sql, { ...key, pin: Pin[pin], reason, author: actor, until, version }))) throw changed()
        }
        const now = await readPin(sql, key)
        if (now !== null && now.name === null)
          throw new WireError('not-found', `there is no such ${target} in this organisation`)
        await appendAudit(sql, {
          organisationId,
          actor,
          action: pin === null ? 'pin-removed' : 'pin-set',
          subject: `${target}:${targetId}`,
          detail: {
            pin: pin ?? 'none',
            ...(before ? { before: wordOf(Pin, before.pin) } : {}),
            reason,
            ...(until ? { until: until.toISOString() } : {}),
          },
        })
        return now
      })
      await deps.board.refresh()
      return after
    },
  }
}

/** Those whose time is over are taken away, each with its row in the audit; they count no more since it was over. */
export async function endPins(sql: Sql): Promise<void> {
  for (const { organisationId, target, targetId } of await endExpiredPins(sql))
    await appendAudit(sql, {
      organisationId,
      actor: 'engine',
      action: 'pin-removed',
      subject: `${wordOf(PinTarget, target)}:${targetId}`,
      detail: { cause: 'expired' },
    })
}

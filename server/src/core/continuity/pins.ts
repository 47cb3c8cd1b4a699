/**
 * What people do to modes: pin a route or a person's own mode, and take the pin away. A pin needs a reason, may end by
 * itself, and is checked against the version the person looked at. Only a primary's route can be pinned: a way out has no
 * mode of its own.
 */
import { Pin, RouteKind } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import { readMode, setPersonPin } from '../../store/modes.ts'
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
}

export interface Pins {
  /** `version`: what the person saw; absent for the command line, which acts on what is. */
  pinRoute(request: PinRequest & { routeId: Id; version?: number }): Promise<void>
  pinPerson(request: PinRequest & { personId: Id }): Promise<void>
  /** Yes to what the engine asks, or what it only shows is done by hand: one click, in the person's name. */
  answer(request: { organisationId: Id; routeId: Id; direction: Direction; actor: string }): Promise<void>
}

const events: Record<PinName, MachineEvent> = {
  emergency: { kind: 'pinEmergency' },
  normal: { kind: 'pinNormal' },
  hold: { kind: 'pinHold' },
}

function checked(request: PinRequest): { reason: string; until: Date | null } {
  const reason = request.reason.trim()
  if (request.pin !== null && reason === '')
    throw new WireError('bad-request', 'a pin needs a reason: whoever sees it tomorrow must know why')
  if (reason.length > 500) throw new WireError('bad-request', 'the reason is longer than 500 characters')
  const until = request.until ?? null
  if (until !== null && Number.isNaN(until.getTime()))
    throw new WireError('bad-request', 'the end of the pin is no time')
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

export function createPins(deps: { db: Database; judge: Judge; board: LiveBoard }): Pins {
  return {
    async pinRoute(request) {
      const { reason, until } = checked(request)
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
    async pinPerson(request) {
      const { organisationId, personId, actor, pin } = request
      const { reason, until } = checked(request)
      await deps.db.transaction(async (sql) => {
        await setPersonPin(sql, {
          organisationId,
          personId,
          pin: pin === null ? null : Pin[pin],
          pinReason: reason,
          pinAuthor: actor,
          pinUntil: until,
        })
        await appendAudit(sql, {
          organisationId,
          actor,
          action: pin === null ? 'person-pin-removed' : 'person-pin-set',
          subject: `person:${personId}`,
          detail: { pin: pin ?? 'none', reason, ...(until ? { until: until.toISOString() } : {}) },
        })
      })
      await deps.board.refresh()
    },
  }
}

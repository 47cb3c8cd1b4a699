/**
 * What planned maintenance (Quiet Time) makes of a route while its window is open: no evidence moves its mode, or it is in
 * emergency. Computed in each round from the window itself, so it holds after a restart in the middle and ends with it.
 *
 * The emergency is a pin with the window's end and an author of its own (`quiet:<window>`): pages show whose it is, and it
 * goes by itself even where nobody judges. A person's pin is never touched. Pure.
 */
import type { Id } from '../../platform/ids.ts'
import type { MachineEvent, Memory, PinName } from './machine.ts'
import type { Act } from './setter.ts'

export interface RouteUpkeep {
  windowId: Id
  name: string
  /** milliseconds, the database's clock */
  until: number
  modes: 'stay' | 'emergency'
}
/** What is done with a route, and in whose name. */
export interface Planned {
  event: MachineEvent
  act: Act
}
export type UpkeepOf = (organisationId: Id, routeId: Id) => RouteUpkeep | null

const OURS = 'quiet:'
const ENGINE: Act = { actor: 'engine' }
const REPEAT_MS = 30_000

interface UpkeepRoute {
  pin: PinName | null
  pinAuthor: string | null
  pinUntil: Date | null
  memory: Pick<Memory, 'blind' | 'ignoreBefore'>
  /** it has probes, which tell when it is well again */
  isProbed: boolean
}

/** An emergency that was planned, and no person's. */
export const isPlannedPin = ({ pin, pinAuthor }: { pin: unknown; pinAuthor: string | null }): boolean =>
  pin !== null && (pinAuthor?.startsWith(OURS) ?? false)

/** `nothing`: not even evidence is looked at. Null: evidence decides as ever. */
export function upkeepStep(route: UpkeepRoute, upkeep: RouteUpkeep | null, now: number): Planned | 'nothing' | null {
  const isOurs = isPlannedPin(route)
  if (upkeep?.modes === 'emergency') {
    const author = `${OURS}${upkeep.windowId}`
    const isSet = isOurs && route.pinAuthor === author && route.pinUntil?.getTime() === upkeep.until
    if ((route.pin !== null && !isOurs) || isSet) return null
    const pinReason = `planned maintenance: ${upkeep.name}`
    return { event: { kind: 'pinEmergency' }, act: { actor: author, pinReason, pinUntil: new Date(upkeep.until) } }
  }
  // Its window was released early, changed or taken away.
  if (isOurs) return { event: { kind: route.isProbed ? 'unpin' : 'plannedEnd' }, act: ENGINE }
  if (upkeep === null) return null
  if (route.memory.blind !== null && now - route.memory.ignoreBefore < REPEAT_MS) return 'nothing'
  const why = `planned maintenance until ${new Date(upkeep.until).toISOString()}: ${upkeep.name}`
  return { event: { kind: 'blind', why }, act: ENGINE }
}

export interface Upkeep {
  ask(route: UpkeepRoute & { organisationId: Id; routeId: Id }, now: number): Planned | 'nothing' | null
}

/** One judge's: it remembers which modes stayed, so that what was seen meanwhile is forgotten once more at the end. */
export function createUpkeep(of: UpkeepOf = () => null): Upkeep {
  const staying = new Set<Id>()
  return {
    ask(route, now) {
      const upkeep = of(route.organisationId, route.routeId)
      const planned = upkeepStep(route, upkeep, now)
      if (upkeep?.modes === 'stay') staying.add(route.routeId)
      else if (staying.delete(route.routeId) && planned === null)
        return { event: { kind: 'blind', why: 'planned maintenance is over' }, act: ENGINE }
      return planned
    },
  }
}

/**
 * When people are told of an outage, and when that it is over. Pure: what is known of an outage, and how the route stands
 * now, give what is known next and what is due. An outage that stops and goes on again within CALM_MS is the same one, so
 * that a mail system that comes and goes gives one notice.
 */
import { Mode } from '../../platform/codes.ts'

/** So long a route must have been normal before the outage is over. */
export const CALM_MS = 300_000
/** An admin told people of something that no probe ever saw: forgotten after a day. */
export const BY_HAND_MS = 86_400_000

export interface Outage {
  beganAt: number
  /** in an emergency without a break since; null: not now */
  downSince: number | null
  /** normal since; null: not now */
  calmSince: number | null
  /** it was in an emergency at some time; else an admin made it by telling people */
  wasDown: boolean
  isTold: boolean
  isSuppressed: boolean
}

export interface RouteNow {
  mode: Mode
  since: number
  /** we cannot see how it is */
  isBlind: boolean
  /** a planned time holds the route's mail */
  isQuiet: boolean
}

export interface Rules {
  automatic: boolean
  afterMs: number
}

export interface Verdict {
  /** null: there is no outage, and none was */
  outage: Outage | null
  /** people are to be told now */
  tell: boolean
  isOver: boolean
}

export const isDown = (mode: Mode): boolean => mode === Mode.emergency || mode === Mode.emergencyReach

export function judgeOutage(before: Outage | null, route: RouteNow, rules: Rules, now: number): Verdict {
  if (isDown(route.mode)) return whileDown(before ?? fresh(route.since), route, rules, now)
  if (before === null) return { outage: null, tell: false, isOver: false }
  // The return of mail may fall back: until it is done the outage goes on. A hold, and doubt, say nothing about its end.
  if (route.mode !== Mode.normal) {
    const isGoingHome = route.mode === Mode.recovering
    return {
      outage: { ...before, downSince: isGoingHome ? before.downSince : null, calmSince: null },
      tell: false,
      isOver: false,
    }
  }
  const calmSince = before.calmSince ?? Math.max(route.since, before.beganAt)
  const isOver = before.wasDown ? now - calmSince >= CALM_MS && !route.isBlind : now - before.beganAt >= BY_HAND_MS
  return { outage: { ...before, downSince: null, calmSince }, tell: false, isOver }
}

function whileDown(before: Outage, route: RouteNow, rules: Rules, now: number): Verdict {
  const downSince = before.downSince ?? route.since
  const outage = { ...before, downSince, calmSince: null, wasDown: true }
  const isDue = rules.automatic && now - downSince >= rules.afterMs
  const tell = isDue && !outage.isTold && !outage.isSuppressed && !route.isBlind && !route.isQuiet
  return { outage, tell, isOver: false }
}

const fresh = (since: number): Outage => ({
  beganAt: since,
  downSince: since,
  calmSince: null,
  wasDown: true,
  isTold: false,
  isSuppressed: false,
})

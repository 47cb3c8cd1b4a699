/**
 * What other rooms see of continuity: the mode of every route (read at each decision, from memory) and the sink for
 * evidence. The engine behind them: machine.ts (pure), judge.ts (evidence -> events), board.ts (shared by the database).
 */
import type { EvidenceKind, Mode, Pin } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'

export interface RouteStanding {
  organisationId: Id
  routeId: Id
  mode: Mode
  since: number
  pin: Pin | null
  version: number
  returnEventId: Id | null
}

/** What the mode table (mode-table.ts) says for one kind of traffic. */
export type Flow =
  /** hand over at once */
  | 'relay'
  /** attempts go on; failures wait */
  | 'attempt'
  /** wait in the queue; one at a time may try */
  | 'wait'
  /** the return feeds it, behind what is owed, paced */
  | 'paced'
  /** accept, keep until an admin releases */
  | 'keep'

export type Traffic = 'inboundProtected' | 'inboundOthers' | 'fromPrimary' | 'fromPeople'

/** Whose mail it is: a recipient, or an author. */
export interface Addressee {
  organisationId: Id
  routeId: Id
  /** null: nobody whom the directory knows as a person */
  personId: Id | null
  /** its domain may be pinned; '' where there is none */
  address: string
}

export interface ModeBoard {
  standing(routeId: Id): RouteStanding
  /** The flow for somebody's mail, all pins that reach it counted in. */
  flow(whose: Addressee, traffic: Traffic): Flow
  /** A hold of the person or their group: it is they who are not trusted, not their mail system. */
  isHeldThemselves(whose: Addressee): boolean
  /** Called after a mode has changed, in this process, wherever the change was made. */
  onChange(listener: (now: RouteStanding, before: RouteStanding | null) => void): void
}

export interface EvidenceSink {
  /**
   * One observation; counted per route, kind and second, judged by the holder of the route's judge lease. `tookMs`: so long
   * ago what was observed began.
   */
  report(observation: {
    organisationId: Id
    routeId: Id
    kind: EvidenceKind
    probe?: string
    text?: string
    tookMs?: number
  }): void
}

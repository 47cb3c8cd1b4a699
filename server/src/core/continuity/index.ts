/** Continuity: the mode of every route, judged from evidence, shared by all processes, pinned by people. */
export { createContinuity, type Continuity } from './continuity.ts'
export type { LiveBoard } from './board.ts'
export type { Judge } from './judge.ts'
export type { RouteOverview } from './overview.ts'
export type { EvidenceSink, Flow, ModeBoard, RouteStanding } from './ports.ts'
export { classifyAttempt } from './classify.ts'
export { isBad } from './observation.ts'
export { askReachBy } from './reach-prober.ts'

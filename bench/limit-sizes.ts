/** Sizes of the limits (limits.ts): small for CI, ordinary for `npm run bench`. */
import type { AuthenticationScene } from './scenes/authentication.ts'
import type { FairnessScene } from './scenes/fairness.ts'
import type { FloodScene } from './scenes/flood.ts'
import type { JudgingScene } from './scenes/judging.ts'
import type { MemoryScene } from './scenes/memory.ts'
import type { PeopleScene } from './scenes/people.ts'
import type { OverloadScene } from './scenes/overload.ts'

export interface LimitSizes {
  rounds: number
  fairness: FairnessScene[]
  flood: FloodScene
  overload: OverloadScene
  memory: MemoryScene[]
  authentication: AuthenticationScene
  judging: JudgingScene
  people: PeopleScene
}

const TEN = 10_240
const MILLION = 1_000_000

const bursts = (burst: number, seconds: number): FairnessScene[] =>
  (
    [
      ['dead', true],
      ['silent', true],
      ['slow', true],
      ['dead', false],
    ] as const
  ).map(([health, pinned]) => ({
    name: `${health}${pinned ? '' : ', declared'}`,
    health,
    pinned,
    burst,
    size: TEN,
    sessions: 20,
    perSecond: 50,
    seconds,
  }))

const memory = (size: number, messages: number): MemoryScene[] => [
  { name: 'small', title: '4 of 1 MB', size: MILLION, sessions: 4, messages: 4 },
  {
    name: 'many small',
    title: 'as many bytes in 1 MB',
    size: MILLION,
    sessions: 4,
    messages: (size * messages) / MILLION,
  },
  { name: 'large', title: `4 of ${size / MILLION} MB`, size, sessions: 4, messages },
]

export const limitSizes: Record<'smoke' | 'ordinary', LimitSizes> = {
  smoke: {
    rounds: 1,
    // more than all of the ready room
    fairness: bursts(400, 2)
      .slice(1, 2)
      .map((scene) => ({ ...scene, readyBytes: 2_097_152 })),
    flood: { connections: 200, size: TEN, perSecond: 50, seconds: 2 },
    overload: { connections: 20, times: 10, size: TEN, warmSeconds: 1, seconds: 2, waitMs: 500, processes: 1 },
    memory: memory(40 * MILLION, 4),
    authentication: { senders: 20, size: TEN, warmSeconds: 1, seconds: 2 },
    judging: { routes: 20, sensitivity: 'quick', seconds: 3 },
    people: { people: 200, sessions: 4, each: 50, seconds: 1 },
  },
  ordinary: {
    rounds: 4,
    fairness: bursts(10_000, 15),
    flood: { connections: 500, size: TEN, perSecond: 50, seconds: 10 },
    overload: { connections: 100, times: 10, size: TEN, warmSeconds: 2, seconds: 8, waitMs: 1000, processes: 1 },
    memory: memory(150 * MILLION, 4),
    authentication: { senders: 20, size: TEN, warmSeconds: 1, seconds: 4 },
    judging: { routes: 2000, sensitivity: 'balanced', seconds: 60 },
    people: { people: 200_000, sessions: 20, each: 100, seconds: 10 },
  },
}

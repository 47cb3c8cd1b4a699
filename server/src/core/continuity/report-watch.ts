/**
 * Looks at people's reports for the routes this process judges: a new one makes their probes ask at once, and enough of
 * people who have signed in are evidence like that of a probe. Nearly always there is nothing, found by one small question.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import { EvidenceKind, Mode } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { protectedPeople, reportCounts, trimReports, type ReportCounts } from '../../store/reports.ts'
import type { RouteBook } from '../directory/index.ts'
import type { EvidenceSink, ModeBoard } from './ports.ts'
import { ASK_EVERY_MS, LATELY_SECONDS, needed, RECENTLY_SECONDS, REPORTS, weigh } from './reports.ts'

export interface ReportWatch {
  /** One look; start() takes one every two seconds. */
  look(): Promise<void>
  start(): void
  stop(): void
}

const EVERY_MS = 2_000
const TRIM_EVERY = 1_800
const KEEP_HOURS = 24

export function createReportWatch(deps: {
  db: Database
  clock: Clock
  log: Log
  routes: Pick<RouteBook, 'get'>
  board: Pick<ModeBoard, 'standing'>
  evidence: EvidenceSink
  judges: (routeId: Id) => boolean
  /** its probes ask now */
  hurry: (routeId: Id) => void
}): ReportWatch {
  const { db, clock } = deps
  const asked = new Map<Id, { report: number; at: number }>()
  let timer: Timer | null = null
  let running: Promise<void> | null = null
  let rounds = 0

  function hurry({ routeId, lastAt }: ReportCounts): void {
    const before = asked.get(routeId)
    const now = clock.monotonic()
    if (before && (before.report >= lastAt.getTime() || now - before.at < ASK_EVERY_MS)) return
    asked.set(routeId, { report: lastAt.getTime(), at: now })
    deps.hurry(routeId)
  }

  async function lookAt(counts: ReportCounts): Promise<void> {
    const { routeId, signed, signedLately } = counts
    const route = deps.routes.get(routeId)
    if (!route) return
    hurry(counts)
    if (signedLately === 0) return
    const { organisationId } = route
    const people = await protectedPeople(db, organisationId, routeId)
    const verdict = weigh(
      { signed, signedLately, people },
      {
        isReachLost: deps.board.standing(routeId).mode === Mode.emergencyReach,
        hasProbes: route.settings.reach.length > 0,
      },
    )
    if (verdict === null) return
    deps.evidence.report({
      organisationId,
      routeId,
      kind: verdict === 'bad' ? EvidenceKind.reachBad : EvidenceKind.reachGood,
      probe: REPORTS,
      text: `${signed > 0 ? signed : signedLately} people who have signed in say that they cannot reach their mail; ${needed(people)} count`,
    })
  }

  async function round(): Promise<void> {
    if (rounds++ % TRIM_EVERY === 0) await trimReports(db, KEEP_HOURS)
    const found = await reportCounts(db, null, { recently: RECENTLY_SECONDS, lately: LATELY_SECONDS })
    for (const counts of found) if (deps.judges(counts.routeId)) await lookAt(counts)
    const there = new Set(found.map(({ routeId }) => routeId))
    for (const routeId of asked.keys()) if (!there.has(routeId)) asked.delete(routeId)
  }

  const look = (): Promise<void> =>
    (running ??= round().finally(() => {
      running = null
    }))

  return {
    look,
    start() {
      timer = clock.every(EVERY_MS, () => {
        look().catch((error: unknown) => deps.log.warn({ err: String(error) }, "people's reports could not be read"))
      })
    },
    stop: () => timer?.cancel(),
  }
}

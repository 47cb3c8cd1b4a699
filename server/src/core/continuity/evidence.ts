/**
 * The sink for evidence: observations are counted per route and kind in memory and added to the database a few times a
 * second, so that any node's evidence reaches the judge and a flood costs one row a second and kind.
 *
 * Failure: what could not be written within a few seconds is dropped (old evidence must not be stamped as new), and so
 * is everything seen while or just after this process was away, and every
 * failure that began while it could not see, or in an outage that is judged already, or that our own trouble explains.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import { EvidenceKind, wordOf } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { addEvidence, type EvidenceBucket } from '../../store/evidence.ts'
import { isBad } from './observation.ts'
import { createOwnTrouble } from './own-trouble.ts'
import type { PauseWatch } from './pause.ts'
import type { EvidenceSink } from './ports.ts'

/** What may be ours, or of before. */
const isFailure = (kind: EvidenceKind): boolean =>
  isBad(kind) || kind === EvidenceKind.reachBad || kind === EvidenceKind.canaryBad

const FLUSH_MS = 250
const TOO_OLD_MS = 3000

export interface RunningEvidence extends EvidenceSink {
  flush(): Promise<void>
  start(): void
  stop(): Promise<void>
}

export function createEvidenceSink(deps: {
  db: Database
  clock: Clock
  log: Log
  pause: PauseWatch
  /** does a failure that began so long ago say nothing about the route as it is now? */
  isOver?: (routeId: Id, tookMs: number) => boolean
  metrics?: Metrics
}): RunningEvidence {
  const { clock } = deps
  const ownTrouble = createOwnTrouble(clock)
  let pending = new Map<string, EvidenceBucket>()
  let oldest = 0
  let writing: Promise<void> | null = null
  let timer: Timer | null = null
  const counter = deps.metrics?.counter('holdfast_evidence_total', 'Observations of route health by kind', ['kind'])

  async function write(): Promise<void> {
    if (clock.monotonic() - oldest > TOO_OLD_MS || deps.pause.isAway()) {
      pending.clear()
      return
    }
    const batch = pending
    const since = oldest
    pending = new Map()
    try {
      await addEvidence(deps.db, [...batch.values()])
    } catch (error) {
      deps.log.warn({ err: String(error) }, 'evidence could not be stored; it will be tried again for a moment')
      oldest = since
      for (const [key, bucket] of batch) merge(key, bucket)
    }
  }

  function merge(key: string, bucket: EvidenceBucket): void {
    const known = pending.get(key)
    if (!known) {
      pending.set(key, bucket)
      return
    }
    known.seen += bucket.seen
    known.lastText = bucket.lastText ?? known.lastText
  }

  async function flush(): Promise<void> {
    while (writing) await writing
    if (pending.size === 0) return
    writing = write().finally(() => {
      writing = null
    })
    await writing
  }

  return {
    report({ organisationId, routeId, kind, probe = '', text, tookMs = 0 }) {
      if (deps.pause.isAway() || (isFailure(kind) && deps.isOver?.(routeId, tookMs))) return
      if (ownTrouble.explains(routeId, kind, tookMs)) return
      counter?.inc({ kind: wordOf(EvidenceKind, kind) })
      if (pending.size === 0) oldest = clock.monotonic()
      const lastText = text === undefined ? null : text.slice(0, 300).toWellFormed().replaceAll('\0', '')
      merge(`${routeId} ${kind} ${probe}`, { organisationId, routeId, kind, probe, seen: 1, lastText })
    },
    flush,
    start() {
      timer = clock.every(FLUSH_MS, () => {
        if (!writing) void flush()
      })
    },
    async stop() {
      timer?.cancel()
      await flush()
    },
  }
}

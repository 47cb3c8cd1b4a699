/**
 * Watches the free space under the data folder (statfs every two seconds): below the reserve new mail is answered 452,
 * while there is still room for the database to go on and for an admin to act (promise 13). Between two looks what is
 * written is subtracted, and much that is written makes it look sooner: neither a fast sender alone nor one beside
 * somebody else who fills the disk can run through the reserve. Below the line every further write makes it look again,
 * so that an estimate alone turns nobody away for long. Before it comes to that, how soon it will is told (disk-forecast.ts).
 */
import { statfs } from 'node:fs/promises'
import type { Clock, Timer } from './clock.ts'
import { createDiskTrend, forecastWords, warningOf, type WarningHours } from './disk-forecast.ts'
import { WireError } from './errors.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'

export interface DiskGuard {
  /** Throws WireError disk-full while free space is below the reserve. */
  check(): void
  /**
   * So many bytes of a body are about to be written. Throws WireError disk-full below half of the reserve: what came in
   * above the line may end, but not at the cost of the database.
   */
  spend(bytes: number): void
  isFull(): boolean
  /** bytes; Infinity before the first look */
  free(): number
  /** milliseconds until it is at its reserve, at the rate of the last hours; null: not in sight */
  fullInMs(): number | null
  start(): Promise<void>
  stop(): void
}

const EVERY_MS = 2_000
/** A byte of a body is written twice: into the write-ahead log and into its table. A blob costs half of it. */
const WRITTEN_PER_BYTE = 2
/** After this share of the reserve was written, it looks again. */
const LOOK_AGAIN = 1 / 32

export function createDiskGuard(deps: {
  folder: string
  reserveBytes: number
  clock: Clock
  log: Log
  metrics: Metrics
  /** another one for tests */
  statfs?: (folder: string) => Promise<{ bavail: number; bsize: number; blocks: number }>
}): DiskGuard {
  const ask = deps.statfs ?? statfs
  let seen = Infinity
  /** written since the look that gave `seen` */
  let spent = 0
  let told = false
  const trend = createDiskTrend()
  let warned: WarningHours | null = null
  let looking: Promise<void> | null = null
  let timer: Timer | null = null
  const gauge = deps.metrics.gauge('holdfast_disk_free_bytes', 'Free space under the data folder')
  const fullGauge = deps.metrics.gauge(
    'holdfast_disk_full_in_seconds',
    'Seconds until the disk is at its reserve at the rate of the last hour or day; +Inf: not in sight',
  )
  const free = (): number => seen - spent
  const isFull = (): boolean => free() < deps.reserveBytes

  async function lookOnce(): Promise<void> {
    const before = spent
    const info = await ask(deps.folder)
    seen = info.bavail * info.bsize
    // What was written while statfs ran may be in its answer or not.
    spent -= before
    gauge.set(seen)
    foresee(info.blocks * info.bsize)
    if (isFull() && !told)
      deps.log.error({ free: seen, reserve: deps.reserveBytes }, 'the disk is at its reserve: new mail is answered 452')
    if (!isFull() && told) deps.log.info({ free: seen }, 'the disk has room again')
    told = isFull()
  }
  function foresee(total: number): void {
    trend.note({ at: deps.clock.monotonic(), free: seen, total })
    const ms = trend.fullInMs(deps.reserveBytes)
    fullGauge.set(ms === null ? Infinity : Math.round(ms / 1000))
    const before = warned
    warned = warningOf(ms, warned)
    // That it is full, or is not any more, is said by itself.
    if (warned === before || deps.reserveBytes === 0 || told || isFull()) return
    if (warned !== null && ms !== null && (before === null || warned < before))
      deps.log.warn(
        { free: seen, reserve: deps.reserveBytes, seconds: Math.round(ms / 1000) },
        `the disk is at its reserve in ${forecastWords(ms)} at this rate; then new mail is answered 452: make room`,
      )
    else deps.log.info({ free: seen }, 'the disk fills more slowly than it was said')
  }
  const look = (): Promise<void> => (looking ??= lookOnce().finally(() => (looking = null)))
  const lookQuietly = (): void => {
    look().catch((error: unknown) => deps.log.warn({ err: String(error) }, 'free disk space cannot be read'))
  }

  return {
    check() {
      if (isFull()) throw new WireError('disk-full')
    },
    spend(bytes) {
      const cost = bytes * WRITTEN_PER_BYTE
      const hasRoom = free() - cost >= deps.reserveBytes / 2
      if (hasRoom) spent += cost
      // Perhaps something was deleted since the last look, or somebody else has written too.
      const much = deps.reserveBytes > 0 && spent > deps.reserveBytes * LOOK_AGAIN
      if (isFull() || much) lookQuietly()
      if (!hasRoom) throw new WireError('disk-full')
    },
    isFull,
    free,
    fullInMs: () => trend.fullInMs(deps.reserveBytes),
    async start() {
      await look()
      timer = deps.clock.every(EVERY_MS, lookQuietly)
    },
    stop: () => timer?.cancel(),
  }
}

/**
 * Fetches the lists that are due, one at a time in each process, each list by one process: whoever claims it renews the lease
 * while it works, and a lease that ends is somebody else's to take. What becomes of a list is decided where all lists are
 * (core/directory/sources): within the limits it is carried out, above them somebody is asked.
 *
 * Failure: nothing is changed, and it is tried again soon, then ever later up to its interval. The first failure in a row is
 * kept as a run; the others are counted, so that a week without a directory does not push out the reports of lists.
 */
import { within, type Clock, type Timer } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import { newId } from '../../platform/ids.ts'
import type { Keys } from '../../platform/keys.ts'
import type { Log } from '../../platform/log.ts'
import {
  claimSource,
  giveBackSource,
  noteNotListed,
  renewSource,
  type ClaimedSource,
} from '../../store/directory-schedule.ts'
import {
  fetchSource,
  importList,
  noteFailed,
  RunError,
  sourceSettingsSchema,
  type RunDeps,
  type RunWish,
  type SourceList,
} from '../directory/index.ts'
import { lookAfterSources } from './source-alarms.ts'

export interface DirectorySchedule {
  /** Fetches what is due now; how many lists were tried. */
  run(): Promise<number>
  start(): void
  stop(): Promise<void>
}

const EVERY_MS = 5_000
const LEASE_SECONDS = 120
const RENEW_MS = 30_000
/** After a failure, doubled with each, up to the interval. */
const AGAIN_MINUTES = 5
const STOP_MS = 5_000

export interface DirectoryScheduleDeps {
  db: Database
  clock: Clock
  log: Log
  keys: Keys
  placeWaiting: RunDeps['placeWaiting']
  /** in tests another */
  fetch?: (source: ClaimedSource, signal: AbortSignal) => Promise<SourceList>
}

export function createDirectorySchedule(deps: DirectoryScheduleDeps): DirectorySchedule {
  const { db, clock, log } = deps
  const runDeps: RunDeps = { db, clock, actor: 'engine', placeWaiting: deps.placeWaiting }
  const fetch =
    deps.fetch ?? (async (source, signal) => (await fetchSource({ db, clock, keys: deps.keys }, source, signal)).list)
  const stopping = new AbortController()
  let timer: Timer | null = null
  let round: Promise<unknown> | null = null

  /** Renewed until `end`; whoever has lost it stops working on it. */
  function keep(source: ClaimedSource): { signal: AbortSignal; end: () => void } {
    const lost = new AbortController()
    const renewing = clock.every(RENEW_MS, () => {
      renewSource(db, source, LEASE_SECONDS).then(
        (isOurs) => isOurs || lost.abort(new Error('another process fetches this list by now')),
        (error: unknown) => log.warn({ err: String(error), source: source.name }, 'a lease could not be renewed'),
      )
    })
    return { signal: AbortSignal.any([lost.signal, stopping.signal]), end: () => renewing.cancel() }
  }

  /** How many minutes until the next time. */
  async function bring(source: ClaimedSource, everyMinutes: number, signal: AbortSignal): Promise<number> {
    const { organisationId, name, kind, failures } = source
    const wish: RunWish = { organisationId, source: { name, kind }, isUnasked: true, isDryRun: false }
    let list: SourceList
    try {
      list = await fetch(source, signal)
      signal.throwIfAborted()
    } catch (error) {
      // That says nothing about the directory.
      if (signal.aborted) return 0
      const why = (error as Error).message
      log.warn({ source: name, organisation: organisationId, err: why }, 'a list of people did not come')
      if (failures === 0) await noteFailed(runDeps, wish, why)
      else await noteNotListed(db, source, why.slice(0, 1000).toWellFormed().replaceAll('\0', '\ufffd'))
      return Math.min(everyMinutes, AGAIN_MINUTES * 2 ** Math.min(failures, 10))
    }
    try {
      const { id, state, why } = await importList(runDeps, wish, list)
      log.info({ source: name, organisation: organisationId, run: id, state, why }, 'a list of people came')
      return everyMinutes
    } catch (error) {
      log.warn({ source: name, organisation: organisationId, err: String(error) }, 'a list of people could not be used')
      return error instanceof RunError && error.code === 'busy' ? 1 : Math.min(everyMinutes, AGAIN_MINUTES)
    }
  }

  async function run(): Promise<number> {
    let count = 0
    while (!stopping.signal.aborted) {
      const source = await claimSource(db, newId(clock.now()), LEASE_SECONDS)
      if (source === null) break
      count++
      const lease = keep(source)
      let minutes = AGAIN_MINUTES
      try {
        const { everyMinutes } = sourceSettingsSchema.parse(source.settings)
        minutes = await bring(source, everyMinutes ?? AGAIN_MINUTES, lease.signal)
      } finally {
        lease.end()
        await giveBackSource(db, source, minutes)
      }
    }
    await lookAfterSources(db, clock)
    return count
  }

  return {
    run,
    start() {
      timer = clock.every(EVERY_MS, () => {
        round ??= run()
          .catch((error: unknown) =>
            log.warn({ err: String(error) }, 'lists of people could not be fetched; it is repeated'),
          )
          .finally(() => {
            round = null
          })
      })
    },
    async stop() {
      timer?.cancel()
      stopping.abort(new Error('stopping'))
      if (round !== null)
        await within(clock, STOP_MS, round, () => new Error('a list was still being read')).catch(() => undefined)
    },
  }
}

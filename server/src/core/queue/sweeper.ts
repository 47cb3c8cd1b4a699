/**
 * Hourly housekeeping of bytes: what was never linked goes after half a day (a message may take hours to come in), what
 * nobody has a copy of and nobody is owed goes a day later, blobs without a row go with them. It never touches what has a
 * copy. Stopping it at any step loses nothing; the next run goes on where this one was.
 *
 * Cost: bodies are looked at once in their life. Messages are walked through again and again, however old, for a copy may
 * end at any age; a run takes at most MOST_PAGES pages of them, so where millions are kept a message may wait longer than
 * its day. It reads all over the tables, so it rests after each page: mail that comes in meanwhile has the database for itself
 * most of the time, and what it needs stays in memory.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import { firstIdAt, NIL_ID } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { sweepRefusals } from '../../store/refusals.ts'
import { sweepPolicies } from '../../store/mta-sts.ts'
import { sweepSentMarks } from '../../store/sent-marks.ts'
import type { BlobStore } from '../../store/blobs/blob-store.ts'
import { forgetDeadNodes } from '../../store/nodes.ts'
import { bodyTables, ensurePartitions } from '../../store/partitions.ts'
import {
  dropBytes,
  dropOldReservations,
  letGo,
  linkedBlobs,
  ownerlessPage,
  readMark,
  setMark,
  sweepUploads,
  UNLINKED_MS,
  unlinkedPage,
  type SweepKey,
  type SweepPage,
  type SweepWalk,
} from '../../store/sweep.ts'

const HOUR = 3_600_000
const PAGE = 500
const REFUSAL_DAYS = 14
const MOST_PAGES = 1_000
/** A page's rest, in times of what it took. */
const REST = 4
const MOST_REST_MS = 1_000

export interface Sweeper {
  /** One round; how many rows, messages' bytes and blobs went. */
  run(): Promise<{ unlinked: number; ownerless: number; blobs: number }>
  start(): void
  stop(): void
}

export function createSweeper(deps: {
  db: Database
  blobs: BlobStore
  clock: Clock
  log: Log
  /** rows of a page, and pages of messages in a run */
  page?: number
  mostPages?: number
}): Sweeper {
  const { db, blobs, clock } = deps
  const limit = deps.page ?? PAGE
  const timers: Timer[] = []
  let running = false
  let stopped = false

  /** Page by page from the mark on; true at the end of what there is. */
  async function walk(
    name: SweepWalk,
    ask: (from: SweepKey) => Promise<SweepPage>,
    free: (page: SweepPage) => Promise<void>,
    most = Infinity,
  ): Promise<boolean> {
    let from = await readMark(db, name)
    for (let pages = 0; pages < most && !stopped; pages++) {
      const began = clock.monotonic()
      const page = await ask(from)
      await free(page)
      if (page.size > 0) await setMark(db, name, page.last)
      if (page.size < limit) return true
      from = page.last
      const rest = Math.min(MOST_REST_MS, REST * (clock.monotonic() - began))
      if (rest > 0) await clock.sleep(rest)
    }
    return false
  }

  async function sweepUnlinked(now: number): Promise<number> {
    let gone = 0
    const before = firstIdAt(now - UNLINKED_MS)
    for (const table of bodyTables)
      await walk(
        table,
        (from) => unlinkedPage(db, table, { from, before, limit }),
        async ({ free }) => {
          gone += await dropBytes(db, table, free)
        },
      )
    return gone
  }

  async function sweepOwnerless(now: number): Promise<number> {
    let gone = 0
    const before = firstIdAt(now - 24 * HOUR)
    const done = await walk(
      'ownerless',
      (from) => ownerlessPage(db, { from, before, limit }),
      async ({ free }) => {
        await letGo(db, free)
        gone += free.length
      },
      deps.mostPages ?? MOST_PAGES,
    )
    if (done) await setMark(db, 'ownerless', { organisationId: NIL_ID, id: NIL_ID })
    return gone
  }

  async function run(): Promise<{ unlinked: number; ownerless: number; blobs: number }> {
    const now = clock.now()
    await ensurePartitions(db, now)
    await forgetDeadNodes(db)
    const unlinked = await sweepUnlinked(now)
    while (!stopped && (await sweepUploads(db, limit)) === limit);
    while (!stopped && (await sweepSentMarks(db, limit)) === limit);
    while (!stopped && (await sweepPolicies(db, limit)) === limit);
    while (!stopped && (await sweepRefusals(db, REFUSAL_DAYS, limit)) === limit);
    return { unlinked, ownerless: await sweepOwnerless(now), blobs: await sweepBlobs(now) }
  }

  async function sweepBlobs(now: number): Promise<number> {
    await dropOldReservations(db)
    let gone = 0
    let page: string[] = []
    const check = async (): Promise<void> => {
      const linked = await linkedBlobs(db, page)
      for (const key of page)
        if (!linked.has(key)) {
          await blobs.remove(key)
          gone++
        }
      page = []
    }
    for await (const { key, changedAt } of blobs.list()) {
      if (stopped) return gone
      if (now - changedAt < UNLINKED_MS) continue
      page.push(key)
      if (page.length >= limit) await check()
    }
    if (page.length > 0) await check()
    return gone
  }

  return {
    run,
    start() {
      const quietly = (): void => {
        if (running) return
        running = true
        run()
          .then(
            (swept) => deps.log.info(swept, 'swept'),
            (error: unknown) => deps.log.warn({ err: String(error) }, 'the sweep failed; it is repeated in an hour'),
          )
          .finally(() => {
            running = false
          })
      }
      timers.push(clock.every(HOUR, quietly), clock.after(60_000, quietly, { hold: false }))
    },
    stop() {
      stopped = true
      for (const timer of timers.splice(0)) timer.cancel()
    },
  }
}

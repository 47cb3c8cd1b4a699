/**
 * Keeps the database small: the bytes of days that ended a while ago move into packs in the blob store, organisation by
 * organisation, and days that are empty then are dropped. Packs with dead bytes are rewritten or removed. Every quarter of
 * an hour, in rounds of a bounded number of bodies, one process at a time, at a stated pace; a full disk ends the round.
 *
 * Stopping it, or losing the process, at any step loses nothing: see pack-writer.ts.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Config } from '../../platform/config/config.ts'
import { classifyDbError, type Database } from '../../platform/db/database.ts'
import type { DiskGuard } from '../../platform/disk-guard.ts'
import { WireError } from '../../platform/errors.ts'
import { idTime, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { BlobStore } from '../../store/blobs/blob-store.ts'
import {
  dayOf,
  firstStretch,
  packableStretch,
  packedBelow,
  type Movable,
  type StretchMark,
} from '../../store/pack-moves.ts'
import { takePackingLock } from '../../store/packs.ts'
import { dropEmptyDays } from '../../store/partitions.ts'
import { createPace } from './pace.ts'
import { createPackWriter, type Written } from './pack-writer.ts'
import { MOST_REWRITTEN, removePacks, rewritePacks, type LeftAlone } from './rewriting.ts'

const HOUR = 3_600_000
const EVERY_MS = HOUR / 4
/** Bodies of each table looked at in a round: what is held of them in memory is a few megabytes. */
const STRETCH = 10_000
const MOST_LEFT = 10_000

export interface Round extends Written {
  rewritten: number
  removed: number
  /** day partitions */
  dropped: number
  /** bodies that could not be moved */
  left: number
  /** there is more to do at once */
  more: boolean
}

export interface Packer {
  /** One round; nothing is done while another process packs. */
  run(): Promise<Round>
  start(): void
  /** At once; resolves when nothing is under way any more. */
  stop(): Promise<void>
}

/** What could not be moved, for a day. Bounded: then all of it is tried again. */
function createLeftAlone(clock: Clock): LeftAlone {
  const until = new Map<Id, number>()
  return {
    size: () => until.size,
    has: (what) => (until.get(what) ?? 0) > clock.now(),
    add(what) {
      if (until.size >= MOST_LEFT) until.clear()
      until.set(what, clock.now() + 24 * HOUR)
    },
  }
}

/** The same organisation and day. */
function* groupsOf(movable: readonly Movable[]): Generator<Movable[]> {
  let group: Movable[] = []
  for (const one of movable) {
    const first = group[0]
    if (first && (first.organisationId !== one.organisationId || dayOf(first.messageId) !== dayOf(one.messageId))) {
      yield group
      group = []
    }
    group.push(one)
  }
  if (group.length > 0) yield group
}

export function createPacker(deps: {
  db: Database
  blobs: BlobStore
  clock: Clock
  log: Log
  metrics: Metrics
  config: Pick<Config, 'storage'>
  disk: Pick<DiskGuard, 'check' | 'spend' | 'isFull'>
  /** bodies of a round, and bytes of a pack */
  stretch?: number
  packBytes?: number
}): Packer {
  const { db, blobs, clock, log, metrics, disk } = deps
  const { packAfterHours, packBytesPerSecond } = deps.config.storage
  const limit = deps.stretch ?? STRETCH
  const stopping = new AbortController()
  const { signal } = stopping
  const left = createLeftAlone(clock)
  const timers: Timer[] = []
  let mark: StretchMark = firstStretch
  let leftInRound = 0
  let running: Promise<void> | null = null

  const counters = {
    messages: metrics.counter('holdfast_packed_messages_total', 'Messages whose bytes moved into packs'),
    bytes: metrics.counter('holdfast_packed_bytes_total', 'Bytes that moved into packs'),
    packs: metrics.counter('holdfast_packs_made_total', 'Packs written'),
    rewritten: metrics.counter('holdfast_packs_rewritten_total', 'Packs rewritten without their dead bytes'),
    removed: metrics.counter('holdfast_packs_removed_total', 'Packs removed'),
  }
  const behind = metrics.gauge(
    'holdfast_packing_behind_seconds',
    'By how much the oldest body in the database is older than what should be packed',
  )
  const writer = createPackWriter({
    ...deps,
    pace: createPace(clock, packBytesPerSecond, signal),
    signal,
    onLeft(messageId) {
      leftInRound++
      left.add(messageId)
    },
  })

  /** Not the fault of what is packed: nothing else would fare better now. */
  const stopsAll = (error: unknown): boolean =>
    signal.aborted ||
    (error instanceof WireError && error.code === 'disk-full') ||
    ['connection', 'unavailable'].includes(classifyDbError(error))

  async function packStretch(now: number, round: Round): Promise<void> {
    const before = packedBelow(now - packAfterHours * HOUR)
    const from = mark
    mark = firstStretch
    const stretch = await packableStretch(db, { from, before, limit })
    const movable = stretch.movable.filter(({ messageId }) => !left.has(messageId))
    const oldest = movable.reduce((ms, { messageId }) => Math.min(ms, idTime(messageId)), idTime(before))
    behind.set((idTime(before) - oldest) / 1000)
    for (const group of groupsOf(movable))
      try {
        const { packs, messages, bytes } = await writer.write(group, null)
        round.packs += packs
        round.messages += messages
        round.bytes += bytes
      } catch (error) {
        if (stopsAll(error)) throw error
        round.left += group.length
        log.warn({ err: String(error), organisation: group[0]!.organisationId }, 'a pack could not be written')
      }
    if (stretch.more) mark = stretch.next
    else behind.set(0)
    round.more = stretch.more
  }

  async function work(round: Round): Promise<void> {
    const now = clock.now()
    try {
      if (!disk.isFull()) {
        await packStretch(now, round)
        round.rewritten = await rewritePacks(db, writer, left)
        round.more ||= round.rewritten === MOST_REWRITTEN
      }
    } catch (error) {
      // Removing makes room: it goes on.
      if (!(error instanceof WireError) || error.code !== 'disk-full') throw error
      round.more = false
    }
    round.removed = await removePacks(db, blobs)
    round.dropped = (await dropEmptyDays(db, now, now - packAfterHours * HOUR)).length
  }

  async function run(): Promise<Round> {
    const round: Round = {
      packs: 0,
      messages: 0,
      bytes: 0,
      rewritten: 0,
      removed: 0,
      dropped: 0,
      left: 0,
      more: false,
    }
    leftInRound = 0
    const connection = await db.dedicated('packing')
    try {
      if (await takePackingLock(connection)) await work(round)
    } finally {
      round.left += leftInRound
      for (const [name, counter] of Object.entries(counters)) counter.inc(round[name as keyof typeof counters])
      await connection.close()
    }
    return round
  }

  async function rounds(): Promise<void> {
    try {
      for (let round: Round | null = null; !signal.aborted && (round === null || round.more);) {
        round = await run()
        if (Object.values(round).some(Boolean)) log.info(round, 'packed')
      }
    } catch (error) {
      if (!signal.aborted)
        log.warn({ err: String(error) }, 'packing old mail failed; it is tried again in a quarter of an hour')
    }
  }

  return {
    run,
    start() {
      const quietly = (): void => {
        running ??= rounds().finally(() => (running = null))
      }
      timers.push(clock.every(EVERY_MS, quietly), clock.after(120_000, quietly, { hold: false }))
    },
    async stop() {
      stopping.abort()
      for (const timer of timers.splice(0)) timer.cancel()
      await running
    },
  }
}

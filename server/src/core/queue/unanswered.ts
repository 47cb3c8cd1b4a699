/**
 * Messages whose sender was told 451 although their commit may have happened: the connection to the database broke under
 * way, or its answer came too late. The sender sends them again, and without this record the second would be a message of
 * its own: every stall of the database would make duplicates. The same envelope with the same bytes finds the first one
 * here, and where that is stored, it is the one that gets the 250.
 *
 * Promises: an entry is used once, so mail that is really sent twice arrives twice. `stored` is said only of a commit that
 * is durable by the rules of every other one. In memory and bounded: after a restart, or at another node, a repeated
 * message is a new one, as promise 2 allows.
 *
 * States of an entry: under way -> stored | lost | gone; lost -> stored | gone, as soon as the database can be asked.
 */
import { createHash } from 'node:crypto'
import type { Clock, Timer } from '../../platform/clock.ts'
import { Direction } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { giveBack } from '../../store/claims.ts'
import { confirmStored, isStored } from '../../store/accept-fate.ts'
import type { Incoming, NewDelivery } from './incoming.ts'

/** stored: it is there and durable; gone: it is not and will never be; open: nobody can say yet. */
export type Fate = 'stored' | 'gone' | 'open'

export interface Unanswered {
  /** Its sender has been told 451 and its commit is under way. */
  add(unit: readonly Incoming[]): void
  /** The commit came after all, and was handed over as any other. */
  stored(unit: readonly Incoming[]): void
  /** The connection broke: `backend` is the process number of the server's side, null where it is not known. */
  lost(unit: readonly Incoming[], backend: number | null): void
  /** The database refused it: it is not stored. */
  gone(unit: readonly Incoming[]): void
  /** Is this the repetition of one of these? Then what became of that one, and its ids; undefined: it is new. */
  repeats(unit: readonly Incoming[]): Promise<{ fate: Fate; messageIds: Id[] }> | undefined
  stop(): void
}

interface Entry {
  key: string
  unit: { organisationId: Id; messageId: Id; hot: Id[] }[]
  state: 'under-way' | 'stored' | 'lost'
  backend: number | null
  at: number
}

/** RFC 5321 section 4.5.4.1: a sender should wait 30 minutes before it tries again. */
const KEEP_MS = 3_600_000
const MOST = 10_000
const ASK_MS = 1_000

export function createUnanswered(deps: { db: Database; clock: Clock; log: Log; nodeId: Id }): Unanswered {
  const { clock } = deps
  const entries = new Map<Id, Entry>()
  const byKey = new Map<string, Set<Entry>>()
  let timer: Timer | null = null
  let asking = false

  function forget(entry: Entry): void {
    entries.delete(entry.unit[0]!.messageId)
    const same = byKey.get(entry.key)
    same?.delete(entry)
    if (same?.size === 0) byKey.delete(entry.key)
  }

  function note(unit: readonly Incoming[], state: Entry['state'], backend: number | null = null): void {
    const known = entries.get(unit[0]!.messageId)
    if (known) {
      known.state = state
      known.backend = backend
    } else {
      const key = keyOf(unit)
      if (key === null) return
      for (const old of entries.values()) {
        if (entries.size < MOST && clock.monotonic() - old.at < KEEP_MS) break
        forget(old)
      }
      const entry: Entry = {
        key,
        unit: unit.map(({ organisationId, messageId, deliveries }) => ({
          organisationId,
          messageId,
          hot: deliveries.filter(({ hot }) => hot).map(({ deliveryId }) => deliveryId),
        })),
        state,
        backend,
        at: clock.monotonic(),
      }
      entries.set(unit[0]!.messageId, entry)
      byKey.set(key, (byKey.get(key) ?? new Set()).add(entry))
    }
    if (state === 'lost') timer ??= clock.every(ASK_MS, () => void askAll())
  }

  /** What nobody waits for is settled all the same: its deliveries go on at once, instead of when their leases run out. */
  async function askAll(): Promise<void> {
    if (asking) return
    asking = true
    try {
      for (const entry of [...entries.values()]) if (entry.state === 'lost') await ask(entry)
    } catch (error) {
      deps.log.debug({ err: (error as Error).message }, 'commits of unknown outcome cannot be looked up yet')
    } finally {
      asking = false
    }
    if ([...entries.values()].some(({ state }) => state === 'lost')) return
    timer?.cancel()
    timer = null
  }

  async function ask(entry: Entry): Promise<Fate> {
    if (entry.state === 'stored') return 'stored'
    if (entry.state === 'under-way') return 'open'
    const fate = await isStored(deps.db, entry.unit[0]!, entry.backend)
    if (fate === 'gone') forget(entry)
    if (fate !== 'stored') return fate
    // Nothing of it was tried: it was never handed over.
    const leases = entry.unit.flatMap(({ organisationId, hot }) =>
      hot.map((deliveryId) => ({ organisationId, deliveryId, wasUnsure: false })),
    )
    if (leases.length > 0) await giveBack(deps.db, deps.nodeId, leases)
    entry.state = 'stored'
    deps.log.info({ messageId: entry.unit[0]!.messageId }, 'a commit of unknown outcome did happen; its mail goes on')
    return 'stored'
  }

  async function settle(entry: Entry): Promise<{ fate: Fate; messageIds: Id[] }> {
    const messageIds = entry.unit.map(({ messageId }) => messageId)
    try {
      const fate = await ask(entry)
      // A durable write of our own, behind the first in the log: its wait (disk, standby) covers both.
      if (fate === 'stored') await confirmStored(deps.db, entry.unit)
      if (fate === 'open') putBack(entry)
      return { fate, messageIds }
    } catch {
      putBack(entry)
      return { fate: 'open', messageIds }
    }
  }
  function putBack(entry: Entry): void {
    byKey.set(entry.key, (byKey.get(entry.key) ?? new Set()).add(entry))
    entries.set(entry.unit[0]!.messageId, entry)
  }

  return {
    add: (unit) => note(unit, 'under-way'),
    stored(unit) {
      if (entries.has(unit[0]!.messageId)) note(unit, 'stored')
    },
    lost: (unit, backend) => note(unit, 'lost', backend),
    gone(unit) {
      const entry = entries.get(unit[0]!.messageId)
      if (entry) forget(entry)
    },
    repeats(unit) {
      if (entries.size === 0) return undefined
      const key = keyOf(unit)
      const [entry] = (key !== null && byKey.get(key)) || []
      if (!entry || clock.monotonic() - entry.at >= KEEP_MS) return undefined
      if (entry.state === 'under-way')
        return Promise.resolve({ fate: 'open', messageIds: entry.unit.map(({ messageId }) => messageId) })
      forget(entry)
      return settle(entry)
    },
    stop() {
      timer?.cancel()
      timer = null
    },
  }
}

/** A list's member and the same person named by the sender are not the same message. */
const wayOf = ({ recipient, via }: NewDelivery): string => (via === undefined ? recipient : `${recipient} by ${via}`)

/** One envelope with one content. Mail of our own making has ids that survive a repetition, and needs none of this. */
function keyOf(unit: readonly Incoming[]): string | null {
  if (unit.some(({ direction }) => direction !== Direction.inbound)) return null
  const hash = createHash('sha256')
  for (const { organisationId, envelopeFrom, sha256, deliveries } of unit)
    hash.update(
      `${JSON.stringify([organisationId, envelopeFrom, sha256.toString('hex'), deliveries.map(wayOf).sort()])}\n`,
    )
  return hash.digest('base64')
}

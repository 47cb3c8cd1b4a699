/**
 * Every window in memory, for those who ask at each attempt: is this recipient's mail held now, and is this message exempt?
 * Nothing here decides when: no job runs at the beginning or the end of a window. A process that was restarted in the middle
 * of one reads it and knows, one that is edited while it is open counts from the moment the change is read (a second at
 * most; store/quiet.ts says why nothing falls between).
 *
 * The database's clock is the clock: its time is read with every poll and counted on by our monotonic one. While the
 * database is away the last windows stand.
 */
import { domainToASCII } from 'node:url'
import type { Clock, Timer } from '../../platform/clock.ts'
import { QuietTarget } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import { NIL_ID, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { allWindows, peopleOfQuietGroups, quietTick } from '../../store/quiet.ts'
import type { MailFacts } from './exempt.ts'
import { windowOf, type Window } from './standing.ts'

export interface HeldBy {
  windowId: Id
  name: string
  /** milliseconds, the database's clock; it may be held by another window then */
  until: number
}

export interface Upkeep extends HeldBy {
  modes: 'stay' | 'emergency'
}

export interface QuietBook {
  /** There is no window anywhere: nobody has to ask. */
  isIdle(): boolean
  /** Null: it may go. The caller sees to it that only mail for a primary is asked about. */
  holds(mail: MailFacts & Addressee): HeldBy | null
  /** What is planned for a route's modes now. */
  upkeep: (organisationId: Id, routeId: Id) => Upkeep | null
  /** of the windows that `holds` decides by */
  generation(): number
  /** the database's */
  now(): number
  refresh(): Promise<void>
  start(): Promise<void>
  stop(): void
}

export interface Addressee {
  organisationId: Id
  routeId: Id
  personId: Id | null
  recipient: string
}

const NONE: readonly Window[] = []

/** As domains are stored: A-labels in lower case. */
function domainOf(recipient: string): string {
  const domain = recipient.slice(recipient.lastIndexOf('@') + 1).toLowerCase()
  return domainToASCII(domain) || domain
}

export function createQuietBook(deps: {
  db: Database
  clock: Clock
  log: Log
  metrics?: Metrics
  pollMs?: number
}): QuietBook {
  const { db, clock, log } = deps
  let all: Window[] = []
  /** by organisation, route, `organisation domain`, person: whoever has one of these is asked about */
  let index = new Map<string, Window[]>()
  let read = { generation: -1, directory: -1 }
  let time = { database: clock.now(), ours: clock.monotonic() }
  let timer: Timer | null = null
  let reading: Promise<void> | null = null
  const open = deps.metrics?.gauge('holdfast_quiet_windows_open', 'Windows of Quiet Time that are open now', [])

  const now = (): number => time.database + (clock.monotonic() - time.ours)

  async function readAgain(): Promise<void> {
    const tick = await quietTick(db)
    time = { database: tick.now.getTime(), ours: clock.monotonic() }
    open?.set({}, all.filter((window) => window.at(now()).open !== null).length)
    if (tick.generation === read.generation && (tick.directory === read.directory || all.length === 0)) return
    const rows = await allWindows(db)
    const members = rows.some(({ target }) => target === QuietTarget.group) ? await peopleOfQuietGroups(db) : []
    const next: Window[] = []
    for (const row of rows) {
      const window = windowOf(row)
      if (window) next.push(window)
      else
        log.error(
          { window: row.name, organisationId: row.organisationId },
          'a window of Quiet Time is not valid; it holds nothing',
        )
    }
    all = next
    index = indexOf(next, members)
    // Windows first: what was committed meanwhile is read with the next poll.
    read = { generation: tick.generation, directory: tick.directory }
  }

  function* about({ organisationId, routeId, personId, recipient }: Addressee): Generator<Window> {
    yield* index.get(NIL_ID) ?? NONE
    yield* index.get(organisationId) ?? NONE
    yield* index.get(routeId) ?? NONE
    if (personId !== null) yield* index.get(personId) ?? NONE
    yield* index.get(`${organisationId} ${domainOf(recipient)}`) ?? NONE
  }

  async function refresh(): Promise<void> {
    // One that began before the request may be too old.
    if (reading) await reading.catch(() => undefined)
    reading ??= readAgain().finally(() => {
      reading = null
    })
    await reading
  }

  return {
    isIdle: () => all.length === 0,
    holds(mail) {
      // Bounces and other notices say what became of mail: nobody waits for the morning with these.
      if (all.length === 0 || mail.envelopeFrom === '') return null
      const at = now()
      let held: HeldBy | null = null
      for (const window of about(mail)) {
        const { open: occurrence } = window.at(at)
        if (occurrence === null || occurrence.until <= (held?.until ?? 0) || window.isExempt(mail, mail.recipient))
          continue
        held = { windowId: window.windowId, name: window.name, until: occurrence.until }
      }
      return held
    },
    upkeep: (organisationId, routeId) => {
      let found: Upkeep | null = null
      for (const key of all.length === 0 ? [] : [NIL_ID, organisationId, routeId])
        for (const { plan, windowId, name, at } of index.get(key) ?? NONE) {
          const { open: occurrence } = at(now())
          if (occurrence === null || plan.modes === 'judged') continue
          const { until } = occurrence
          // An emergency is more than staying; of two the one that lasts longer.
          const isMore =
            found === null || (plan.modes === found.modes ? until > found.until : plan.modes === 'emergency')
          if (isMore) found = { windowId, name, until, modes: plan.modes }
        }
      return found
    },
    generation: () => read.generation,
    now,
    refresh,
    async start() {
      await refresh()
      timer = clock.every(deps.pollMs ?? 1000, () => {
        if (reading) return
        refresh().catch((error: unknown) =>
          log.warn({ err: String(error) }, 'windows of Quiet Time could not be read; the last ones stand'),
        )
      })
    },
    stop: () => timer?.cancel(),
  }
}

function indexOf(windows: readonly Window[], members: readonly { groupId: Id; personId: Id }[]): Map<string, Window[]> {
  const index = new Map<string, Window[]>()
  const add = (key: string, window: Window): void => {
    const list = index.get(key)
    if (list) list.push(window)
    else index.set(key, [window])
  }
  for (const window of windows) {
    const { target, targetId, targetName, organisationId } = window
    if (target === QuietTarget.all) add(organisationId, window)
    // Whom it was for is gone: it holds nobody's mail.
    else if (targetId === null || targetName === null) continue
    else if (target === QuietTarget.domain) add(`${organisationId} ${targetName}`, window)
    else if (target !== QuietTarget.group) add(targetId, window)
  }
  const ofGroup = new Map<Id, Window[]>()
  for (const window of windows)
    if (window.target === QuietTarget.group && window.targetId !== null)
      ofGroup.set(window.targetId, [...(ofGroup.get(window.targetId) ?? []), window])
  for (const { groupId, personId } of members) for (const window of ofGroup.get(groupId) ?? NONE) add(personId, window)
  return index
}

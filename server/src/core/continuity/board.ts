/**
 * The mode of every route, in memory, for those who ask at each decision. The database is the truth: a poll of at most a
 * second, hurried by NOTIFY on a connection of its own (never inside an accept commit). When the database is away, the
 * last modes stand.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import { Mode, PinTarget, RouteKind, type Pin as PinNumber } from '../../platform/codes.ts'
import type { Database, DedicatedSql } from '../../platform/db/database.ts'
import { NIL_ID, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { openHints } from '../../store/hints.ts'
import type { Passage } from '../../store/claims.ts'
import { allTroubles, type MailboxTrouble } from '../../store/mailbox-trouble.ts'
import { allModes, ensureModes, type ModeRecord } from '../../store/modes.ts'
import { allPins, peopleOfPinnedGroups } from '../../store/pins.ts'
import { flowIn } from './mode-table.ts'
import { mailboxOf, pinBook } from './pin-board.ts'
import { canFailAlone, decide, type Decision } from './pin-order.ts'
import type { Addressee, ModeBoard, RouteStanding } from './ports.ts'

export interface LiveBoard extends ModeBoard {
  /** Reads everything again; whoever changed a mode in this process calls it after the commit. */
  refresh(): Promise<void>
  /** all routes, for pages and metrics */
  all(): Iterable<RouteStanding>
  /** The mode that counts for somebody's mail, and who decided it. */
  decision(whose: Addressee): Decision
  /**
   * For those of whom nothing narrower than their route speaks: a pin of its organisation counted in. `takes`: their mail
   * goes, at once or by the return.
   */
  ofRoute(routeId: Id): Decision & { takes: boolean }
  /** Something that people did, or a failing mailbox, keeps it back: neither the return nor a trial goes past that. */
  isKeptBack(whose: Addressee): boolean
  /** Whose mail waits or goes whatever its route does; `routeId`: and everybody else's on that route. */
  passage(organisationIds: Iterable<Id>, routeId?: Id): Passage
  /** people whose mailbox at a route has failed since it was last well */
  troubles(): readonly MailboxTrouble[]
  /** it is among them */
  isInTroubles(whose: { personId: Id; routeId: Id }): boolean
  start(): Promise<void>
  stop(): Promise<void>
}

export function createModeBoard(deps: { db: Database; clock: Clock; log: Log; pollMs?: number }): LiveBoard {
  const { clock, log } = deps
  const pollMs = deps.pollMs ?? 1000
  let standings = new Map<Id, RouteStanding>()
  let kinds = new Map<Id, number>()
  let troubles: readonly MailboxTrouble[] = []
  let troubled = new Set<string>()
  let pins = pinBook([], [], [])
  const listeners: ((now: RouteStanding, before: RouteStanding | null) => void)[] = []
  let reading: Promise<void> | null = null
  let timer: Timer | null = null
  let listener: DedicatedSql | null = null
  let connecting = false
  let stopped = false

  async function read(): Promise<void> {
    await ensureModes(deps.db)
    const [rows, pinned, failing] = await Promise.all([allModes(deps.db), allPins(deps.db), allTroubles(deps.db)])
    const hasGroups = pinned.some(({ target }) => target === PinTarget.group)
    const members = hasGroups ? await peopleOfPinnedGroups(deps.db) : []
    const before = standings
    standings = new Map(rows.map((row) => [row.routeId, standingOf(row)]))
    kinds = new Map(rows.map((row) => [row.routeId, row.kind]))
    pins = pinBook(pinned, members, failing)
    troubles = failing
    troubled = new Set(failing.map(mailboxOf))
    for (const now of standings.values()) {
      const old = before.get(now.routeId) ?? null
      if (old?.version === now.version && old.returnEventId === now.returnEventId) continue
      for (const run of listeners) {
        try {
          run(now, old)
        } catch (error) {
          log.error({ err: String(error) }, 'a listener to mode changes failed')
        }
      }
    }
  }

  /** One reading at a time; one that began before the request may be too old, so the next is waited for. */
  async function refresh(): Promise<void> {
    if (reading) await reading.catch(() => undefined)
    reading ??= read().finally(() => {
      reading = null
    })
    await reading
  }

  function poll(): void {
    refresh().catch((error: unknown) =>
      log.warn({ err: String(error) }, 'modes could not be read; the last ones stand'),
    )
    if (!listener && !connecting) void listen()
  }

  async function listen(): Promise<void> {
    connecting = true
    try {
      const connection = await openHints(deps.db, 'holdfast_mode', poll, (ended) => {
        if (listener === ended) listener = null
      })
      if (stopped) await connection.close()
      else listener = connection
    } catch (error) {
      log.debug({ err: String(error) }, 'no connection for hints; the poll goes on')
    } finally {
      connecting = false
    }
  }

  function standing(routeId: Id): RouteStanding {
    // A route made this very second: it starts as normal.
    return standings.get(routeId) ?? unknownRoute(routeId)
  }

  const isWayOut = (routeId: Id): boolean => (kinds.get(routeId) ?? RouteKind.primary) !== RouteKind.primary

  function decision(whose: Addressee): Decision {
    const { mode, pin } = standing(whose.routeId)
    return decide({ ...pins.about(whose), route: { mode, isPinned: pin !== null } })
  }
  function ofRoute(routeId: Id): Decision & { takes: boolean } {
    const { organisationId } = standing(routeId)
    const found = decision({ organisationId, routeId, personId: null, address: '' })
    return { ...found, takes: isWayOut(routeId) || passesIn(found.mode) }
  }

  return {
    standing,
    decision,
    ofRoute,
    isKeptBack(whose) {
      const { mode, by } = decision(whose)
      return by !== 'engine' && by !== 'route' && !passesIn(mode)
    },
    all: () => standings.values(),
    passage: (organisationIds, routeId) => ({
      ...pins.passage(new Set(organisationIds), (failing) => canFailAlone(standing(failing).mode)),
      others: routeId === undefined || ofRoute(routeId).takes,
    }),
    troubles: () => troubles,
    isInTroubles: (whose) => troubled.has(mailboxOf(whose)),
    flow(whose, traffic) {
      // A way out has no mode, and what goes to the world is nobody's mailbox; whoever sends by it may be held all the same.
      if (!isWayOut(whose.routeId)) return flowIn(decision(whose).mode, traffic)
      if (traffic === 'inboundProtected' || traffic === 'inboundOthers') return 'relay'
      const { mode, by } = decision({ ...whose, routeId: NIL_ID })
      return by === 'engine' ? 'relay' : flowIn(mode, traffic)
    },
    isHeldThemselves(whose) {
      const { mode, by } = decision(whose)
      return mode === Mode.hold && (by === 'person' || by === 'group')
    },
    onChange: (run) => void listeners.push(run),
    refresh,
    async start() {
      await refresh()
      void listen()
      timer = clock.every(pollMs, poll)
    },
    async stop() {
      stopped = true
      timer?.cancel()
      await reading?.catch(() => undefined)
      await listener?.close().catch(() => undefined)
    },
  }
}

/** Mail goes on in it, at once or by the return. */
const passesIn = (mode: Mode): boolean => flowIn(mode, 'inboundOthers') !== 'wait'

function standingOf(row: ModeRecord): RouteStanding {
  return {
    organisationId: row.organisationId,
    routeId: row.routeId,
    mode: row.mode as Mode,
    since: row.since.getTime(),
    pin: row.pin as PinNumber | null,
    version: row.version,
    returnEventId: row.returnEventId,
  }
}

const unknownRoute = (routeId: Id): RouteStanding => ({
  organisationId: NIL_ID,
  routeId,
  mode: Mode.normal,
  since: 0,
  pin: null,
  version: 0,
  returnEventId: null,
})

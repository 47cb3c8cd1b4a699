/**
 * The mode of every route, in memory, for those who ask at each decision. The database is the truth: a poll of at most a
 * second, hurried by NOTIFY on a connection of its own (never inside an accept commit). When the database is away, the
 * last modes stand.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import { Mode, Pin, RouteKind, type Pin as PinNumber } from '../../platform/codes.ts'
import type { Database, DedicatedSql } from '../../platform/db/database.ts'
import { NIL_ID, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { openHints } from '../../store/hints.ts'
import { allModes, ensureModes, personPins, type ModeRecord, type PersonPin } from '../../store/modes.ts'
import { flowIn } from './mode-table.ts'
import type { ModeBoard, RouteStanding } from './ports.ts'

export interface LiveBoard extends ModeBoard {
  /** Reads everything again; whoever changed a mode in this process calls it after the commit. */
  refresh(): Promise<void>
  /** all routes, for pages and metrics */
  all(): Iterable<RouteStanding>
  personPin(personId: Id): PinNumber | null
  /** people whose own pin makes their mail wait, whatever the route does */
  waitingPersons(organisationId: Id): Id[]
  start(): Promise<void>
  stop(): Promise<void>
}

const pinnedMode: Record<PinNumber, Mode> = {
  [Pin.emergency]: Mode.emergency,
  [Pin.normal]: Mode.normal,
  [Pin.hold]: Mode.hold,
}

export function createModeBoard(deps: { db: Database; clock: Clock; log: Log; pollMs?: number }): LiveBoard {
  const { clock, log } = deps
  const pollMs = deps.pollMs ?? 1000
  let standings = new Map<Id, RouteStanding>()
  let kinds = new Map<Id, number>()
  let pins = new Map<Id, PersonPin>()
  const listeners: ((now: RouteStanding, before: RouteStanding | null) => void)[] = []
  let reading: Promise<void> | null = null
  let timer: Timer | null = null
  let listener: DedicatedSql | null = null
  let connecting = false
  let stopped = false

  async function read(): Promise<void> {
    await ensureModes(deps.db)
    const [rows, persons] = await Promise.all([allModes(deps.db), personPins(deps.db)])
    const before = standings
    standings = new Map(rows.map((row) => [row.routeId, standingOf(row)]))
    kinds = new Map(rows.map((row) => [row.routeId, row.kind]))
    pins = new Map(persons.map((p) => [p.personId, p]))
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

  return {
    standing,
    all: () => standings.values(),
    personPin: (personId) => (pins.get(personId)?.pin ?? null) as PinNumber | null,
    waitingPersons: (organisationId) =>
      [...pins.values()]
        .filter((p) => p.organisationId === organisationId && p.pin !== Pin.normal)
        .map((p) => p.personId),
    flow(routeId, personId, traffic) {
      const pin = personId === null ? undefined : pins.get(personId)?.pin
      if (pin !== undefined) return flowIn(pinnedMode[pin as PinNumber], traffic)
      // A way out has no mode.
      if ((kinds.get(routeId) ?? RouteKind.primary) !== RouteKind.primary) return 'relay'
      return flowIn(standing(routeId).mode, traffic)
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

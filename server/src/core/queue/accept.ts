/**
 * The accept batcher: sessions hand in messages, one statement at a time carries all that have gathered. No timer: the
 * commit under way is the collector, so one session waits for nothing and a hundred share one fsync.
 *
 * Promises: `accept` resolves only after the commit. A row that the database refuses fails its own session alone (the
 * batch is halved until the culprit is alone). A deadlock is repeated. A connection lost under way is an unknown outcome,
 * and so is a warning (a wait for the standby that was cancelled gives one): 451, never 250; when the sender repeats, the
 * first is looked for (unanswered.ts). Nobody waits longer than `accept.answerWithin`, whatever the database does; a late
 * commit is still handed over.
 */
import { setImmediate } from 'node:timers'
import { within, type Clock } from '../../platform/clock.ts'
import type { Config } from '../../platform/config/config.ts'
import { classifyDbError, ConnectionLost, type Database, type DedicatedSql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { ACCEPT_SETTINGS, insertBatch, type TouchedFolder } from '../../store/accept.ts'
import type { Incoming } from './incoming.ts'
import { createUnanswered } from './unanswered.ts'

export interface Accept {
  /**
   * Stores one message, or several that stand or fall together (one transaction for several organisations). Resolves
   * after the commit with the ids under which they are stored: others than their own where this repeats a message that was
   * stored though its sender heard 451. Throws WireError (commit-unknown, database-unavailable, disk-full, internal).
   */
  accept(...unit: Incoming[]): Promise<Id[]>
  /** Called for every committed message, before its sender gets the 250. Must not throw and must not wait. */
  onCommitted(listener: (incoming: Incoming) => void): void
  /** Folders that got mail. */
  onTouched(listener: (folders: TouchedFolder[]) => void): void
  /** False while the last answer of the database was a failure or is overdue. */
  healthy(): boolean
  stop(): Promise<void>
}

export interface AcceptDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  config: Pick<Config, 'accept' | 'delivery'>
  nodeId: Id
  /** makes a person's standard folders; called when a placement found none */
  ensureFolders(organisationId: Id, personIds: Id[]): Promise<void>
}

interface Waiting {
  unit: Incoming[]
  bytes: number
  deadline: number
  answered: boolean
  resolve: (messageIds: Id[]) => void
  reject: (error: WireError) => void
}

/** Messages that may wait for a commit before new ones are turned away: memory is bounded by bytes, not by hope. */
const MOST_WAITING_BYTES = 67_108_864
/** How often it is looked who waits for too long; they are told so much before their time is over. */
const SWEEP_MS = 100
/** A statement without an answer for this long: the connection is given up and opened anew. */
const GIVE_UP_MS = 15_000
const RECOVER_MS = 5_000

export function createAccept(deps: AcceptDeps): Accept {
  const { clock, log } = deps
  const waiting: Waiting[] = []
  let waitingBytes = 0
  let underWay: Waiting[] = []
  let underWaySince = 0
  let running = false
  let kicked = false
  let stopped = false
  let healthy = true
  let connection: DedicatedSql | null = null
  let opening: Promise<DedicatedSql> | null = null
  /** what the server warned of while the statement under way ran */
  const warnings: string[] = []
  const unanswered = createUnanswered(deps)
  const committed: ((incoming: Incoming) => void)[] = []
  const touched: ((folders: TouchedFolder[]) => void)[] = []
  const batchSize = deps.metrics.histogram(
    'holdfast_accept_batch_messages',
    'Messages per accept commit',
    [1, 2, 5, 10, 20, 50, 100, 200],
  )
  const failures = deps.metrics.counter('holdfast_accept_failures_total', 'Messages not accepted for our own reasons', [
    'code',
  ])

  const fail = (one: Waiting, error: WireError): void => {
    if (one.answered) {
      // It heard 451 while its commit was under way; now its fate is known, unless the connection broke.
      if (error.code !== 'commit-unknown') unanswered.gone(one.unit)
      return
    }
    one.answered = true
    failures.inc({ code: error.code })
    one.reject(error)
  }
  const succeed = (one: Waiting): void => {
    for (const incoming of one.unit) for (const listener of committed) listener(incoming)
    if (one.answered) return unanswered.stored(one.unit)
    one.answered = true
    one.resolve(one.unit.map(({ messageId }) => messageId))
  }

  /** One opening at a time: the batch and the looking for a way back may ask at once. */
  function connect(): Promise<DedicatedSql> {
    if (connection) return Promise.resolve(connection)
    opening ??= open().finally(() => {
      opening = null
    })
    return opening
  }
  async function open(): Promise<DedicatedSql> {
    const opened = await deps.db.dedicated('accept', {
      ...ACCEPT_SETTINGS,
      synchronous_commit: 'on',
    })
    opened.client.on('notice', (notice) => {
      if (notice.severity === 'WARNING') warnings.push(notice.message ?? 'no text')
    })
    if (stopped && !running) {
      void opened.close().catch(() => undefined)
      throw new WireError('shutting-down')
    }
    return (connection = opened)
  }
  function disconnect(): void {
    const old = connection
    connection = null
    // A hanging server must not hang us: end() is not waited for.
    void old?.close().catch(() => undefined)
  }

  async function store(batch: Waiting[], repeats = 0): Promise<void> {
    let sql: DedicatedSql
    try {
      sql = await connect()
    } catch (cause) {
      healthy = false
      for (const one of batch) fail(one, new WireError('database-unavailable', undefined, { cause }))
      return
    }
    warnings.length = 0
    try {
      const folders = await insertBatch(
        sql,
        batch.flatMap((one) => one.unit),
        {
          nodeId: deps.nodeId,
          seconds: deps.config.delivery.lease,
        },
      )
      if (warnings.length > 0) return uncertain(batch, sql, new Error(`the database warned: ${warnings.join('; ')}`))
      healthy = true
      batchSize.observe(batch.length)
      for (const one of batch) succeed(one)
      for (const listener of touched) listener(folders)
    } catch (error) {
      await afterFailure(batch, sql, error, repeats)
    }
  }

  /** It may be stored, or may still come to be. */
  function uncertain(batch: Waiting[], sql: DedicatedSql, cause: unknown): void {
    healthy = false
    disconnect()
    const { processID } = sql.client as unknown as { processID?: number | null }
    for (const one of batch) {
      unanswered.lost(one.unit, processID ?? null)
      fail(one, new WireError('commit-unknown', undefined, { cause }))
    }
  }

  async function afterFailure(batch: Waiting[], sql: DedicatedSql, error: unknown, repeats: number): Promise<void> {
    const kind = classifyDbError(error)
    const sqlState = (error as { code?: string }).code ?? ''
    if (kind === 'repeat' && repeats < 3) return store(batch, repeats + 1)
    if (kind === 'connection') return uncertain(batch, sql, error)
    if (kind === 'unavailable') {
      healthy = false
      disconnect()
      const code = sqlState === '53100' ? 'disk-full' : 'database-unavailable'
      for (const one of batch) fail(one, new WireError(code, undefined, { cause: error }))
      return
    }
    if (batch.length > 1) {
      const half = batch.length >> 1
      await store(batch.slice(0, half))
      return store(batch.slice(half))
    }
    const one = batch[0]!
    if (sqlState === '23502' && (error as { table?: string }).table === 'placement' && repeats === 0) {
      // A placement without a folder: the person was never given any. Give them and try once more.
      try {
        for (const { organisationId, copies } of one.unit)
          await deps.ensureFolders(
            organisationId,
            copies.filter((c) => c.folderNo !== null).map((c) => c.personId),
          )
      } catch (cause) {
        fail(one, new WireError('database-unavailable', undefined, { cause }))
        return
      }
      return store(batch, repeats + 1)
    }
    log.error(
      { err: (error as Error).message, sqlState, messageId: one.unit[0]?.messageId },
      'a message could not be stored',
    )
    fail(one, new WireError('internal', undefined, { cause: error }))
  }

  async function run(): Promise<void> {
    running = true
    sweeper ??= clock.every(SWEEP_MS, sweep)
    while (waiting.length > 0) {
      let bytes = 0
      let n = 0
      while (n < waiting.length && n < deps.config.accept.batchMessages) {
        bytes += waiting[n]!.bytes
        if (n > 0 && bytes > deps.config.accept.batchBytes) break
        n++
      }
      // Those who were told 451 while they waited are not stored: nothing of theirs was sent yet.
      underWay = waiting.splice(0, n).filter((one) => {
        waitingBytes -= one.bytes
        return !one.answered
      })
      underWaySince = clock.monotonic()
      if (underWay.length > 0)
        await store(underWay).catch((error: unknown) => {
          log.error({ err: String(error) }, 'accept failed unexpectedly')
          for (const one of underWay) fail(one, new WireError('internal', undefined, { cause: error }))
        })
      underWay = []
    }
    running = false
  }

  let sweeper: { cancel(): void } | null = null
  function sweep(): void {
    const now = clock.monotonic()
    for (const list of [underWay, waiting])
      for (const one of list)
        if (now >= one.deadline) {
          healthy = false
          if (list === underWay && !one.answered) unanswered.add(one.unit)
          fail(one, new WireError(list === underWay ? 'commit-unknown' : 'database-unavailable'))
        }
    if (underWay.length > 0 && now - underWaySince > GIVE_UP_MS) {
      log.error({ seconds: GIVE_UP_MS / 1000 }, 'the database does not answer; opening a new connection')
      const stuck = connection
      connection = null
      underWaySince = now
      // Cutting the socket makes the statement fail, which ends this batch.
      const stream = (stuck?.client as unknown as { connection?: { stream?: { destroy(): void } } } | undefined)
        ?.connection?.stream
      stream?.destroy()
    }
    if (running || waiting.length > 0) return
    // Not ready means that nobody sends: without mail of its own the way back must be looked for.
    if (!healthy && !stopped) return void recover()
    sweeper?.cancel()
    sweeper = null
  }

  let recovering = false
  async function recover(): Promise<void> {
    if (recovering) return
    recovering = true
    try {
      // A server that takes the connection and says no more must not end the looking for good.
      const asked = connect().then((sql) => sql.query('SELECT 1 AS one'))
      await within(clock, RECOVER_MS, asked, () => new ConnectionLost('the database does not answer'))
      healthy = true
    } catch {
      if (!running) disconnect()
    } finally {
      recovering = false
    }
  }

  function kick(): void {
    if (running || kicked) return
    kicked = true
    // After the I/O callbacks of this turn, so that messages which arrived together travel together.
    setImmediate(() => {
      kicked = false
      if (!running) void run()
    })
  }

  function enqueue(unit: Incoming[]): Promise<Id[]> {
    let bytes = 0
    for (const one of unit)
      bytes +=
        (one.body.kind === 'row' ? one.body.bytes.length : 0) + one.prefix.length + 512 * (1 + one.deliveries.length)
    if (waitingBytes + bytes > MOST_WAITING_BYTES) return Promise.reject(new WireError('database-unavailable'))
    return new Promise((resolve, reject) => {
      waiting.push({
        unit,
        bytes,
        deadline: clock.monotonic() + deps.config.accept.answerWithin * 1000 - SWEEP_MS,
        answered: false,
        resolve,
        reject,
      })
      waitingBytes += bytes
      kick()
    })
  }

  return {
    async accept(...unit) {
      if (stopped) throw new WireError('shutting-down')
      const repeated = await unanswered.repeats(unit)
      if (repeated?.fate === 'stored') return repeated.messageIds
      if (repeated?.fate === 'open') throw new WireError('commit-unknown')
      return enqueue(unit)
    },
    onCommitted: (listener) => void committed.push(listener),
    onTouched: (listener) => void touched.push(listener),
    healthy: () => healthy,
    async stop() {
      stopped = true
      while (running || waiting.length > 0) await clock.sleep(5)
      sweeper?.cancel()
      unanswered.stop()
      disconnect()
    },
  }
}

/**
 * Quiet Time at each attempt: whether a transaction may go now is asked when it is about to (may), and when it comes out of
 * the accept commit or the queue: then recipients whose mail is held are taken out of it (part), and their leases go back to
 * the queue until the end of their window. Where no window exists this costs one look at a flag.
 *
 * What cannot be written just now is kept, with its leases, and tried again; a process that dies with it leaves leases that
 * run out.
 */
import type { Clock } from '../../platform/clock.ts'
import { Direction, RouteKind } from '../../platform/codes.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { holdDeliveries, type HoldRow } from '../../store/quiet.ts'
import type { RouteBook } from '../directory/index.ts'
import type { HeldBy, QuietBook } from '../quiet/index.ts'
import type { Job, JobRecipient } from './job.ts'
import type { Leases } from './leases.ts'

export interface QuietGate {
  /** False, and cheaply: nobody has to ask any further. */
  asks(job: Job): boolean
  /** False: somebody among its recipients is to wait. */
  may(job: Job): boolean
  /** What may go of it; null: nothing. `held` are to be written: `stored` is done then. */
  part(job: Job): { go: Job | null; held: Id[]; stored: Promise<void> }
  stop(): Promise<void>
}

/** Deliveries in one statement. */
const MOST_AT_ONCE = 500
const AGAIN_MS = 1_000
const NOTHING: Id[] = []
const DONE = Promise.resolve()

interface Waiting extends HoldRow {
  stored: () => void
}

export function createQuietGate(deps: {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  nodeId: Id
  quiet: Pick<QuietBook, 'isIdle' | 'holds' | 'generation'>
  routes: Pick<RouteBook, 'get'>
  leases: Pick<Leases, 'hold' | 'release'>
}): QuietGate {
  const { clock, quiet, leases } = deps
  let waiting: Waiting[] = []
  let running: Promise<void> | null = null
  let stopped = false
  const counted = deps.metrics.counter(
    'holdfast_quiet_held_total',
    'Deliveries that were put off until the end of a quiet time',
    [],
  )

  /** What goes out to the world is nobody's night, and a notice of ours is as little held as another's. */
  const isAsked = ({ routeId, direction }: Job): boolean =>
    !quiet.isIdle() && direction !== Direction.dsn && deps.routes.get(routeId)?.kind === RouteKind.primary

  function heldBy(job: Job, { address, personId, cleared }: JobRecipient): HeldBy | null {
    if (cleared) return null
    const { organisationId, routeId, mailFrom, headerFrom, subject, facts } = job
    return quiet.holds({
      organisationId,
      routeId,
      personId,
      recipient: address,
      envelopeFrom: mailFrom,
      headerFrom,
      subject,
      priority: facts.priority,
    })
  }

  async function write(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MOST_AT_ONCE)
      try {
        await holdDeliveries(deps.db, { nodeId: deps.nodeId, generation: quiet.generation() }, batch)
      } catch (error) {
        deps.log.warn({ err: String(error) }, 'mail that Quiet Time holds could not be put back; it is repeated')
        if (stopped) return
        await clock.sleep(AGAIN_MS)
        continue
      }
      waiting = waiting.slice(batch.length)
      counted.inc({}, batch.length)
      for (const { deliveryId, stored } of batch) {
        leases.release(deliveryId)
        stored()
      }
    }
  }

  function hold(row: HoldRow): Promise<void> {
    leases.hold(row)
    const stored = new Promise<void>((resolve) => waiting.push({ ...row, stored: resolve }))
    running ??= write().finally(() => {
      running = null
    })
    return stored
  }

  return {
    asks: isAsked,
    may: (job) => !isAsked(job) || job.recipients.every((recipient) => heldBy(job, recipient) === null),
    part(job) {
      const free: JobRecipient[] = []
      const rows: HoldRow[] = []
      for (const recipient of job.recipients) {
        const by = heldBy(job, recipient)
        if (by === null) free.push(recipient)
        else
          rows.push({
            organisationId: job.organisationId,
            deliveryId: recipient.deliveryId,
            wasUnsure: recipient.wasUnsure,
            windowId: by.windowId,
            windowName: by.name,
            until: by.until,
          })
      }
      if (rows.length === 0) return { go: job, held: NOTHING, stored: DONE }
      return {
        go: free.length > 0 ? { ...job, recipients: free } : null,
        held: rows.map(({ deliveryId }) => deliveryId),
        stored: Promise.all(rows.map(hold)).then(() => undefined),
      }
    },
    async stop() {
      stopped = true
      await running?.catch(() => undefined)
      for (const { stored } of waiting.splice(0)) stored()
    },
  }
}

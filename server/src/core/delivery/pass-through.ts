/**
 * Pass-through: the sender's server waits for what the primary says, and a refusal is refused in its session, so that no
 * notice has to be sent (docs/decisions/0010-pass-through.md). The message is accepted and handed over as any other; here
 * is who waits for it, and what they are told.
 *
 * Promises: a 5xx is said only after the refusal is durable in the rows, as final and as told (tell.ts), so never of a
 * message that is still going to be delivered. Whatever is not a plain refusal of every recipient is ours, at once or when
 * the time is over, and the delivery goes on as if nobody had waited. Nobody waits longer than the route's `wait` for the
 * primary, and two seconds more for our database.
 *
 * A watch is open until it is taken out, by the first of outcome and time: whoever takes it out answers it, once.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import { Mode, RouteKind } from '../../platform/codes.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { OutcomeRow } from '../../store/outcomes.ts'
import type { LiveBoard } from '../continuity/index.ts'
import type { RouteBook } from '../directory/index.ts'
import type { Incoming } from '../queue/index.ts'
import { RECIPIENTS_PER_TRANSACTION } from './job.ts'
import { isRefusal, replyOf } from './refusal.ts'
import type { AttemptReport } from './runner-ports.ts'
import type { Tell, Telling } from './tell.ts'

/** What one sender waits for. */
export interface Watch {
  /** null: it is ours, say 250; else the reply. Begins the wait; called once, after the commit. */
  answer(): Promise<WireError | null>
  /** Nobody waits: the commit failed, or another message was stored in its place. */
  drop(): void
}

export interface PassThrough {
  /** Before the commit, so that no outcome is missed. null: nobody has to wait for this message. */
  watch: (incoming: Incoming) => Watch | null
  /** An attempt has ended: tells who waits for it, and writes its outcomes, by `write` unless they are passed on. */
  settle(
    attempt: Pick<AttemptReport, 'job' | 'results'>,
    rows: readonly OutcomeRow[],
    write: (row: OutcomeRow) => Promise<void>,
  ): Promise<void>
  /** Nothing of it was tried, and it waits in the queue now. */
  untried(messageId: Id): void
  /** Those who wait hear that it is ours, and nobody waits any more. */
  stop: () => void
}

/** passed-on: 5xx; taken: the primary took some of it, or it is put off; untold, unknown: what our database made of a refusal */
type Answer = 'passed-on' | 'taken' | 'time-over' | 'untold' | 'unknown'

interface Waiting {
  incoming: Incoming
  answer(error: WireError | null, why: Answer): void
}

interface Deps {
  clock: Clock
  metrics: Metrics
  routes: Pick<RouteBook, 'get'>
  board: Pick<LiveBoard, 'standing'>
  tell: Tell
  /** mailboxes out of which a message may have been taken */
  onWithdrawn: (personIds: readonly Id[]) => void
}

export function createPassThrough({ clock, metrics, routes, board, tell, onWithdrawn }: Deps): PassThrough {
  const open = new Map<Id, Waiting>()
  let stopped = false
  const answers = metrics.counter(
    'holdfast_pass_through_answers_total',
    'What senders were told who waited for the primary',
    ['answer'],
  )

  /** The wait of the one route that all its recipients share; null where it is not passed through. */
  function waitMs({ deliveries }: Incoming): number | null {
    const [first] = deliveries
    if (stopped || !first || deliveries.length > RECIPIENTS_PER_TRANSACTION) return null
    if (!deliveries.every(({ hot, routeId }) => hot && routeId === first.routeId)) return null
    const route = routes.get(first.routeId)
    if (route?.kind !== RouteKind.primary || !route.settings.passThrough.enabled) return null
    return board.standing(first.routeId).mode === Mode.normal ? route.settings.passThrough.wait * 1000 : null
  }

  function take(messageId: Id): Waiting | undefined {
    const waiting = open.get(messageId)
    open.delete(messageId)
    return waiting
  }

  async function passOn(waiting: Waiting, rows: readonly OutcomeRow[], reply: WireError): Promise<Telling> {
    const { organisationId, copies } = waiting.incoming
    const places = copies.flatMap(({ personId, copyId, folderNo }) =>
      folderNo === null ? [] : [{ organisationId, personId, copyId, folderNo }],
    )
    const telling = await tell(rows, places)
    if (telling === 'told') {
      waiting.answer(reply, 'passed-on')
      onWithdrawn(places.map(({ personId }) => personId))
    } else waiting.answer(telling === 'unknown' ? new WireError('commit-unknown') : null, telling)
    return telling
  }

  return {
    watch(incoming) {
      const most = waitMs(incoming)
      if (most === null) return null
      const { messageId } = incoming
      let timer: Timer | null = null
      let settle!: (error: WireError | null) => void
      const settled = new Promise<WireError | null>((resolve) => (settle = resolve))
      const waiting: Waiting = {
        incoming,
        answer(error, why) {
          timer?.cancel()
          answers.inc({ answer: why })
          settle(error)
        },
      }
      open.set(messageId, waiting)
      return {
        answer() {
          // Not there: the outcome was quicker than we, and is being written or answered.
          if (open.has(messageId)) timer = clock.after(most, () => take(messageId)?.answer(null, 'time-over'))
          return settled
        },
        drop: () => void open.delete(messageId),
      }
    },
    async settle({ job, results }, rows, write) {
      const waiting = take(job.messageId)
      const isWhole = waiting !== undefined && rows.length === waiting.incoming.deliveries.length
      if (isWhole && isRefusal(results)) {
        if ((await passOn(waiting, rows, replyOf(results))) === 'told') return
      } else waiting?.answer(null, 'taken')
      // Where the passing on is unknown, this writes nothing if it happened, and the refusal with its notice if it did not.
      await Promise.all(rows.map(write))
    },
    untried: (messageId) => take(messageId)?.answer(null, 'taken'),
    stop() {
      stopped = true
      for (const messageId of [...open.keys()]) take(messageId)!.answer(null, 'taken')
    },
  }
}

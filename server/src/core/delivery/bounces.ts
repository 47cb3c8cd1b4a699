/**
 * What happens to a refusal that came after our 250 (promise 9): an aligned sender is told (notices.ts); otherwise the
 * delivery goes to the parking lot, where an admin sees it. Never a notice to somebody who did not write, never a silent
 * drop, never a notice about a notice. Beside it the notices of delay (delays.ts) and of success (relayed.ts), which change
 * nothing about a delivery.
 */
import type { Timer } from '../../platform/clock.ts'
import { BodyStore, DeliveryState, Notify, type Reason } from '../../platform/codes.ts'
import { WireError } from '../../platform/errors.ts'
import { noteDsn, parkRefused, refusedWithoutNotice, type RefusedDelivery } from '../../store/bounces.ts'
import { memberKey } from '../routing/index.ts'
import { createDelays } from './delays.ts'
import { createRelayed } from './relayed.ts'
import { createNotices, createPatience, type NoticeDeps } from './notices.ts'

export interface Bounces {
  /** Deals with refusals that are due; returns how many. */
  run(): Promise<number>
  /** Deals with delays that are due; returns how many senders were told. */
  runDelays(): Promise<number>
  /** The same for success that nobody else tells of. */
  runRelayed(): Promise<number>
  start(): void
  stop(): void
}

const EVERY_MS = 2_000
const DELAYS_EVERY_MS = 60_000
const BATCH = 50

/**
 * Of the member's address or mailbox (RFC 3463 section 3.2 and 3.3), or it ran out of time; not of what was posted: one message
 * that nobody takes must not put a whole list on hold.
 */
const isAboutMailbox = ({
  enhanced,
  smtpCode,
  reason,
}: Pick<RefusedDelivery, 'enhanced' | 'smtpCode' | 'reason'>): boolean =>
  reason === 'expired' || (enhanced ? /^5\.[12]\./.test(enhanced) : smtpCode === 550 || smtpCode === 553)

export function createBounces(deps: NoticeDeps): Bounces {
  const { db } = deps
  const notices = createNotices(deps)
  const delays = createDelays(deps, notices)
  const relayed = createRelayed(deps, notices)
  const patience = createPatience<RefusedDelivery>(deps.log)
  const timers: Timer[] = []

  const park = (refused: RefusedDelivery, reason: Reason): Promise<void> =>
    parkRefused(db, refused.organisationId, refused.deliveryId, reason)
  const note = (refused: RefusedDelivery, state: number): Promise<void> =>
    noteDsn(db, refused.organisationId, refused.deliveryId, state)

  /** For a list's mail its author has a list to answer for it, and hears nothing of its members (RFC 3461 section 5.2.7.3). */
  async function dealWithMember(refused: RefusedDelivery, list: string): Promise<void> {
    const { organisationId, recipient, reply } = refused
    if (isAboutMailbox(refused))
      await deps.listBounces?.note({
        organisationId,
        list,
        member: memberKey(recipient),
        text: reply ?? 'it was not taken for several days',
      })
    await note(refused, refused.reason === 'expired' ? DeliveryState.expired : DeliveryState.refused)
  }

  async function deal(refused: RefusedDelivery): Promise<void> {
    if (refused.facts.list !== undefined) return dealWithMember(refused, refused.facts.list)
    if (refused.bodyStore === BodyStore.gone) return park(refused, 'bytes-missing')
    if (refused.envelopeFrom === '') return park(refused, 'null-sender')
    const expired = refused.reason === 'expired'
    // RFC 3461 section 4.1: NEVER, or a list without FAILURE, asks us to keep quiet. The trace keeps the refusal; what
    // only ran out of time is seen by an admin, who may try it again (promise 8).
    if (refused.notify !== 0 && (refused.notify & Notify.failure) === 0)
      return expired ? park(refused, 'expired') : note(refused, DeliveryState.refused)
    if (!(await notices.isAligned(refused))) return park(refused, 'sender-not-aligned')
    const sent = await notices.send(refused, {
      action: 'failed',
      at: refused.finishedAt,
      status: refused.enhanced?.startsWith('5') ? refused.enhanced : expired ? '4.4.7' : '5.0.0',
      diagnostic: refused.reply,
      willRetryUntil: null,
      subject: 'Your message could not be delivered',
      text: ({ recipient, subject, reply }) => [
        'Your message',
        `  "${subject}"`,
        `could not be delivered to ${recipient}.`,
        '',
        expired
          ? 'The other mail system did not take it for several days, so it is not tried any more.'
          : 'The other mail system refused it. This is what it said:',
        `  ${reply}`,
        '',
        'Please check the address, or reach the person another way. The message was not delivered and will not be tried again.',
      ],
    })
    if (!sent) return park(refused, 'no-way-to-sender')
    await note(refused, expired ? DeliveryState.expired : DeliveryState.bounced)
  }

  async function run(): Promise<number> {
    const due = await refusedWithoutNotice(db, BATCH)
    // One that cannot be told is seen by an admin instead.
    const isLost = (error: unknown): boolean => error instanceof WireError && error.code === 'bytes-missing'
    await patience.each(due, deal, (refused, error) => park(refused, isLost(error) ? 'bytes-missing' : 'notice-failed'))
    return due.length
  }

  function repeat(everyMs: number, what: string, work: () => Promise<unknown>): void {
    let running = false
    timers.push(
      deps.clock.every(everyMs, () => {
        if (running) return
        running = true
        work()
          .catch((error: unknown) =>
            deps.log.warn({ err: String(error) }, `${what} could not be dealt with; it is repeated`),
          )
          .finally(() => {
            running = false
          })
      }),
    )
  }

  return {
    run,
    runDelays: delays.run,
    runRelayed: relayed.run,
    start() {
      repeat(EVERY_MS, 'refused deliveries', run)
      repeat(EVERY_MS, 'relayed deliveries', relayed.run)
      repeat(DELAYS_EVERY_MS, 'delayed deliveries', delays.run)
    },
    stop() {
      for (const timer of timers.splice(0)) timer.cancel()
    },
  }
}

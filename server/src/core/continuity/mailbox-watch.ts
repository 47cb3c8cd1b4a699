/**
 * Watches mailboxes that fail while their route takes mail: counts failures, says when a person is in trouble and when they
 * are well, and gives out the next try, one delivery at a time per person over all processes.
 *
 * Nothing here is on the way of a delivery: what could not be written is a line in the log and one failure that is not
 * counted. The state is the table's (store/mailbox-trouble.ts), the rule is mailbox-rule.ts.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { byKey } from '../../store/by-key.ts'
import { claimTry, type ClaimedDelivery } from '../../store/claims.ts'
import {
  dueTries,
  endTrouble,
  enterTrouble,
  forgetOldFailures,
  hasOpenMail,
  noteMailboxFailure,
  planTry,
  type MailboxKey,
} from '../../store/mailbox-trouble.ts'
import { appendAudit } from '../audit/index.ts'
import type { LiveBoard } from './board.ts'
import { createMailboxAlarm } from './mailbox-alarm.ts'
import { isInTrouble, tryAgainIn } from './mailbox-rule.ts'
import { mailboxOf } from './pin-board.ts'
import type { Sensitivity } from './sensitivity.ts'

export interface MailboxFailure extends MailboxKey {
  deliveryId: Id
  stage: string
  text: string
}

export interface Mailboxes {
  /** A reply that speaks of this person's mailbox (mailbox-rule.ts). */
  failed(failure: MailboxFailure): void
  /** This primary took mail for them. */
  taken(whose: MailboxKey): void
  /** Their mail that may try now, leased; `[]` where nobody is in trouble. */
  claimTries(nodeId: Id, leaseSeconds: number): Promise<ClaimedDelivery[]>
}

export interface MailboxWatch extends Mailboxes {
  /** `judging`: says when part of a route is down, and forgets. */
  start(judging: boolean): void
  stop(): Promise<void>
}

/** Not written yet; more than that are an outage, and the route's evidence says so. */
const MOST_UNWRITTEN = 1_000
const TRIES_AT_ONCE = 20
const LOOK_MS = 1_000
const FORGET_SECONDS = 3_600

export function createMailboxWatch(deps: {
  db: Database
  clock: Clock
  log: Log
  metrics?: Metrics
  board: Pick<LiveBoard, 'troubles' | 'isInTroubles' | 'ofRoute' | 'refresh'>
  /** the routes this process judges */
  judged: () => Iterable<Id>
  numbersOf: (routeId: Id) => Sensitivity
  nameOf: (routeId: Id) => string
}): MailboxWatch {
  const { db, clock, log, board } = deps
  let unwritten: (() => Promise<boolean>)[] = []
  let writing: Promise<void> | null = null
  let timer: Timer | null = null
  let looks = 0
  /** mailboxes with failures that this process has seen and the board may not know yet */
  const seen = new Set<string>()
  const alarm = createMailboxAlarm(deps)

  /** One after the other, in the order in which it happened. */
  function later(work: () => Promise<boolean>): void {
    if (unwritten.length >= MOST_UNWRITTEN) return
    unwritten.push(work)
    writing ??= write().finally(() => {
      writing = null
    })
  }

  async function write(): Promise<void> {
    while (unwritten.length > 0) {
      const batch = unwritten
      unwritten = []
      let isNews = false
      for (const work of batch)
        try {
          isNews = (await work()) || isNews
        } catch (error) {
          log.warn({ err: String(error) }, 'what a mailbox answered could not be noted; the next time counts')
        }
      if (isNews) await board.refresh().catch(() => undefined)
    }
  }

  const audited = (key: MailboxKey, action: 'mailbox-fails' | 'mailbox-well', detail: Record<string, unknown>) =>
    db.transaction(async (sql) => {
      const isNew =
        action === 'mailbox-fails'
          ? await enterTrouble(sql, key, tryAgainIn(0, deps.numbersOf(key.routeId)))
          : Boolean((await endTrouble(sql, key))?.since)
      if (isNew)
        await appendAudit(sql, {
          organisationId: key.organisationId,
          actor: 'engine',
          action,
          subject: `person:${key.personId}`,
          detail: { route: key.routeId, ...detail },
        })
      return isNew
    })

  async function note(failure: MailboxFailure): Promise<boolean> {
    const { organisationId, personId, routeId, stage, text } = failure
    const known = await noteMailboxFailure(db, { ...failure, atRcpt: stage === 'rcpt' })
    if (known.since !== null || !isInTrouble(known, deps.numbersOf(routeId), known.now)) return false
    const detail = { failures: known.failures, text: text.slice(0, 200) }
    if (!(await audited({ organisationId, personId, routeId }, 'mailbox-fails', detail))) return false
    log.warn({ person: personId, route: deps.nameOf(routeId), text }, 'a mailbox fails; its mail waits here')
    return true
  }

  async function end(key: MailboxKey, why: string): Promise<boolean> {
    seen.delete(mailboxOf(key))
    const isNews = await audited(key, 'mailbox-well', { why })
    if (isNews)
      log.info(
        { person: key.personId, route: deps.nameOf(key.routeId), why },
        'a mailbox is well again; what waited goes home',
      )
    return isNews
  }

  /** Routes with somebody in trouble on which others' mail goes. */
  function openRoutes(): Id[] {
    const routes = new Set<Id>()
    for (const { routeId, since } of board.troubles()) if (since !== null) routes.add(routeId)
    return [...routes].filter((routeId) => board.ofRoute(routeId).takes)
  }

  function look(): void {
    void alarm.look(board.troubles())
    if (looks++ % 60 === 0)
      forgetOldFailures(db, FORGET_SECONDS).catch((error: unknown) =>
        log.debug({ err: String(error) }, 'old failures of mailboxes were not forgotten; tried again'),
      )
  }

  return {
    failed(failure) {
      if (seen.size < MOST_UNWRITTEN) seen.add(mailboxOf(failure))
      later(() => note(failure))
    },
    taken(whose) {
      // Asked for every delivered recipient.
      if (seen.has(mailboxOf(whose)) || board.isInTroubles(whose)) later(() => end(whose, 'taken'))
    },
    async claimTries(nodeId, leaseSeconds) {
      const routeIds = openRoutes()
      if (routeIds.length === 0) return []
      const idle: MailboxKey[] = []
      const claims = await byKey(db, async (sql) => {
        const due = await dueTries(sql, routeIds, TRIES_AT_ONCE)
        const claimed: ClaimedDelivery[] = []
        for (const one of due) {
          await planTry(sql, one, tryAgainIn(one.tries + 1, deps.numbersOf(one.routeId)))
          const claim = await claimTry(sql, { ...one, nodeId, leaseSeconds })
          if (claim) claimed.push(claim)
          else if (!(await hasOpenMail(sql, one))) idle.push(one)
        }
        return claimed
      })
      // Nothing is left by which to find out: the next that comes does.
      for (const key of idle) later(() => end(key, 'nothing waits'))
      return claims
    },
    start(judging) {
      if (judging) timer = clock.every(LOOK_MS, look)
    },
    async stop() {
      timer?.cancel()
      await writing?.catch(() => undefined)
    },
  }
}

/**
 * Four eyes: an administrator reads somebody's mailbox only for a reason, with the approval of a second person, and the
 * person hears of it (docs/decisions/0039). Each act is one transaction: the row is locked, the pure step says whether it can
 * be, and row, audit and the notice to the person are written together, or none is.
 *
 * Promises: nobody opens a mailbox alone; two decisions at once are one and a conflict; what is over opens nothing, though no
 * timer has run; nothing of it is in memory, so it survives any restart. Time is the database's.
 */
import type { Clock } from '../../platform/clock.ts'
import { MailboxAccessPurpose, MailboxAccessState, PersonKind, Role, wordOf } from '../../platform/codes.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { newId, type Id } from '../../platform/ids.ts'
import * as store from '../../store/mailbox-access.ts'
import { namesOf } from '../../store/names.ts'
import { insertAccountNotice } from '../../store/account-notices.ts'
import { roleAbilities, type Ability, type Session } from '../access/index.ts'
import { appendAudit } from '../audit/index.ts'
import { mailboxAccessSettingsSchema } from '../directory/index.ts'
import { step, type Event, type Position, type State, type Step } from './machine.ts'
import { mayEnd, objectionTo, objectionToDecline, SETTLED_DAYS } from './who.ts'

export const REASON = { least: 20, most: 1000 }
/** A quarter of an hour to seven days. */
export const MINUTES = { least: 15, most: 7 * 24 * 60 }
const ANSWER_HOURS = 7 * 24
/** Of one administrator, waiting or open. */
const MOST_AT_ONCE = 10
const MOST_A_DAY = 30

export const rolesWith = (ability: Ability): number[] =>
  Object.entries(Role).flatMap(([word, role]) =>
    (roleAbilities[word as keyof typeof Role] as readonly Ability[]).includes(ability) ? [role] : [],
  )

export type By = Pick<Session, 'actor' | 'kind' | 'subjectId' | 'organisationId'>

export interface AskWish {
  organisationId: Id
  mailboxId: Id
  by: By
  purpose: keyof typeof MailboxAccessPurpose
  reason: string
  minutes: number
}

export interface FourEyes {
  /** Throws not-found, bad-request, forbidden, conflict, rate-limited. */
  ask(wish: AskWish): Promise<store.AccessRow>
  /** Throws not-found, conflict, decides-own-request, decides-own-mailbox, not-independent. */
  decide(which: Which, by: By, how: { approve: boolean; note: string }): Promise<store.AccessRow>
  /** Withdraws what waits, ends what is open. Throws not-found, forbidden, conflict. */
  end(which: Which, by: By): Promise<store.AccessRow>
  list(organisationId: Id, page: { before: Id | null; limit: number }): Promise<store.AccessRow[]>
  /** Of somebody's own mailbox, as far as they were told. */
  toMailbox(organisationId: Id, personId: Id): Promise<store.AccessRow[]>
  /** What somebody may read now beside their own mail. */
  lentTo(who: { organisationId: Id; personId: Id }): Promise<store.LentMailbox[]>
  /** It is read: the first time is written down, and told. False: it is open no more, and nothing of it may be shown. */
  opening(which: Which): Promise<boolean>
  /** Writes down whose time is over; how many. */
  sweep(): Promise<number>
}

export interface Which {
  organisationId: Id
  accessId: Id
}

const positionOf = (row: store.AccessRow): Position => ({
  state: wordOf(MailboxAccessState, row.state),
  answerBy: row.answerBy.getTime(),
  expiresAt: row.expiresAt?.getTime() ?? null,
  isOpened: row.openedAt !== null,
})

/** What its time has made of it, where that is not written down yet. */
export const isOver = (row: store.AccessRow): State | null =>
  step(positionOf(row), 'time', row.now.getTime())?.state ?? null

export function createFourEyes(deps: { db: Database; clock: Clock }): FourEyes {
  const { db, clock } = deps

  const again = async (sql: Sql, { organisationId, accessId }: Which): Promise<store.AccessRow> => {
    const row = await store.readAccess(sql, organisationId, accessId)
    if (!row) throw new WireError('not-found')
    return row
  }

  /** Audit, and the notice to the person. */
  async function record(sql: Sql, row: store.AccessRow, done: Step, actor: string): Promise<void> {
    const { organisationId, accessId, mailboxId } = row
    if (done.act)
      await appendAudit(sql, {
        organisationId,
        actor,
        action: done.act,
        subject: `person:${mailboxId}`,
        detail: {
          access: accessId,
          purpose: wordOf(MailboxAccessPurpose, row.purpose),
          asker: row.askerName,
          reason: row.reason,
          minutes: row.minutes,
          ...(row.note === '' ? {} : { note: row.note }),
        },
      })
    if (done.tells === null) return
    const names = await namesOf(sql, organisationId, [row.decidedBy, actor])
    await insertAccountNotice(
      sql,
      {
        ...{ organisationId, personId: mailboxId, kind: done.tells, dueAt: row.tellAt },
        facts: {
          purpose: wordOf(MailboxAccessPurpose, row.purpose),
          reason: row.reason,
          asker: row.askerName,
          decider: names.get(row.decidedBy ?? '') ?? row.decidedBy,
          isOperator: row.decidedBy?.startsWith('operator:') ? 1 : 0,
          until: row.expiresAt?.toISOString() ?? null,
          at: row.now.toISOString(),
          by: done.state === 'ended' ? (names.get(actor) ?? actor) : null,
          isOpened: row.openedAt === null ? 0 : 1,
          basis: row.delayBasis,
        },
      },
      clock.now(),
    )
  }

  async function locked(sql: Sql, { organisationId, accessId }: Which): Promise<store.AccessRow> {
    const row = await store.lockAccess(sql, organisationId, accessId)
    if (!row) throw new WireError('not-found')
    return row
  }

  const stepOr = (row: store.AccessRow, event: Event): Step => {
    const done = step(positionOf(row), event, row.now.getTime())
    if (!done) throw new WireError('conflict')
    return done
  }

  async function checkAsk(sql: Sql, { organisationId, mailboxId, by, reason, minutes }: AskWish): Promise<string> {
    if (by.kind !== 'person' || by.organisationId !== organisationId)
      throw new WireError(
        'forbidden',
        'operators have no mailbox and read nobody’s: an administrator of the organisation asks',
      )
    if (mailboxId === by.subjectId) throw new WireError('bad-request', 'this mailbox is your own')
    const text = reason.trim()
    if (text.length < REASON.least || text.length > REASON.most)
      throw new WireError(
        'bad-request',
        `reason: ${REASON.least} to ${REASON.most} characters; the person will read them`,
      )
    if (minutes < MINUTES.least || minutes > MINUTES.most)
      throw new WireError('bad-request', `minutes: ${MINUTES.least} to ${MINUTES.most}`)
    const whose = await store.standingOf(sql, organisationId, mailboxId, SETTLED_DAYS)
    if (!whose) throw new WireError('not-found')
    if (whose.kind !== PersonKind.person)
      throw new WireError('bad-request', 'this is a shared mailbox already: its members read it')
    if ((await store.countGoingOn(sql, organisationId, by.subjectId)) >= MOST_AT_ONCE)
      throw new WireError('rate-limited', `at most ${MOST_AT_ONCE} of your requests may wait or be open at once`)
    if ((await store.countAsked(sql, organisationId, by.subjectId)) >= MOST_A_DAY)
      throw new WireError('rate-limited', `at most ${MOST_A_DAY} requests in a day, also those that were withdrawn`)
    return text
  }

  /** Those who may decide hear that somebody waits. */
  async function tellDeciders(sql: Sql, row: store.AccessRow): Promise<void> {
    const { organisationId, askerId, mailboxId } = row
    for (const personId of await store.peopleOfRoles(sql, organisationId, rolesWith('mailbox:decide')))
      if (personId !== askerId && personId !== mailboxId)
        await insertAccountNotice(
          sql,
          {
            ...{ organisationId, personId, kind: 'access-asked' },
            facts: {
              purpose: wordOf(MailboxAccessPurpose, row.purpose),
              reason: row.reason,
              asker: row.askerName,
              mailbox: row.mailboxName,
              until: row.answerBy.toISOString(),
            },
          },
          clock.now(),
        )
  }

  async function deciderOf(sql: Sql, organisationId: Id, { actor, kind, subjectId }: By) {
    if (kind === 'operator') return { actor, isOperator: true, isNew: false, touchedBy: [] }
    const standing = await store.standingOf(sql, organisationId, subjectId, SETTLED_DAYS)
    if (!standing || standing.disabled) throw new WireError('forbidden')
    return { actor, isOperator: false, isNew: standing.isNew, touchedBy: standing.touchedBy }
  }

  return {
    ask: (wish) =>
      db.transaction(async (sql) => {
        const { organisationId, mailboxId, by, purpose, minutes } = wish
        const reason = await checkAsk(sql, wish)
        const accessId = newId(clock.now())
        const made = await store.insertAccess(sql, {
          ...{ organisationId, accessId, mailboxId, askerId: by.subjectId, reason, minutes },
          purpose: MailboxAccessPurpose[purpose],
          answerWithinHours: ANSWER_HOURS,
        })
        if (!made) throw new WireError('conflict', 'you have asked for this mailbox already, or it is open to you')
        const row = await again(sql, { organisationId, accessId })
        await record(sql, row, { state: 'asked', act: 'mailbox-access-asked', tells: null }, by.actor)
        await tellDeciders(sql, row)
        return row
      }),

    decide: (which, by, { approve, note }) =>
      db.transaction(async (sql) => {
        const row = await locked(sql, which)
        const done = stepOr(row, approve ? 'approve' : 'decline')
        const decider = await deciderOf(sql, row.organisationId, by)
        const asker = await store.standingOf(sql, row.organisationId, row.askerId, SETTLED_DAYS)
        const about = { askerId: row.askerId, mailboxId: row.mailboxId, askerTouchedBy: asker?.touchedBy ?? [] }
        const objection = approve ? objectionTo(decider, about) : objectionToDecline(decider, about)
        if (objection) throw new WireError(objection)
        if (approve && (!asker || asker.disabled || !rolesWith('mailbox:ask').includes(asker.role)))
          throw new WireError('conflict', 'who asked may not read mailboxes any more')
        const settings = mailboxAccessSettingsSchema.parse(await store.accessSettings(sql, row.organisationId))
        await store.decideAccess(sql, row, {
          ...{ by: by.actor, note: note.trim() },
          opens: approve
            ? {
                minutes: row.minutes,
                delayDays: settings.noticeDelayDays,
                delayBasis: settings.noticeDelayDays > 0 ? (settings.delayBasis ?? null) : null,
              }
            : null,
        })
        const after = await again(sql, which)
        await record(sql, after, done, by.actor)
        return after
      }),

    end: (which, by) =>
      db.transaction(async (sql) => {
        const row = await locked(sql, which)
        const isWaiting = row.state === MailboxAccessState.asked
        const isAsker = by.actor === `person:${row.askerId}`
        const may = isWaiting ? isAsker : mayEnd({ actor: by.actor, isOperator: by.kind === 'operator' }, row)
        if (!may)
          throw new WireError('forbidden', 'who asked, who approved or an operator ends it; what waits is declined')
        const done = stepOr(row, isWaiting ? 'withdraw' : 'end')
        await store.endAccess(sql, row, { state: MailboxAccessState[done.state], by: by.actor })
        const after = await again(sql, which)
        await record(sql, after, done, by.actor)
        return after
      }),

    list: (organisationId, page) => store.listAccesses(db, organisationId, page),
    toMailbox: (organisationId, personId) => store.accessesTo(db, organisationId, personId),
    lentTo: (who) => store.lentTo(db, who, rolesWith('mailbox:ask')),

    opening: (which) =>
      db.transaction(async (sql) => {
        const row = await store.lockAccess(sql, which.organisationId, which.accessId)
        const done = row && step(positionOf(row), 'open', row.now.getTime())
        if (!row || !done) return false
        if (done.act) {
          await store.noteOpened(sql, row)
          await record(sql, await again(sql, which), done, `person:${row.askerId}`)
        }
        return true
      }),

    async sweep() {
      let n = 0
      for (const which of await store.overdueAccesses(db, 100))
        await db.transaction(async (sql) => {
          const row = await store.lockAccess(sql, which.organisationId, which.accessId)
          const done = row && step(positionOf(row), 'time', row.now.getTime())
          if (!row || !done) return
          await store.endAccess(sql, row, { state: MailboxAccessState[done.state], by: 'engine' })
          await record(sql, await again(sql, which), done, 'engine')
          n++
        })
      return n
    },
  }
}

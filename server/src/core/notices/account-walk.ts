/**
 * Sends what people are told about their own account and mailbox (table account_notice): once to their address, so that it is in
 * the mailbox here and at home, and once to their private address where they have one. Ids of the messages are derived from
 * the notice: made again after a crash it is the same message, which is there once. What is our own passing trouble is tried
 * again, ever more seldom, for days; somebody without a private address is told in the mailbox alone.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import { Direction } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { claimNotices, settleNotice, type DueNotice } from '../../store/account-notices.ts'
import { noticeSettingsSchema } from '../directory/index.ts'
import { createOwnMail, derivedId } from '../own-mail/index.ts'
import { createPrivateMail, type NoticeMailDeps } from './mail.ts'
import { accountNoticeText } from './account-words.ts'
import { localeOf } from './words.ts'

export interface AccountTeller {
  /** Tells what is due; how many notices were looked at. */
  run(): Promise<number>
  start(): void
  stop(): Promise<void>
}

const EVERY_MS = 2_000
const AT_ONCE = 20

const messageIdOf = ({ noticeId, personId, madeAt }: DueNotice, way: 'mailbox' | 'private'): Id =>
  derivedId(`person notice ${way} ${noticeId} ${personId}`, madeAt)

export function createAccountTeller(
  deps: Omit<NoticeMailDeps, 'publicUrl'> & { clock: Clock; log: Log },
): AccountTeller {
  const { db, clock, log } = deps
  const toPrivate = createPrivateMail(deps)
  const toOwn = createOwnMail(deps)

  const textOf = (due: DueNotice) =>
    accountNoticeText(due.kind, due.locale, {
      ...{ person: due.name, organisation: due.organisation, address: due.address ?? '', facts: due.facts },
      contact: noticeSettingsSchema.catch(noticeSettingsSchema.parse({})).parse(due.notices).contact ?? null,
    })

  async function privately(due: DueNotice): Promise<string> {
    const { organisationId, organisation, outboundRouteId, privateSealed, address, domain } = due
    if (due.kind === 'access-asked') return 'not-meant'
    if (privateSealed === null || address === null || domain === null) return 'none'
    const { personId, name, locale } = due
    const why = await toPrivate({
      ...{ organisationId, organisation, outboundRouteId, messageId: messageIdOf(due, 'private') },
      person: { personId, name, locale, address, domain, privateSealed },
      isAboutAccount: true,
      ...textOf(due),
    })
    return why ?? 'told'
  }

  async function toMailbox(due: DueNotice): Promise<string> {
    const { organisationId, organisation, outboundRouteId, address, name } = due
    if (address === null) return 'none'
    const { subject, lines } = textOf(due)
    const refused = await toOwn({
      ...{
        organisationId,
        outboundRouteId,
        messageId: messageIdOf(due, 'mailbox'),
        direction: Direction.dsn,
        isAboutAccount: true,
      },
      ...{ from: organisation, domain: null, to: { name, address }, locale: localeOf(due.locale), subject, lines },
    })
    return refused === null ? 'told' : 'no-way'
  }

  /** Null: our own passing trouble; it is tried again. */
  async function passing(due: DueNotice, way: string, tell: () => Promise<string>): Promise<string | null> {
    try {
      const outcome = await tell()
      if (outcome !== 'told' && outcome !== 'none' && outcome !== 'not-meant')
        log.warn({ personId: due.personId, kind: due.kind, way, why: outcome }, 'a person could not be told')
      return outcome
    } catch (error) {
      log.warn(
        { personId: due.personId, kind: due.kind, way, err: String(error) },
        'a person was not told; tried again',
      )
      return null
    }
  }

  async function run(): Promise<number> {
    const due = await claimNotices(db, AT_ONCE)
    for (const one of due) {
      const mailbox = one.mailboxOutcome ?? (await passing(one, 'mailbox', () => toMailbox(one)))
      const other = one.privateOutcome ?? (await passing(one, 'private', () => privately(one)))
      await settleNotice(db, one, { mailbox, private: other })
    }
    return due.length
  }

  let timer: Timer | null = null
  let running: Promise<number> | null = null
  return {
    run,
    start() {
      timer = clock.every(EVERY_MS, () => {
        if (running) return
        running = run()
          .catch((error: unknown) => {
            log.warn({ err: String(error) }, 'notices to people could not be looked at; tried again')
            return 0
          })
          .finally(() => {
            running = null
          })
      })
    },
    async stop() {
      timer?.cancel()
      await running
    },
  }
}

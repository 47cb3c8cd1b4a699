/** Four eyes: asking for somebody's mailbox, deciding, ending; and what everybody sees of their own. */
import { z } from 'zod'
import { MINUTES, REASON } from '../../../core/four-eyes/index.ts'
import { MailboxAccessPurpose, MailboxAccessState } from '../../../platform/codes.ts'
import { operation } from './operation.ts'
import { id, name, page, pageQuery, text, time, wordsOf } from './words.ts'

const ofOrganisation = z.strictObject({ org: id })
const ofAccess = z.strictObject({ org: id, access: id })
const access = name(
  'MailboxAccess',
  z.strictObject({
    id,
    mailboxId: id,
    mailboxName: z.string(),
    askerId: id,
    askerName: z.string(),
    purpose: wordsOf(MailboxAccessPurpose),
    reason: z.string(),
    minutes: z.number(),
    state: wordsOf(MailboxAccessState),
    askedAt: time,
    /** nobody decided until then: it lapses */
    answerBy: time,
    decidedAt: time.nullable(),
    /** a name, or as in the audit */
    decidedBy: z.string().nullable(),
    note: z.string(),
    expiresAt: time.nullable(),
    /** when the person hears of it */
    tellAt: time.nullable(),
    delayBasis: z.string().nullable(),
    openedAt: time.nullable(),
    overAt: time.nullable(),
    overBy: z.string().nullable(),
    /** what may be tried; whether somebody is independent enough is seen when they decide */
    mayDecide: z.boolean(),
    mayEnd: z.boolean(),
  }),
)
const accessWish = name(
  'MailboxAccessWish',
  z.strictObject({
    person: id,
    purpose: wordsOf(MailboxAccessPurpose).default('read'),
    reason: text(REASON.most),
    minutes: z.number().int().min(MINUTES.least).max(MINUTES.most),
  }),
)
const accessNote = name('MailboxAccessNote', z.strictObject({ note: text(500).default('') }))
const ownAccess = name(
  'OwnMailboxAccess',
  z.strictObject({
    /** mailboxes of others that are open to oneself */
    lent: z.array(z.strictObject({ id, mailboxId: id, name: z.string(), reason: z.string(), until: time })),
    /** who was let into one's own, as far as one was told */
    mine: z.array(access),
  }),
)

const base = { query: z.strictObject({}), body: null, answer: null }
export const mailboxAccessOperations = {
  listMailboxAccess: operation({
    ...base,
    id: 'listMailboxAccess',
    method: 'GET',
    path: '/organisations/:org/mailbox-access',
    ability: 'mailbox:see',
    summary: 'Who asked for whose mailbox, why, and what became of it; the newest first',
    params: ofOrganisation,
    query: z.strictObject(pageQuery),
    answer: page('MailboxAccessPage', access),
  }),
  askMailboxAccess: operation({
    ...base,
    id: 'askMailboxAccess',
    method: 'POST',
    path: '/organisations/:org/mailbox-access',
    ability: 'mailbox:ask',
    summary: 'Ask for somebody’s mailbox, with a reason that they will read; a second person decides',
    params: ofOrganisation,
    body: accessWish,
    answer: access,
  }),
  approveMailboxAccess: operation({
    ...base,
    id: 'approveMailboxAccess',
    method: 'POST',
    path: '/organisations/:org/mailbox-access/:access/approve',
    ability: 'mailbox:decide',
    summary: 'Open it for the time that was asked for; the person is told',
    params: ofAccess,
    body: accessNote,
    answer: access,
  }),
  declineMailboxAccess: operation({
    ...base,
    id: 'declineMailboxAccess',
    method: 'POST',
    path: '/organisations/:org/mailbox-access/:access/decline',
    ability: 'mailbox:decide',
    summary: 'Keep it closed',
    params: ofAccess,
    body: accessNote,
    answer: access,
  }),
  endMailboxAccess: operation({
    ...base,
    id: 'endMailboxAccess',
    method: 'POST',
    path: '/organisations/:org/mailbox-access/:access/end',
    ability: 'mailbox:decide',
    summary: 'End what is open (who asked, who approved, an operator), or withdraw what one asked for',
    params: ofAccess,
    answer: access,
  }),
  readOwnMailboxAccess: operation({
    ...base,
    id: 'readOwnMailboxAccess',
    method: 'GET',
    path: '/me/mailbox-access',
    ability: 'account',
    summary: 'Mailboxes of others that are open to oneself, and who was let into one’s own',
    params: z.strictObject({}),
    answer: ownAccess,
  }),
}

/**
 * A notice into the author's Inbox: what was to be sent later could not be sent, and why (RFC 3464, as all our notices). Its
 * id is derived from the submission, so that a repetition after a crash is seen: one notice.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../platform/clock.ts'
import { Direction } from '../../platform/codes.ts'
import type { Config } from '../../platform/config/config.ts'
import type { Database } from '../../platform/db/database.ts'
import type { WireError } from '../../platform/errors.ts'
import { firstIdAt, type Id } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { buildDsn } from '../../protocols/dsn/build.ts'
import { messageExists } from '../../store/bounces.ts'
import { homeAddress, outboundRoute } from '../../store/submissions.ts'
import type { WaitingRow } from '../../store/waiting.ts'
import type { Mailbox } from '../mailbox/index.ts'
import type { Accept } from '../queue/index.ts'
import { mailDate, type OwnId, type Routing } from '../routing/index.ts'
import { wishFor, type Envelope } from './envelope.ts'

export interface UnsentDeps {
  db: Database
  clock: Clock
  log: Log
  config: Pick<Config, 'hostname'>
  mailbox: Pick<Mailbox, 'emails'>
  routing: Pick<Routing, 'outbound'>
  accept: Pick<Accept, 'accept'>
  ownId: Pick<OwnId, 'header'>
}

const MOST_NAMED = 100

function noticeId({ submissionId, releaseAt }: WaitingRow): Id {
  const hex = createHash('sha256').update(`unsent ${submissionId}`).digest('hex')
  return `${firstIdAt(releaseAt.getTime()).slice(0, 14)}7${hex.slice(0, 3)}-8${hex.slice(3, 6)}-${hex.slice(6, 18)}`
}

const oneLine = (text: string): string => text.replace(/[\r\n]+/g, ' ')

export const createUnsent =
  (deps: UnsentDeps) =>
  async (waiting: WaitingRow, reason: WireError): Promise<void> => {
    const { organisationId, identityAddress, copyId, releaseAt } = waiting
    const messageId = noticeId(waiting)
    if (await messageExists(deps.db, organisationId, messageId)) return
    const now = deps.clock.now()
    const outboundRouteId = await outboundRoute(deps.db, organisationId)
    const input = { receivedAt: now, threadRoot: null, organisationId, outboundRouteId, author: null }
    const to = await homeAddress(deps.db, waiting, identityAddress)
    const routed = to === null ? null : await deps.routing.outbound(input, [to])
    if (to === null || !routed || routed.deliveries.length === 0)
      return deps.log.warn({ submissionId: waiting.submissionId }, 'whose mail could not be sent cannot be told')
    const host = deps.config.hostname
    const [draft] = (await deps.mailbox.emails(waiting, [copyId])).rows
    const subject = oneLine(draft?.subject ?? '(no subject)')
    const envelope = waiting.envelope as Envelope
    const { bytes, smtputf8, eightbit } = buildDsn({
      reportingMta: host,
      from: `mailer-daemon@${host}`,
      to,
      date: mailDate(now),
      messageId: `<${messageId}@${host}>`,
      boundary: `hf-${messageId}`,
      envelopeId: envelope.dsn?.envid ?? null,
      arrival: waiting.sentAt,
      recipients: envelope.to.slice(0, MOST_NAMED).map((address) => ({
        finalRecipient: address,
        originalRecipient: wishFor(envelope, address).orcpt,
        action: 'failed',
        status: reason.spec.enhanced.startsWith('5') ? reason.spec.enhanced : '5.0.0',
        diagnostic: null,
        remoteMta: null,
        lastAttempt: null,
      })),
      subject: 'Your message could not be sent at its time',
      text: [
        'Your message',
        `  "${subject}"`,
        `was to be sent at ${mailDate(releaseAt.getTime())} and could not be sent:`,
        `  ${oneLine(reason.publicText)}`,
        '',
        'Nobody has got it. It lies in your Drafts: please put right what is wrong and send it again.',
      ],
      original: { bytes: Buffer.from(`Message-ID: ${oneLine(draft?.messageIdHeader ?? '')}\r\n`), whole: false },
    })
    await deps.accept.accept({
      organisationId,
      messageId,
      receivedAt: now,
      direction: Direction.dsn,
      envelopeFrom: '',
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest(),
      body: { kind: 'row', bytes },
      prefix: Buffer.from(deps.ownId.header(organisationId, messageId, [to])),
      headerFrom: `mailer-daemon@${host}`,
      subject: 'Your message could not be sent at its time',
      messageIdHeader: `<${messageId}@${host}>`,
      inReplyTo: null,
      headerDate: now,
      clientIp: null,
      helo: null,
      tls: null,
      facts: { about: waiting.submissionId, ...(smtputf8 ? { smtputf8 } : {}), ...(eightbit ? { eightbit } : {}) },
      deliveries: routed.deliveries,
      copies: routed.copies,
    })
  }

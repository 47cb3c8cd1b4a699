/**
 * A message of ours into our own queue: a notice, an alarm, a code. Its id is the sender's to derive from what it is about, so that
 * made again after a crash, or by a second process, it is the same message, which is there once.
 *
 * The sender in the envelope is null, so that nothing answers it and no bounce of it makes another (RFC 5321 section 4.5.5). From is at
 * the organisation's own domain where one is named that has a DKIM key, and so is signed and aligned; else it is this server.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../platform/clock.ts'
import type { Direction } from '../../platform/codes.ts'
import type { Config } from '../../platform/config/config.ts'
import type { Database } from '../../platform/db/database.ts'
import { firstIdAt, type Id } from '../../platform/ids.ts'
import { signedParts } from '../../protocols/dkim/signature.ts'
import { buildMessage, newPart } from '../../protocols/mime/index.ts'
import { messageExists } from '../../store/bounces.ts'
import { foldAddress } from '../directory/index.ts'
import type { Accept } from '../queue/index.ts'
import type { OwnId, Routing } from '../routing/index.ts'
import type { SignDkim } from '../submission/index.ts'

export interface OwnMailDeps {
  db: Database
  clock: Clock
  config: Pick<Config, 'hostname'>
  routing: Pick<Routing, 'outbound'>
  ownId: Pick<OwnId, 'header'>
  accept: Pick<Accept, 'accept'>
  sign: SignDkim
}

export interface OwnMail {
  organisationId: Id
  /** made again, it is the same message */
  messageId: Id
  outboundRouteId: Id | null
  direction: Direction
  /** who writes, as people read it */
  from: string
  /** whose DKIM key may sign it; null: it comes from this server by name */
  domain: string | null
  to: { name: string | null; address: string }
  /** of the words: en, fr, de */
  locale: string
  subject: string
  lines: readonly string[]
  /** it tells somebody of their own account: no administrator takes it out of the queue */
  isAboutAccount?: boolean
}

/** Puts it into the queue, once; why there is no way to the address, else null. Throws what is our own passing trouble. */
export type SendOwnMail = (mail: OwnMail) => Promise<Error | null>

/** The id of the message about `about`, the same whoever makes it; `at` says when that came to be. */
export function derivedId(about: string, at: Date): Id {
  const hex = createHash('sha256').update(about).digest('hex')
  return `${firstIdAt(at.getTime()).slice(0, 14)}7${hex.slice(0, 3)}-8${hex.slice(3, 6)}-${hex.slice(6, 18)}`
}

export function createOwnMail(deps: OwnMailDeps): SendOwnMail {
  const { db, clock, config } = deps

  const bytesOf = (mail: OwnMail, from: string): Promise<Buffer> =>
    buildMessage({
      from: [{ name: mail.from, email: from }],
      to: [{ name: mail.to.name, email: mail.to.address }],
      ...{ sender: [], replyTo: [], cc: [], bcc: [], inReplyTo: [], references: [] },
      subject: mail.subject,
      date: new Date(clock.now()),
      messageId: `${mail.messageId}@${config.hostname}`,
      headers: [
        // RFC 3834 section 5: nobody answers this automatically; the second is what Exchange goes by.
        { name: 'Auto-Submitted', value: 'auto-generated' },
        { name: 'X-Auto-Response-Suppress', value: 'All' },
        { name: 'Content-Language', value: mail.locale },
      ],
      body: newPart('text/plain; charset=utf-8', { content: `${mail.lines.join('\r\n')}\r\n` }),
    })

  async function written(mail: OwnMail): Promise<{ from: string; bytes: Buffer; signature: Buffer | null }> {
    if (mail.domain !== null) {
      const from = `postmaster@${mail.domain}`
      const bytes = await bytesOf(mail, from)
      const signature = await deps.sign(mail.organisationId, mail.domain, () => signedParts(bytes))
      if (signature !== null) return { from, bytes, signature }
    }
    const from = `mailer-daemon@${config.hostname}`
    return { from, bytes: await bytesOf(mail, from), signature: null }
  }

  return async (mail) => {
    const { organisationId, outboundRouteId, messageId, to } = mail
    if (await messageExists(db, organisationId, messageId)) return null
    const receivedAt = clock.now()
    const routed = await deps.routing.outbound(
      { receivedAt, threadRoot: null, organisationId, outboundRouteId, author: null },
      [to.address],
    )
    if (routed.deliveries.length + routed.copies.length === 0)
      return routed.refused[0]?.error ?? new Error('the address stands for a list')
    const { from, bytes, signature } = await written(mail)
    const folded = foldAddress(to.address) ?? to.address
    await deps.accept.accept({
      organisationId,
      messageId,
      receivedAt,
      direction: mail.direction,
      envelopeFrom: '',
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest(),
      body: { kind: 'row', bytes },
      prefix: Buffer.concat([
        Buffer.from(deps.ownId.header(organisationId, messageId, [folded])),
        signature ?? Buffer.alloc(0),
      ]),
      headerFrom: from,
      subject: mail.subject,
      messageIdHeader: `<${messageId}@${config.hostname}>`,
      inReplyTo: null,
      headerDate: receivedAt,
      clientIp: null,
      helo: null,
      tls: null,
      // RFC 6531: only who takes such addresses gets it.
      facts: {
        ...(/^[\x21-\x7e]+$/.test(to.address) ? {} : { smtputf8: true }),
        ...(mail.isAboutAccount ? { aboutAccount: true } : {}),
      },
      deliveries: routed.deliveries,
      copies: routed.copies,
    })
    return null
  }
}

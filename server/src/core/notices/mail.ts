/**
 * One notice as a message in our own queue. Its id is derived from outage, person and kind: made again after a crash, or by
 * a second process, it is the same message, which is there once (as with notices to senders, core/delivery/notices.ts).
 *
 * The sender in the envelope is null, so that nothing answers it and no bounce of it makes another (RFC 5321 section 4.5.5);
 * what cannot be delivered lies in the parking lot, its address hidden. From is at the person's own domain where that has a
 * DKIM key, and so is signed and aligned; else it is this server.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../platform/clock.ts'
import { Direction } from '../../platform/codes.ts'
import type { Config } from '../../platform/config/config.ts'
import type { Database } from '../../platform/db/database.ts'
import { firstIdAt, type Id } from '../../platform/ids.ts'
import type { Keys } from '../../platform/keys.ts'
import { signedParts } from '../../protocols/dkim/signature.ts'
import { buildMessage, newPart } from '../../protocols/mime/index.ts'
import { messageExists } from '../../store/bounces.ts'
import type { NoticePerson, WalkingOutage } from '../../store/notices.ts'
import { foldAddress, noticeSettingsSchema, privatePlace, type Directory } from '../directory/index.ts'
import type { Accept } from '../queue/index.ts'
import type { OwnId, Routing } from '../routing/index.ts'
import type { SignDkim } from '../submission/index.ts'
import { localeOf, noticeText, type NoticeKind } from './words.ts'

export interface NoticeMailDeps {
  db: Database
  clock: Clock
  keys: Pick<Keys, 'open'>
  config: Pick<Config, 'hostname'>
  /** where people sign in */
  publicUrl: string
  directory: Pick<Directory, 'organisationOfDomain'>
  routing: Pick<Routing, 'outbound'>
  ownId: Pick<OwnId, 'header'>
  accept: Pick<Accept, 'accept'>
  sign: SignDkim
}

/** Why somebody cannot be told: what an admin puts right. */
export type Unreachable = 'sealed-elsewhere' | 'inside' | 'no-way-out'

/** Puts it into the queue, once. Throws what is our own passing trouble. */
export type SendNotice = (outage: WalkingOutage, kind: NoticeKind, person: NoticePerson) => Promise<Unreachable | null>

export function noticeId(outageId: Id, personId: Id, kind: NoticeKind, at: Date): Id {
  const hex = createHash('sha256').update(`notice ${kind} ${outageId} ${personId}`).digest('hex')
  return `${firstIdAt(at.getTime()).slice(0, 14)}7${hex.slice(0, 3)}-8${hex.slice(3, 6)}-${hex.slice(6, 18)}`
}

export interface PrivateMail {
  organisationId: Id
  /** its name, which is the sender's */
  organisation: string
  outboundRouteId: Id | null
  person: NoticePerson
  /** made again, it is the same message */
  messageId: Id
  subject: string
  lines: readonly string[]
}

/** Puts a mail to somebody's private address into the queue, once. Throws what is our own passing trouble. */
export function createPrivateMail(
  deps: Omit<NoticeMailDeps, 'publicUrl'>,
): (mail: PrivateMail) => Promise<Unreachable | null> {
  const host = deps.config.hostname

  function privateAddressOf({ personId, privateSealed }: NoticePerson): string | null {
    try {
      return deps.keys.open(privatePlace(personId), privateSealed).toString()
    } catch {
      return null
    }
  }

  const bytesOf = (
    { organisation, person, messageId, subject, lines }: PrivateMail,
    { to, from }: { to: string; from: string },
  ): Promise<Buffer> =>
    buildMessage({
      from: [{ name: organisation, email: from }],
      to: [{ name: person.name, email: to }],
      ...{ sender: [], replyTo: [], cc: [], bcc: [], inReplyTo: [], references: [] },
      subject,
      date: new Date(deps.clock.now()),
      messageId: `${messageId}@${host}`,
      headers: [
        // RFC 3834 section 5: nobody answers this automatically; the second is what Exchange goes by.
        { name: 'Auto-Submitted', value: 'auto-generated' },
        { name: 'X-Auto-Response-Suppress', value: 'All' },
        { name: 'Content-Language', value: localeOf(person.locale) },
      ],
      body: newPart('text/plain; charset=utf-8', { content: `${lines.join('\r\n')}\r\n` }),
    })

  return async (mail) => {
    const { organisationId, outboundRouteId, person, messageId, subject } = mail
    if (await messageExists(deps.db, organisationId, messageId)) return null
    const address = privateAddressOf(person)
    const folded = address === null ? null : foldAddress(address)
    if (address === null || folded === null) return 'sealed-elsewhere'
    const domain = folded.slice(folded.lastIndexOf('@') + 1)
    // A domain that became the organisation's own since: what is sent there would wait with everything else.
    if ((await deps.directory.organisationOfDomain(domain))?.organisationId === organisationId) return 'inside'
    if (outboundRouteId === null) return 'no-way-out'
    const to = `${address.slice(0, address.lastIndexOf('@'))}@${domain}`
    const receivedAt = deps.clock.now()
    const routed = await deps.routing.outbound(
      { receivedAt, threadRoot: null, organisationId, outboundRouteId, author: null },
      [to],
    )
    if (routed.refused.length > 0) throw routed.refused[0]!.error
    let from = `postmaster@${person.domain}`
    let bytes = await bytesOf(mail, { to, from })
    const signature = await deps.sign(organisationId, person.domain, () => signedParts(bytes))
    if (signature === null) {
      from = `mailer-daemon@${host}`
      bytes = await bytesOf(mail, { to, from })
    }
    const smtputf8 = !/^[\x21-\x7e]+$/.test(to)
    await deps.accept.accept({
      organisationId,
      messageId,
      receivedAt,
      direction: Direction.notice,
      envelopeFrom: '',
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest(),
      body: { kind: 'row', bytes },
      prefix: Buffer.concat([
        Buffer.from(deps.ownId.header(organisationId, messageId, [folded])),
        signature ?? Buffer.alloc(0),
      ]),
      headerFrom: from,
      subject,
      messageIdHeader: `<${messageId}@${host}>`,
      inReplyTo: null,
      headerDate: receivedAt,
      clientIp: null,
      helo: null,
      tls: null,
      facts: smtputf8 ? { smtputf8 } : {},
      deliveries: routed.deliveries,
      copies: routed.copies,
    })
    return null
  }
}

export function createSendNotice(deps: NoticeMailDeps): SendNotice {
  const send = createPrivateMail(deps)
  return (outage, kind, person) => {
    const { organisationId, organisation, outboundRouteId, outageId } = outage
    const at = (kind === 'begun' ? outage.toldAt : outage.overAt) ?? outage.beganAt
    const text = noticeText(kind, person.locale, {
      person: person.name,
      organisation,
      address: person.address,
      since: outage.beganAt.getTime(),
      url: deps.publicUrl,
      contact: noticeSettingsSchema.catch(noticeSettingsSchema.parse({})).parse(outage.notices).contact ?? null,
      ownText: outage.ownText,
    })
    const messageId = noticeId(outageId, person.personId, kind, at)
    return send({ organisationId, organisation, outboundRouteId, person, messageId, ...text })
  }
}

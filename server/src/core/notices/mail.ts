/**
 * One notice as a message in our own queue (core/own-mail). Its id is derived from outage, person and kind: made again after a crash,
 * or by a second process, it is the same message, which is there once (as with notices to senders, core/delivery/notices.ts). What
 * cannot be delivered lies in the parking lot, its address hidden.
 */
import { Direction } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import type { Keys } from '../../platform/keys.ts'
import { messageExists } from '../../store/bounces.ts'
import type { NoticePerson, WalkingOutage } from '../../store/notices.ts'
import { foldAddress, noticeSettingsSchema, privatePlace, type Directory } from '../directory/index.ts'
import { createOwnMail, derivedId, type OwnMailDeps } from '../own-mail/index.ts'
import { localeOf, noticeText, type NoticeKind } from './words.ts'

export interface NoticeMailDeps extends OwnMailDeps {
  keys: Pick<Keys, 'open'>
  /** where people sign in */
  publicUrl: string
  directory: Pick<Directory, 'organisationOfDomain'>
}

/** Why somebody cannot be told: what an admin puts right. */
export type Unreachable = 'sealed-elsewhere' | 'inside' | 'no-way-out'

/** Puts it into the queue, once. Throws what is our own passing trouble. */
export type SendNotice = (outage: WalkingOutage, kind: NoticeKind, person: NoticePerson) => Promise<Unreachable | null>

export const noticeId = (outageId: Id, personId: Id, kind: NoticeKind, at: Date): Id =>
  derivedId(`notice ${kind} ${outageId} ${personId}`, at)

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
  /** as in own-mail */
  isAboutAccount?: boolean
}

/** Puts a mail to somebody's private address into the queue, once. Throws what is our own passing trouble. */
export function createPrivateMail(
  deps: Omit<NoticeMailDeps, 'publicUrl'>,
): (mail: PrivateMail) => Promise<Unreachable | null> {
  const sendOwn = createOwnMail(deps)

  function privateAddressOf({ personId, privateSealed }: NoticePerson): string | null {
    try {
      return deps.keys.open(privatePlace(personId), privateSealed).toString()
    } catch {
      return null
    }
  }

  return async ({ organisation, person, ...mail }) => {
    const { organisationId, outboundRouteId, messageId } = mail
    if (await messageExists(deps.db, organisationId, messageId)) return null
    const address = privateAddressOf(person)
    const folded = address === null ? null : foldAddress(address)
    if (address === null || folded === null) return 'sealed-elsewhere'
    const domain = folded.slice(folded.lastIndexOf('@') + 1)
    // A domain that became the organisation's own since: what is sent there would wait with everything else.
    if ((await deps.directory.organisationOfDomain(domain))?.organisationId === organisationId) return 'inside'
    if (outboundRouteId === null) return 'no-way-out'
    const refused = await sendOwn({
      ...mail,
      direction: Direction.notice,
      from: organisation,
      domain: person.domain,
      to: { name: person.name, address: `${address.slice(0, address.lastIndexOf('@'))}@${domain}` },
      locale: localeOf(person.locale),
    })
    if (refused !== null) throw refused
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

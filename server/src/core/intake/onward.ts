/**
 * What intake does for addresses that stand for others: may this sender post to the list, with which sender does a message
 * go on, by whom is it known again, and the notices that come back about what a list has sent.
 */
import { WireError } from '../../platform/errors.ts'
import type { Directory, MailingList, Recipient } from '../directory/index.ts'
import { isFailureReport, refusalOf, REPORT_BYTES, type ListBounces } from '../lists/index.ts'
import { FINALS_PER_MESSAGE, type ReturnPaths } from '../routing/index.ts'
import type { MxEnvelope, MxRecipient } from './door.ts'
import type { Outbound } from './outbound.ts'

/** At RCPT, where a sender that hears 452 comes with the rest in another transaction; at DATA for what came all the same. */
export function refuseFlood(recipients: readonly Pick<MxRecipient, 'recipient'>[]): void {
  const finals = recipients.reduce(
    (sum, { recipient: { redirect, list } }) => sum + ((redirect?.to ?? list?.members)?.length ?? 1),
    0,
  )
  if (finals > FINALS_PER_MESSAGE)
    throw new WireError(
      'too-many-recipients',
      `these addresses stand for ${finals} recipients, of at most ${FINALS_PER_MESSAGE}`,
    )
}

/** The list, or a WireError: the sender may not post to it. */
export async function postedTo(
  deps: { directory: Pick<Directory, 'organisationOfDomain'>; outbound: Pick<Outbound, 'vouches'> },
  recipient: Recipient,
  list: MailingList,
  envelope: MxEnvelope,
): Promise<Recipient> {
  const { organisationId } = recipient
  const { from } = envelope
  const owner = await deps.directory.organisationOfDomain(from.slice(from.lastIndexOf('@') + 1))
  const no = refusalOf(list, {
    from,
    isOwn: owner?.organisationId === organisationId,
    isVouched: deps.outbound.vouches(envelope, organisationId),
  })
  if (no) throw no
  return recipient
}

/** With which sender the message goes on, where it leaves for the world; null: as it came. */
export async function onwardOf(
  returnPaths: Pick<ReturnPaths, 'onward'>,
  share: { organisationId: string; messageId: string; recipients: readonly MxRecipient[] },
  from: string,
): Promise<((domain: string) => string) | null> {
  const isLeaving = share.recipients.some(({ recipient }) =>
    recipient.redirect?.to.some(({ standing }) => standing === 'outside'),
  )
  return isLeaving ? returnPaths.onward(share, from) : null
}

/** So many marks fit into a header; beyond them a loop over one of the rest takes a round more. */
const MOST_MARKS = 40

/**
 * The address, and those of ours a redirect stands for: by each of them the message is known again. Of a list the address
 * alone: what a member's own rule sends on to another member is no loop.
 */
export function ownAmong({ folded, redirect }: Recipient): string | string[] {
  if (!redirect || redirect.to.length > MOST_MARKS) return folded
  return [
    folded,
    ...redirect.to.flatMap((one) => (one.standing === 'outside' || one.folded === folded ? [] : one.folded)),
  ]
}

export interface ListNotice {
  write(chunk: Buffer): void
  /** It is stored: where it reports a failure, that counts. */
  count(): void
}

/** null: it is none. */
export function listNotice(listBounces: ListBounces, recipients: readonly MxRecipient[]): ListNotice | null {
  const about = recipients.flatMap(({ recipient: { organisationId, bounceOf } }) =>
    bounceOf ? [{ organisationId, ...bounceOf }] : [],
  )
  if (about.length === 0) return null
  const parts: Buffer[] = []
  let left = REPORT_BYTES
  return {
    write(chunk) {
      if (left > 0) parts.push(chunk.subarray(0, left))
      left -= chunk.length
    },
    count() {
      const bytes = Buffer.concat(parts)
      if (!isFailureReport(bytes)) return
      const status = /^diagnostic-code:[ \t]*(?:[a-z-]+;[ \t]*)?(.+)$/im.exec(bytes.toString('latin1'))?.[1]
      for (const one of about) void listBounces.note({ ...one, text: status ?? 'a notice of failure' })
    },
  }
}

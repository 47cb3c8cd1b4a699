/**
 * Senders of mail that is sent on (protocols/srs): rewritten where it leaves for the world (SRS), of its own for each member
 * of a list (VERP), and whose they were when a notice comes back. A sender of the organisation's own is left alone, for its
 * SPF is ours to keep; and so is the null sender.
 *
 * Promise: only what we have made ourselves lets anybody in, only for three weeks, and only notices (the null sender, RFC
 * 5321 section 4.5.5): no door for mail of strangers to strangers. A notice for which all that holds is never refused here.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { NIL_ID, type Id } from '../../platform/ids.ts'
import type { Keys } from '../../platform/keys.ts'
import { createSrs, dayOf, isReturnForm, type Returned } from '../../protocols/srs/codec.ts'
import { createCanaryCodec, isCanaryForm } from '../../protocols/srs/canary.ts'
import { createVerp, isBounceForm, type BounceOf } from '../../protocols/srs/verp.ts'
import { envelopeFromOf } from '../../store/bounces.ts'
import { listDelivery } from '../../store/lists.ts'
import { foldAddress, inTheWorld, type Directory, type OwnDomain, type Recipient } from '../directory/index.ts'

/** So long notices about a canary are taken. */
const DAY_MS = 86_400_000

export interface ReturnPaths {
  /** The sender to send a message on with, by the domain that does; null: as it came. */
  onward(message: { organisationId: Id; messageId: Id }, from: string): Promise<((domain: string) => string) | null>
  /** The sender of a list's mail to a member (folded addresses), in this delivery. */
  forMember(list: string, member: string, deliveryId: Id): string
  /** Whose address of ours this is at RCPT; null: it is none of this kind. Throws not-a-notice, and what resolve throws. */
  returned(address: string, from: string): Promise<Recipient | null>
}

const partsOf = (address: string): { local: string; domain: string } => {
  const at = address.lastIndexOf('@')
  return { local: address.slice(0, at), domain: address.slice(at + 1) }
}

/** By which a member of a list is counted: as they were written to. */
export const memberKey = (address: string): string => foldAddress(address) ?? address.toLowerCase()

/** Cheap enough to be asked for each recipient that is not known. */
export function mayBeReturned(address: string): boolean {
  const { local } = partsOf(address)
  return isReturnForm(local) || isBounceForm(local) || isCanaryForm(local)
}

export function createReturnPaths(deps: {
  db: Sql
  clock: Clock
  keys: Pick<Keys, 'hmac'>
  directory: Pick<Directory, 'resolve' | 'organisationOfDomain'>
  /** where canaries are sent from: our own name; left out: nowhere */
  canaries?: { hostname: string; organisationOf: (routeId: Id) => Id | undefined }
}): ReturnPaths {
  const { directory, clock } = deps
  const mac = (text: string): Buffer => deps.keys.hmac('srs', text)
  const srs = createSrs(mac)
  const verp = createVerp(mac)
  const canaries = createCanaryCodec(mac)

  /** Where a notice goes: out into the world, or home where the domain has become ours meanwhile. */
  async function finalsOf(
    { organisationId, outboundRouteId }: OwnDomain,
    address: string,
  ): Promise<readonly Recipient[]> {
    const owner = await directory.organisationOfDomain(partsOf(address).domain)
    if (owner?.organisationId !== organisationId) return [inTheWorld(organisationId, outboundRouteId, address)]
    const own = await directory.resolve(address)
    if (own.list) throw new WireError('not-a-notice', 'a list takes no notices')
    return own.redirect?.to ?? [own]
  }

  type Known = Exclude<Returned | BounceOf, { kind: 'forged' } | { kind: 'old' }>

  /** What the address means: whose message it was, or which member of a list. */
  async function meaning(
    own: OwnDomain,
    domain: string,
    read: Known,
  ): Promise<Pick<Recipient, 'redirect' | 'bounceOf'>> {
    const gone = new WireError('not-a-notice', 'its message is not here any more')
    if (read.kind === 'member') return { bounceOf: { list: read.list, member: read.member } }
    if (read.kind === 'delivery') {
      const found = await listDelivery(deps.db, own.organisationId, read.id)
      if (found === null) throw gone
      return { bounceOf: { list: found.list, member: memberKey(found.recipient) } }
    }
    const sender = read.kind === 'sender' ? read.address : await envelopeFromOf(deps.db, own.organisationId, read.id)
    if (sender === null || sender === '') throw gone
    return { redirect: { domain, to: await finalsOf(own, sender), unknown: [] } }
  }

  /** The sender of a canary is at our own name, not at a domain of the organisation: its primary would keep the notice there. */
  function ofCanary(address: string, from: string): Recipient | null {
    const { local, domain } = partsOf(address)
    if (!isCanaryForm(local) || domain.toLowerCase() !== deps.canaries?.hostname.toLowerCase()) return null
    const canary = canaries.read(local)
    const organisationId = canary && deps.canaries.organisationOf(canary.routeId)
    if (!canary || !organisationId) return null
    if (from !== '') throw new WireError('not-a-notice', 'it takes notices about a canary, from the null sender alone')
    if (clock.now() - canary.sentAt > DAY_MS) throw new WireError('not-a-notice', 'it was made more than a day ago')
    const folded = address.toLowerCase()
    return { ...nowhere({ organisationId, domainId: NIL_ID }, { address, folded, domain }), canary }
  }

  return {
    forMember: (list, member, deliveryId) => verp.sender(list, member, deliveryId),
    async onward({ organisationId, messageId }, from) {
      if (from === '') return null
      const owner = await directory.organisationOfDomain(partsOf(from).domain)
      if (owner?.organisationId === organisationId) return null
      const day = dayOf(clock.now())
      return (domain) => srs.forward(from, domain, day) ?? srs.stored(messageId, domain, day)
    },
    async returned(address, from) {
      const canary = ofCanary(address, from)
      if (canary) return canary
      const folded = foldAddress(address)
      if (folded === null || !mayBeReturned(address)) return null
      const { domain } = partsOf(folded)
      const own = await directory.organisationOfDomain(domain)
      if (!own) return null
      // As written: its letters are those of somebody's address.
      const { local } = partsOf(address)
      const read = srs.read(local, domain, dayOf(clock.now())) ?? verp.read(local, domain)
      // Of this form, and not made here: another system's (a list at the primary, its own SRS), which the directory may know.
      if (!read || read.kind === 'forged') return null
      if (from !== '')
        throw new WireError('not-a-notice', 'it takes notices about mail that was sent on, from the null sender alone')
      if (read.kind === 'old') throw new WireError('not-a-notice', 'it was made more than three weeks ago')
      return { ...nowhere(own, { address, folded, domain }), ...(await meaning(own, domain, read)) }
    },
  }
}

/** An address of ours behind which there is nobody here. */
const nowhere = (
  { organisationId, domainId }: Pick<OwnDomain, 'organisationId' | 'domainId'>,
  { address, folded, domain }: Pick<Recipient, 'address' | 'folded'> & { domain: string },
): Recipient => ({
  organisationId,
  domainId,
  address,
  folded,
  personId: null,
  routeId: NIL_ID,
  filtering: false,
  rollingCopy: false,
  isProtected: false,
  retentionDays: 0,
  standing: 'known',
  redirect: { domain, to: [], unknown: [] },
})

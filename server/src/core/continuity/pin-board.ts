/**
 * Pins and failing mailboxes in memory, found by whose mail it is. Read as a whole with every poll of the board; what is not
 * there costs a look at an empty map.
 */
import { domainToASCII, domainToUnicode } from 'node:url'
import { Pin, PinTarget } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import type { Passage } from '../../store/claims.ts'
import type { MailboxTrouble } from '../../store/mailbox-trouble.ts'
import type { PinRow } from '../../store/pins.ts'
import type { PinDecider, Voices } from './pin-order.ts'
import type { Addressee } from './ports.ts'

export interface PinBook {
  /** What is said of somebody's mail, besides its route. */
  about(whose: Addressee): Omit<Voices, 'route'>
  /** The pin of one's own, of the group, of the domain, of the organisation. */
  pin(whose: Addressee, by: PinDecider): PinRow | null
  /** Whose mail is let through or kept back whatever its route does. */
  passage(organisationIds: ReadonlySet<Id>, canFailAlone: (routeId: Id) => boolean): Omit<Passage, 'others'>
}

/** As domains are stored: A-labels in lower case. */
function domainOf(address: string): string {
  const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase()
  return domainToASCII(domain) || domain
}

/** The key of a person's mailbox at a route. */
export const mailboxOf = ({ personId, routeId }: { personId: Id | null; routeId: Id }): string =>
  `${personId ?? ''} ${routeId}`

export function pinBook(
  pins: readonly PinRow[],
  members: readonly { groupId: Id; personId: Id }[],
  troubles: readonly MailboxTrouble[],
): PinBook {
  const byId = new Map<Id, PinRow>()
  const byDomain = new Map<string, PinRow>()
  for (const pin of pins) {
    if (pin.target !== PinTarget.domain) byId.set(pin.targetId, pin)
    // A domain that is gone pins nothing.
    else if (pin.name !== null) byDomain.set(`${pin.organisationId} ${pin.name}`, pin)
  }
  const groupOf = new Map(members.map(({ groupId, personId }) => [personId, groupId]))
  const failing = new Map(troubles.filter(({ since }) => since !== null).map((one) => [mailboxOf(one), one]))
  const isIdle = pins.length === 0 && failing.size === 0

  function pin({ organisationId, personId, address }: Addressee, by: PinDecider): PinRow | null {
    switch (by) {
      case 'person':
        return (personId !== null && byId.get(personId)) || null
      case 'group':
        return (personId !== null && byId.get(groupOf.get(personId) ?? '')) || null
      case 'domain':
        return (byDomain.size > 0 && byDomain.get(`${organisationId} ${domainOf(address)}`)) || null
      case 'organisation':
        return byId.get(organisationId) ?? null
    }
  }
  const nothing = { mailboxFails: false }

  return {
    pin,
    about(whose) {
      if (isIdle) return nothing
      const said: Omit<Voices, 'route'> = {
        mailboxFails: failing.has(mailboxOf(whose)),
      }
      for (const by of ['person', 'group', 'domain', 'organisation'] as const) {
        const found = pin(whose, by)
        if (found) said[by] = found.pin
      }
      return said
    },
    passage(organisationIds, canFailAlone) {
      const passage: ReturnType<PinBook['passage']> = {
        waitPersons: [],
        goPersons: [],
        holdDomains: [],
        waitDomains: [],
        goDomains: [],
        failingPersons: [],
        failingRoutes: [],
      }
      if (isIdle) return passage
      const people = new Map<Id, Id>()
      for (const one of pins) if (one.target === PinTarget.person) people.set(one.targetId, one.organisationId)
      for (const { groupId, personId } of members) {
        const group = byId.get(groupId)
        if (group) people.set(personId, group.organisationId)
      }
      for (const [personId, organisationId] of people) {
        if (!organisationIds.has(organisationId)) continue
        const own = pin({ organisationId, personId, address: '', routeId: '' }, 'person')?.pin
        const group = pin({ organisationId, personId, address: '', routeId: '' }, 'group')?.pin
        const normal = own !== Pin.hold && group !== Pin.hold && (own ?? group) === Pin.normal
        ;(normal ? passage.goPersons : passage.waitPersons).push(personId)
      }
      for (const { organisationId, personId, routeId } of failing.values()) {
        // Who is pinned, alone or with their group, is so at every route.
        if (!organisationIds.has(organisationId) || people.has(personId) || !canFailAlone(routeId)) continue
        passage.failingPersons.push(personId)
        passage.failingRoutes.push(routeId)
      }
      for (const { organisationId, name, pin: kind } of byDomain.values()) {
        if (!organisationIds.has(organisationId)) continue
        // Recipients are kept as they were written.
        const names = new Set([name!, domainToUnicode(name!).toLowerCase()])
        if (kind === Pin.hold) passage.holdDomains.push(...names)
        else if (kind === Pin.emergency) passage.waitDomains.push(...names)
        else passage.goDomains.push(...names)
      }
      return passage
    },
  }
}

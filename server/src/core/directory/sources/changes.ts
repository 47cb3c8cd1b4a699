/** What becomes of one person by what a source says of them, with a word for each change. */
import { PersonKind } from '../../../platform/codes.ts'
import type { Id } from '../../../platform/ids.ts'
import { cardAfter, cardWords, type CardChange } from './card-after.ts'
import type { Leaver } from './leavers.ts'
import type { Match } from './match.ts'
import { hasOffice, isGone, linkOf, type OwnAddress, type PersonState, type Present } from './present.ts'

export interface PersonWrite {
  /** null: to be made */
  id: Id | null
  externalId: string
  name: string
  upn: string | null
  locale: string
  groupId: Id | null
  isDisabled: boolean
  /** codes.ts PersonKind */
  kind: number
  /** all of them, as they are to be */
  addresses: OwnAddress[]
  /** null: their card stays as it is */
  card: CardChange | null
  words: string[]
}

/** Exactly one is the primary one, where there are any. */
function withPrimary(addresses: readonly OwnAddress[], wish: string | undefined): OwnAddress[] {
  const primary =
    addresses.find(({ address }) => address === wish) ?? addresses.find((one) => one.primary) ?? addresses[0]
  return addresses.map((one) => ({ ...one, primary: one === primary }))
}

function addressesAfter({ candidate, person, isLed, dropped }: Match): OwnAddress[] {
  const gone = new Set(dropped)
  const kept = (person?.addresses ?? []).filter(({ address }) => !gone.has(address))
  const had = new Set(kept.map(({ address }) => address))
  const added = candidate.addresses
    .filter(({ address }) => !had.has(address))
    .map((one) => ({ ...one, primary: false, fromSource: true }))
  return withPrimary([...kept, ...added], isLed ? candidate.addresses[0]!.address : undefined)
}

const groupName = (present: Present, id: Id | null): string =>
  id === null ? 'none' : (present.groups.find((group) => group.id === id)?.name ?? 'none')

const primaryOf = (addresses: readonly OwnAddress[]): string => addresses.find((one) => one.primary)?.address ?? 'none'

/** Their own choice on the page stays until the source changes its mind. */
function localeAfter({ candidate, person, isLed }: Match, said: string | null): string {
  const { locale } = candidate.entry
  if (person === null) return locale ?? 'en'
  return isLed && locale !== undefined && locale !== said ? locale : person.locale
}

function groupAfter({ candidate: { groupId }, person, isLed }: Match): Id | null {
  if (person === null) return groupId ?? null
  if (groupId === undefined) return person.groupId
  return isLed || person.groupId === null ? groupId : person.groupId
}

/** Whom an admin has shut out stays out: a source ends only what a source began. */
function disabledAfter({ candidate, person, isLed }: Match, wasEnabled: boolean, kind: number): boolean {
  // Nobody signs in to a shared mailbox; its mail comes all the same.
  if (kind !== PersonKind.person) return true
  if (person === null) return !candidate.entry.enabled
  if (!isLed) return person.disabled
  if (isGone(person)) return !candidate.entry.enabled
  return candidate.entry.enabled ? person.disabled && wasEnabled : true
}

/** A person's mailbox becomes a shared one where the source says so; back again only by hand, for it has other readers by then. */
function kindAfter({ candidate, person, isLed }: Match): number {
  const said = PersonKind[candidate.entry.kind ?? 'person']
  if (person === null) return said
  const is = person.kind ?? PersonKind.person
  return isLed && said !== PersonKind.person && !hasOffice(person) ? said : is
}

/** null: nothing changes. `before`: whose a name was that comes to this one. */
export function writeOf(one: Match, present: Present, before: ReadonlyMap<string, PersonState>): PersonWrite | null {
  const { candidate, person, isLed } = one
  const { entry } = candidate
  const link = person && linkOf(person, present.sourceId)
  const kind = kindAfter(one)
  const write: PersonWrite = {
    kind,
    id: person?.id ?? null,
    externalId: entry.externalId,
    name: isLed ? entry.name : person!.name,
    upn: one.upn === undefined ? person!.upn : one.upn,
    locale: localeAfter(one, link?.said.locale ?? null),
    groupId: groupAfter(one),
    isDisabled: disabledAfter(one, link?.said.enabled ?? true, kind),
    addresses: addressesAfter(one),
    card: cardAfter(one),
    words: [],
  }
  write.words = person === null ? newWords(write, present, before) : changeWords(person, write, present, before)
  if (write.card !== null) write.words.push(...cardWords(person?.card ?? null, write.card))
  if (person !== null && link === undefined)
    write.words.unshift(`is also in this list, with the id ${entry.externalId}`)
  return write.words.length === 0 ? null : write
}

const KINDS: Record<number, string> = {
  [PersonKind.shared]: 'a shared mailbox',
  [PersonKind.room]: 'the mailbox of a room',
}

const whose = (address: string, before: ReadonlyMap<string, PersonState>): string => {
  const owner = before.get(address)
  return owner === undefined ? '' : ` (was ${owner.name}'s)`
}

function newWords(write: PersonWrite, present: Present, before: ReadonlyMap<string, PersonState>): string[] {
  const primary = primaryOf(write.addresses)
  const others = write.addresses.filter((one) => !one.primary)
  return [
    `${primary}${whose(primary, before)}`,
    ...others.map(({ address }) => `also ${address}${whose(address, before)}`),
    ...(write.upn === null ? [] : [`signs in as ${write.upn}${whose(write.upn, before)}`]),
    ...(write.groupId === null ? [] : [`group ${groupName(present, write.groupId)}`]),
    ...(write.locale === 'en' ? [] : [`language ${write.locale}`]),
    ...(write.kind !== PersonKind.person ? [KINDS[write.kind]!] : write.isDisabled ? ['may not sign in'] : []),
  ]
}

function changeWords(
  person: PersonState,
  write: PersonWrite,
  present: Present,
  before: ReadonlyMap<string, PersonState>,
): string[] {
  const words: string[] = []
  const arrow = (what: string, from: string | null, to: string | null): void => {
    if (from !== to) words.push(`${what}: ${from ?? 'none'} -> ${to ?? 'none'}`)
  }
  if (isGone(person)) words.push('is back')
  arrow('name', person.name, write.name)
  const had = new Set(person.addresses.map(({ address }) => address))
  const has = new Set(write.addresses.map(({ address }) => address))
  for (const { address } of write.addresses)
    if (!had.has(address)) words.push(`address ${address} added${whose(address, before)}`)
  for (const { address } of person.addresses) if (!has.has(address)) words.push(`address ${address} taken away`)
  if (had.size > 0) arrow('main address', primaryOf(person.addresses), primaryOf(write.addresses))
  arrow('sign-in name', person.upn, write.upn)
  if (person.groupId !== write.groupId)
    arrow('group', groupName(present, person.groupId), groupName(present, write.groupId))
  arrow('language', person.locale, write.locale)
  if ((person.kind ?? PersonKind.person) !== write.kind) words.push(KINDS[write.kind]!)
  if (person.disabled !== write.isDisabled)
    words.push(write.isDisabled ? 'may not sign in any more' : 'may sign in again')
  return words
}

/** Only the addresses go that nobody else vouches for. */
export function leaverWrite({ person, link, dropped, isClosed }: Leaver): PersonWrite {
  const gone = new Set(dropped)
  return {
    id: person.id,
    externalId: link.externalId,
    name: person.name,
    upn: person.upn,
    locale: person.locale,
    groupId: person.groupId,
    isDisabled: person.disabled || isClosed,
    kind: person.kind ?? PersonKind.person,
    addresses: withPrimary(
      person.addresses.filter(({ address }) => !gone.has(address)),
      undefined,
    ),
    card: null,
    words: dropped.map((address) => `address ${address} taken away`),
  }
}

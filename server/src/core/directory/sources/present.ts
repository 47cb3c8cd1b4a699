/** What the planner knows of the organisation as it stands. */
import type { Id } from '../../../platform/ids.ts'
import { PersonSource, Role } from '../../../platform/codes.ts'
import type { CardRow } from '../../../store/cards.ts'
import type { Said } from './entry.ts'
import type { Limited, SourceSettings } from './settings.ts'

export interface OwnAddress {
  /** folded */
  address: string
  display: string
  domainId: Id
  primary: boolean
  /** a source brought it, and may take it away */
  fromSource: boolean
}

/** A source speaks of a person. */
export interface Link {
  sourceId: Id
  externalId: string
  said: Said
  linkedAt: number
  missingSince: number | null
}

export interface PersonState {
  id: Id
  name: string
  /** codes.ts PersonSource */
  source: number
  /** codes.ts Role */
  role: number
  upn: string | null
  locale: string
  groupId: Id | null
  disabled: boolean
  /** codes.ts PersonKind; left out: person */
  kind?: number
  addresses: OwnAddress[]
  /** null, or left out: none is kept */
  card?: CardState | null
  links: Link[]
}

export type CardState = Omit<CardRow, 'id'>

export interface Present {
  sourceId: Id
  settings: SourceSettings
  /** milliseconds */
  now: number
  domains: ReadonlyMap<string, Id>
  groups: readonly { id: Id; name: string }[]
  people: readonly PersonState[]
  /** addresses and sign-in names that nobody here can have: whose they are */
  taken: ReadonlyMap<string, string>
  /** who may not be removed now, and why */
  owed: ReadonlyMap<Id, string>
  /** of a source that comes change by change: what it did unasked within a day; left out: a list counts by itself */
  spent?: Record<Limited, number>
}

export const linkOf = (person: PersonState, sourceId: Id): Link | undefined =>
  person.links.find((link) => link.sourceId === sourceId)

export const isByHand = ({ source }: PersonState): boolean => source === PersonSource.manual

/** Whoever signs in as them can do things to others. */
export const hasOffice = ({ role }: PersonState): boolean => role !== Role.person

/** Taken away before; what mail is left keeps the row. */
export const isGone = (person: PersonState): boolean => person.disabled && person.addresses.length === 0

/**
 * Whose word counts for name, sign-in and primary address: that of the source that spoke of the person first. Others,
 * and all of them for people by hand, only add.
 */
export function leads(person: PersonState, sourceId: Id): boolean {
  if (isByHand(person)) return false
  const [first] = [...person.links].sort(
    (a, b) => a.linkedAt - b.linkedAt || (a.sourceId < b.sourceId ? -1 : a.sourceId > b.sourceId ? 1 : 0),
  )
  return first === undefined || first.sourceId === sourceId
}

/** Addresses that this source brought and no other source vouches for. */
export function ownWord(person: PersonState, sourceId: Id): string[] {
  const said = new Set(linkOf(person, sourceId)?.said.addresses)
  const others = new Set(
    person.links.filter((link) => link.sourceId !== sourceId).flatMap(({ said: s }) => s.addresses),
  )
  return person.addresses
    .filter(({ address, fromSource }) => fromSource && said.has(address) && !others.has(address))
    .map(({ address }) => address)
}

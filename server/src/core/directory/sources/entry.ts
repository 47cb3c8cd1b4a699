/**
 * What any directory source says, whatever it is (a file, LDAP, SCIM): one full list of people. Rows that could not be
 * used are in it too, as far as they say whom they are about: nobody goes missing because a row was bad.
 */
import type { PersonKind } from '../../../platform/codes.ts'
import type { Card, TidyCard } from '../card.ts'
import type { ProblemCode } from './problems.ts'

export type MailboxKind = keyof typeof PersonKind

export interface Entry {
  /** where it is in the list, for people who look there; null: the source has no rows */
  row: number | null
  /** what never changes about it at the source */
  externalId: string
  name: string
  /** as written; the first is the primary one */
  addresses: string[]
  /** left out: the source says nothing of it; null: has none */
  upn?: string | null
  group?: string | null
  locale?: 'en' | 'fr' | 'de'
  /** false: may not sign in; mail still comes */
  enabled: boolean
  /** whose mailbox it is; left out: a person's, or what it is already. Nobody signs in to a shared one or a room's. */
  kind?: MailboxKind
  /** what the address book shows; left out: the source says nothing of it */
  card?: Card
}

/** Whom a row is about that could not be used; neither: it could be anybody. */
export interface Mention {
  externalId: string | null
  addresses: string[]
}

export interface ListProblem {
  row: number | null
  code: ProblemCode
  /** what is wrong, as a sentence */
  text: string
  /** what to do */
  remedy: string
}

export interface SourceList {
  entries: Entry[]
  unusable: Mention[]
  problems: ListProblem[]
  /** ids that the source itself says it has taken away: they may not sign in from then on, and the grace runs as for who is missing */
  gone?: string[]
}

/** The same for each link that is kept: what a source said last. */
export interface Said {
  /** folded, the primary one first */
  addresses: string[]
  name: string
  upn: string | null
  group: string | null
  locale: string | null
  enabled: boolean
  /** of a photo its digest */
  card?: SaidCard
}

export type SaidCard = Omit<TidyCard, 'photo'> & { photo?: string | null }

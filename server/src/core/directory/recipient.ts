/** What the directory knows about an address: the answer every RCPT and every routing decision starts from. */
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import type { CanarySender } from '../../protocols/srs/canary.ts'

export interface Recipient {
  organisationId: Id
  domainId: Id
  /** as the sender wrote it; what the primary gets */
  address: string
  /** folded, without subaddress: the key in table address */
  folded: string
  /** null: known only by learning, or a domain that takes strangers */
  personId: Id | null
  routeId: Id
  /** scopes resolved through person, group, domain, organisation */
  filtering: boolean
  rollingCopy: boolean
  /** has an emergency mailbox */
  isProtected: boolean
  retentionDays: number
  /** 'park': accepted though nobody knows the address; the delivery is parked. 'outside': in the world, never resolved */
  standing: 'known' | 'park' | 'outside'
  /** its mail goes to these instead */
  redirect?: Redirected
  /** it is a list: a posting goes to its members, as a message of its own */
  list?: MailingList
  /** set where it is taken only because nobody can say */
  unlisted?: Unlisted
  /** so long this answer stands; left out: as long as the directory does */
  lastsMs?: number
  /** it takes notices about what a list has sent, and nothing else: they are counted, and go nowhere */
  bounceOf?: { list: string; member: string }
  /** it takes notices about a canary of ours: they are evidence, and are not stored */
  canary?: CanarySender
}

/** At a domain whose list is not complete, whose mail system may be asked: nobody here knows the address. */
export interface Unlisted {
  /** as it is taken where it is known there */
  recipient: Recipient
  /** folded as written: an answer is kept under it */
  asked: string
  /** what it said long ago; null: never asked */
  stale: boolean | null
}

/** Nobody can say just now (450); `unlisted`: but somebody may be asked. */
export class Unverified extends WireError {
  readonly unlisted: Unlisted
  constructor(unlisted: Unlisted) {
    super('recipient-unverified')
    this.unlisted = unlisted
  }
}

/** Its mail system said so lately (550). */
export class RefusedThere extends WireError {
  readonly lastsMs: number
  constructor(lastsMs: number) {
    super('unknown-recipient')
    this.lastsMs = lastsMs
  }
}

/** How long an answer of a mail system counts by itself. */
export interface AnswerAges {
  knownMs: number
  unknownMs: number
}

export interface MailingList {
  id: Id
  /** folded */
  address: string
  name: string
  posting: number
  /** folded */
  posters: readonly string[]
  help: string | null
  unsubscribe: string | null
  /** folded: members who get nothing for now */
  paused: readonly string[]
  /** those who get something now: each once, none of them redirected any more */
  members: readonly Recipient[]
  /** targets left out: nobody here has them */
  unknown: readonly string[]
}

/** What an address that stands for others comes to in the end. */
export interface Redirected {
  /** ours, whose name a sender bears that has to be rewritten (SRS) */
  domain: string
  /** each once, none of them redirected any more */
  to: readonly Recipient[]
  /** targets left out: nobody here has them */
  unknown: readonly string[]
}

export interface Directory {
  /**
   * Resolves an address as written (local part and domain, domain in either form). Throws WireError relay-denied (not
   * our domain), unknown-recipient (complete list), recipient-unverified (nobody can say just now).
   */
  resolve(address: string): Promise<Recipient>
  /** The answer to the same question where it is at hand; null: ask resolve. */
  known(address: string): Recipient | null
  /** The organisation whose domain this is, or null: may a person of ours send from it, is it a colleague. */
  organisationOfDomain(domain: string): Promise<OwnDomain | null>
}

export interface OwnDomain {
  organisationId: Id
  domainId: Id
  /** the organisation's way to the world */
  outboundRouteId: Id | null
}

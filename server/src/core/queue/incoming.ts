/** What one accept commit stores: values only, no SQL and no sockets. Built by core/routing, stored by core/queue. */
import { Notify, type CopySource, type Direction, type Reason } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'
import type { Mended } from '../../protocols/smtp/line-ends.ts'

/** Where the original's bytes are by the time of the commit. */
export type StoredBody =
  /** in memory, to ride in the commit (<= storage.inlineBytes) */
  | { kind: 'row'; bytes: Buffer }
  /** already durable-with-the-commit rows of body_chunk under the message's id; `bytes`: kept for the hand-over as well */
  | { kind: 'chunks'; bytes?: readonly Buffer[] }
  /** already durable in the blob store; the reservation is removed by the commit */
  | { kind: 'blob'; blobKey: string }

export interface NewDelivery {
  deliveryId: Id
  /** as sent to the next hop (not folded: RFC 5321 section 2.4, local parts keep their case) */
  recipient: string
  personId: Id | null
  routeId: Id
  notify: number
  orcpt: string | null
  /** true: insert it leased by this node and hand it over from memory; false: it waits in the queue */
  hot: boolean
  /** the route was closed when it was accepted: it belongs to the coming return */
  held: boolean
  /** not to be attempted: it goes to the parking lot at once, for this reason */
  parked: Reason | null
  /** the address of ours that stood for this recipient */
  via?: string
  /** sent with this sender instead of the message's */
  sender?: string
}

export interface NewCopy {
  copyId: Id
  personId: Id
  source: (typeof CopySource)[keyof typeof CopySource]
  /** milliseconds; Infinity where it ends when nothing is owed */
  expiresAt: number
  policy: string
  deliveryId: Id | null
  threadId: Id
  /** null: rolling copy without an emergency mailbox */
  folderNo: number | null
  flags: number
}

export interface Incoming {
  organisationId: Id
  messageId: Id
  receivedAt: number
  direction: Direction
  /** '' is the null sender */
  envelopeFrom: string
  size: number
  sha256: Buffer
  body: StoredBody
  /** trace headers, ending in CRLF: Received, own-id, Authentication-Results, DKIM-Signature of ours */
  prefix: Buffer
  headerFrom: string | null
  subject: string | null
  messageIdHeader: string | null
  inReplyTo: string | null
  headerDate: number | null
  clientIp: string | null
  helo: string | null
  tls: string | null
  facts: MessageFacts
  deliveries: NewDelivery[]
  copies: NewCopy[]
}

/** The jsonb beside a message. Only what has no column. */
export interface MessageFacts {
  ret?: 'FULL' | 'HDRS'
  envid?: string
  smtputf8?: boolean
  eightbit?: boolean
  /** outbound, and its sender is none of ours: a primary forwards it */
  forwarded?: boolean
  /** what is stored is not what came, and how */
  mended?: Mended
  /** the sender's word for it, where it is not normal */
  priority?: 'high' | 'low'
  /** posted to this list (folded address): its members' bounces are counted, nobody is told */
  list?: string
  /** beside `list`: its sender wants to hear that the list has it, with what they gave for that; away once they were told */
  asked?: { orcpt?: string; envid?: string }
  /**
   * What its sender said about TLS on the way from here (RFC 8689): required (REQUIRETLS), or optional whatever the domains of
   * its recipients publish (TLS-Required: No)
   */
  tls?: 'required' | 'optional'
  /** what the DSN is about, for direction dsn */
  about?: Id
}

/**
 * Of a posting. A list is where the sender's own wishes about delivery end; it owes them one thing, to say that it has the
 * message where they asked (RFC 3461 section 5.2.7.3).
 */
export function postingFacts(
  list: string,
  asks: { notify: number; orcpt: string | null; envid: string | null; looped: boolean },
): Pick<MessageFacts, 'list' | 'ret' | 'asked'> {
  const facts = { list, ret: 'HDRS' } as const
  if (asks.looped || (asks.notify & Notify.success) === 0) return facts
  const { orcpt, envid } = asks
  return { ...facts, asked: { ...(orcpt !== null ? { orcpt } : {}), ...(envid !== null ? { envid } : {}) } }
}

/** RFC 8689 section 4.1: where both were said, REQUIRETLS counts. */
export function tlsFact(requireTls: boolean, { tlsOptional }: { tlsOptional: boolean }): Pick<MessageFacts, 'tls'> {
  if (requireTls) return { tls: 'required' }
  return tlsOptional ? { tls: 'optional' } : {}
}

/**
 * Who gets a copy of a message, until when, and in which thread: the same rules for what is accepted and for what an admin
 * assigns to somebody later. Pure, but for the time in an id.
 */
import { hash } from 'node:crypto'
import { newId, type Id } from '../../platform/ids.ts'
import type { Recipient } from '../directory/index.ts'
import type { NewCopy } from '../queue/index.ts'

/** A thread's id for one person: the same root gives the same thread, whatever order the messages come in. */
export function threadIdOf(personId: Id, root: string | null, fallback: Id): Id {
  if (root === null) return fallback
  const hex = hash('sha256', `${personId} ${root}`)
  // RFC 9562 section 5.8: version 8, a value of our own making.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

const DAY_MS = 86_400_000

/**
 * A person's right to a message, and whether they have a place for it. `since`: when the right begins, if it is not when
 * the message came.
 */
export function copyFor(
  recipient: Pick<Recipient, 'rollingCopy' | 'retentionDays' | 'isProtected'>,
  personId: Id,
  input: { receivedAt: number; threadRoot: string | null; since?: number },
  as: { deliveryId: Id | null; source: NewCopy['source']; folderNo: number; flags: number },
): NewCopy {
  // A copy's id holds the time the message came, which is what mailboxes show.
  const copyId = newId(input.receivedAt)
  const since = input.since ?? input.receivedAt
  return {
    copyId,
    personId,
    source: as.source,
    expiresAt: recipient.rollingCopy ? since + recipient.retentionDays * DAY_MS : Infinity,
    policy: recipient.rollingCopy ? `organisation:${recipient.retentionDays}d` : 'owed',
    deliveryId: as.deliveryId,
    threadId: threadIdOf(personId, input.threadRoot, copyId),
    folderNo: recipient.isProtected ? as.folderNo : null,
    flags: as.flags,
  }
}

/** Whoever has one of these scopes gets a copy. */
export const keepsCopy = ({ rollingCopy, isProtected }: Pick<Recipient, 'rollingCopy' | 'isProtected'>): boolean =>
  rollingCopy || isProtected

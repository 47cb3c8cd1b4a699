/**
 * Mail for an address that nobody knows, parked until an admin says whose it is (docs/decisions/0027-mail-for-nobody-yet.md).
 * One transaction: the delivery leaves the parking lot with person, route and address as the directory finds them now, and
 * the person gets copy and place as they would have at accept. What they have already comes neither into their mailbox nor
 * to their mail system a second time.
 *
 * It begins with the model's lock: no `apply` takes the person away meanwhile, and of two admins the second sees what the
 * first has done and hears so.
 */
import { CopySource, DeliveryState, StandardFolder } from '../../platform/codes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { inOneOrder } from '../../platform/db/repeat.ts'
import { toWireError, WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import * as store from '../../store/assign.ts'
import { domainByName } from '../../store/directory.ts'
import { ensureStandardFolders } from '../../store/folders.ts'
import { lockModel } from '../../store/model.ts'
import { appendAudit } from '../audit/index.ts'
import { waitsIn } from '../continuity/index.ts'
import { foldAddress, lookUp, type Recipient } from '../directory/index.ts'
import { copyFor, keepsCopy, originalOf } from '../routing/index.ts'

export interface AssignRequest {
  organisationId: Id
  deliveryId: Id
  /** of a person of the organisation, as the admin wrote it */
  address: string
  actor: string
}

export interface Assigned {
  /** as it is sent to */
  address: string
  /** queued: on its way; waits: the person's mail waits just now; already: they have it, and it ends here */
  outcome: 'queued' | 'waits' | 'already'
}

export function assignParked(
  deps: { db: Database; clock: Pick<Clock, 'now'> },
  request: AssignRequest,
): Promise<Assigned> {
  const { organisationId, deliveryId, actor } = request
  return inOneOrder(deps.db, async (sql) => {
    await lockModel(sql)
    const parked = await store.readParked(sql, organisationId, deliveryId)
    if (!parked) throw new WireError('not-found')
    if (parked.state !== DeliveryState.parked) throw gone()
    if (parked.reason !== 'unknown-recipient-parked')
      throw new WireError(
        'bad-request',
        'it is not parked because nobody knows the address: it has its recipient, so release it or drop it',
      )
    const recipient = await personAt(sql, organisationId, request.address.trim())
    const { personId, routeId, address } = recipient
    const of = { organisationId, messageId: parked.messageId, personId, deliveryId }
    const isTheirs = await store.isTheirs(sql, of)
    const mode = isTheirs ? null : await store.modeOf(sql, { organisationId, personId, address, routeId })
    const held = mode !== null && waitsIn(mode, recipient.isProtected)
    if (!isTheirs) await giveCopy(sql, of, recipient, { ...parked, since: deps.clock.now() })
    const came = foldAddress(parked.recipient) === foldAddress(address) ? null : parked.recipient
    const done = await store.assignDelivery(sql, {
      organisationId,
      deliveryId,
      personId,
      routeId,
      recipient: address,
      via: came,
      // The sender wrote to that one: a notice speaks of it, not of the person's own address.
      orcpt: parked.orcpt ?? (came === null ? null : originalOf(came)),
      goes: isTheirs ? null : { held },
    })
    if (!done) throw gone()
    await appendAudit(sql, {
      organisationId,
      actor,
      action: 'parked-assigned',
      subject: `delivery:${deliveryId}`,
      detail: {
        message: parked.messageId,
        from: parked.recipient,
        to: address,
        ...(isTheirs ? { cause: 'already-theirs' } : {}),
      },
    })
    return { address, outcome: isTheirs ? 'already' : held ? 'waits' : 'queued' }
  })
}

const gone = (): WireError => new WireError('conflict', 'it is not parked any more')

type PersonRecipient = Recipient & { personId: Id }

/** The person behind an address that is theirs: not by a catch-all, and not one that stands for others. */
async function personAt(sql: Sql, organisationId: Id, address: string): Promise<PersonRecipient> {
  const folded = foldAddress(address)
  if (folded === null) throw new WireError('address-syntax-recipient', address)
  const nobody = new WireError('unknown-recipient', `${address} is no address of a person of this organisation`)
  // Asked first: what is said of another organisation's addresses is the same for all of them.
  const domain = await domainByName(sql, folded.slice(folded.lastIndexOf('@') + 1))
  if (domain?.organisationId !== organisationId) throw nobody
  const found = await lookUp(sql, address).catch((thrown: unknown) => {
    const { code, detail } = toWireError(thrown)
    if (code === 'unknown-recipient' || (code === 'recipient-unverified' && detail === undefined)) throw nobody
    throw thrown
  })
  if (found.redirect ?? found.list)
    throw new WireError('unknown-recipient', `${address} stands for others; name the address of one person`)
  if (found.personId === null || found.address !== address) throw nobody
  return { ...found, personId: found.personId }
}

/** As accept gives it; where they have the message by another way (their own, in Sent), that is the copy. */
async function giveCopy(
  sql: Sql,
  of: store.MessageOf & { deliveryId: Id },
  recipient: PersonRecipient,
  message: store.ParkedDelivery & { since: number },
): Promise<void> {
  if (!keepsCopy(recipient)) return
  let copy = await store.copyOf(sql, of)
  if (copy === null) {
    const { threadRoot, since } = message
    const fresh = copyFor(
      recipient,
      of.personId,
      { receivedAt: message.receivedAt.getTime(), threadRoot, since },
      { deliveryId: of.deliveryId, source: CopySource.received, folderNo: StandardFolder.inbox, flags: 0 },
    )
    await store.insertCopy(sql, { ...fresh, ...of })
    copy = { copyId: fresh.copyId, threadId: fresh.threadId, placed: false }
  }
  if (!recipient.isProtected || copy.placed) return
  await ensureStandardFolders(sql, of.organisationId, [of.personId])
  await store.placeCopy(sql, of, copy, message)
}

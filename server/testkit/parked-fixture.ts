/**
 * Mail that is parked because nobody knows its address, at corp.test whose list is not complete: alice and bob have an
 * emergency mailbox, carol the rolling copy only, dave neither; eve is of another organisation.
 */
import { createHash } from 'node:crypto'
import { assignParked, listParked, type Assigned } from '../src/core/trace/index.ts'
import { bumpDirectory } from '../src/core/directory/index.ts'
import { createRouting } from '../src/core/routing/index.ts'
import { systemClock } from '../src/platform/clock.ts'
import { UnknownPolicy } from '../src/platform/codes.ts'
import { newId, type Id } from '../src/platform/ids.ts'
import { claimDue } from '../src/store/claims.ts'
import { makeOrganisation, makePerson, type MadeOrganisation } from './factories.ts'
import { plainIncoming } from './incoming.ts'
import { jmapFixture, type JmapFixture } from './jmap-fixture.ts'

export interface ShownCopy {
  copyId: Id
  source: number
  expiresAt: Date | number
  policy: string
  deliveryId: Id | null
  threadId: Id
  placed: boolean
  /** null: it lies nowhere */
  folder: number | null
}

export interface Received {
  messageId: Id
  messageIdHeader: string
  /** the delivery to this address */
  of(address: string): Id
}

export interface ParkedFixture extends JmapFixture {
  other: MadeOrganisation
  carol: { personId: Id; address: string }
  dave: { personId: Id; address: string }
  pinRoute(pin: 'emergency' | 'hold' | 'normal' | null): Promise<void>
  /** Takes a message for these, as the MX does. `from`: alice wrote it, and has it in Sent. */
  take(to: string[], about?: { receivedAt?: number; fromAlice?: boolean }): Promise<Received>
  /** One for Unknown@corp.test; `id` is its delivery. */
  parked(receivedAt?: number): Promise<Received & { id: Id }>
  assign(deliveryId: Id, address: string): Promise<Assigned>
  deliveryOf(deliveryId: Id): Promise<Record<string, unknown>>
  copiesOf(messageId: Id, personId: Id): Promise<ShownCopy[]>
  isParked(deliveryId: Id): Promise<boolean>
  /** what a worker would take of the primary's route */
  due(): Promise<Id[]>
}

export async function parkedFixture(): Promise<ParkedFixture> {
  const it = await jmapFixture()
  const { org } = it
  const { db } = it.fresh
  const other = await makeOrganisation(db, { people: ['eve'], domain: 'other.test' })
  const [carol, dave] = [await makePerson(db, org, 'carol'), await makePerson(db, org, 'dave')]
  await db.query(
    'UPDATE person SET scope_emergency = false, scope_copy = (person_id = $1) WHERE person_id = ANY ($2)',
    [carol.personId, [carol.personId, dave.personId]],
  )
  await db.query('UPDATE domain SET recipients_complete = false, unknown_policy = $2 WHERE organisation_id = $1', [
    org.organisationId,
    UnknownPolicy.park,
  ])
  await bumpDirectory(db)
  await it.continuity.board.refresh()
  const routing = createRouting({
    board: it.continuity.board,
    directory: it.directory,
    clock: systemClock,
    hasRoom: () => false,
  })
  let taken = 0

  async function take(to: string[], about: { receivedAt?: number; fromAlice?: boolean } = {}): Promise<Received> {
    const receivedAt = about.receivedAt ?? Date.now()
    const messageIdHeader = `<${++taken}@outside.test>`
    const bytes = Buffer.from(`Subject: s\r\nMessage-ID: ${messageIdHeader}\r\n\r\nbody\r\n`)
    const input = { receivedAt, threadRoot: messageIdHeader }
    const recipients = await Promise.all(
      to.map(async (address) => ({ recipient: await it.directory.resolve(address), notify: 0, orcpt: null })),
    )
    const message = plainIncoming({
      organisationId: org.organisationId,
      messageId: newId(receivedAt),
      receivedAt,
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest(),
      body: { kind: 'row', bytes },
      prefix: Buffer.from('Received: from outside.test by mx.holdfast.test\r\n'),
      messageIdHeader,
      ...routing.inbound(input, recipients),
    })
    if (about.fromAlice) message.copies.push(routing.sent(input, await it.directory.resolve('alice@corp.test'))!)
    await it.accept.accept(message)
    const of = (address: string): Id => message.deliveries.find(({ recipient }) => recipient === address)!.deliveryId
    return { messageId: message.messageId, messageIdHeader, of }
  }

  return {
    ...it,
    other,
    carol,
    dave,
    pinRoute: (pin) => it.continuity.pins.pinRoute({ ...org, pin, reason: 'a drill', actor: 'operator:boss' }),
    take,
    async parked(receivedAt) {
      const message = await take(['Unknown@corp.test'], receivedAt === undefined ? {} : { receivedAt })
      return { ...message, id: message.of('Unknown@corp.test') }
    },
    assign: (deliveryId, address) =>
      assignParked({ db, clock: systemClock }, { ...org, deliveryId, address, actor: 'operator:boss' }),
    async deliveryOf(deliveryId) {
      const rows = await db.query<Record<string, unknown>>(
        `SELECT state, reason, recipient, person_id AS "personId", route_id AS "routeId", held, via, orcpt, released,
           finished_at AS "finishedAt" FROM delivery WHERE delivery_id = $1`,
        [deliveryId],
      )
      return rows[0]!
    },
    copiesOf: (messageId, personId) =>
      db.query<ShownCopy>(
        `SELECT c.copy_id AS "copyId", c.source, c.expires_at AS "expiresAt", c.policy, c.delivery_id AS "deliveryId",
           c.thread_id AS "threadId", c.placed, l.folder_no AS folder
         FROM copy c LEFT JOIN placement l ON l.organisation_id = c.organisation_id AND l.person_id = c.person_id AND l.copy_id = c.copy_id
         WHERE c.message_id = $1 AND c.person_id = $2`,
        [messageId, personId],
      ),
    isParked: async (deliveryId) =>
      (await listParked(db, org.organisationId, null, 100)).some((row) => row.deliveryId === deliveryId) ||
      (await db.query('SELECT 1 FROM parking WHERE delivery_id = $1', [deliveryId])).length > 0,
    async due() {
      const ask = { routeIds: [org.routeId], limits: [100], nodeId: newId(Date.now()), leaseSeconds: 60 }
      return (await claimDue(db, ask)).map(({ deliveryId }) => deliveryId)
    },
  }
}

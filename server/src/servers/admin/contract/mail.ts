/** The queue, the parking lot, the trace, people and the audit. */
import { z } from 'zod'
import {
  AttemptOutcome,
  CopySource,
  DeliveryState,
  Direction,
  ListPosting,
  Mode,
  PersonKind,
  PersonSource,
  Role,
} from '../../../platform/codes.ts'
import { deciders } from '../../../core/continuity/index.ts'
import { ledgerItem } from './board.ts'
import { operation } from './operation.ts'
import { count, id, name, page, pageQuery, text, time, wordsOf } from './words.ts'

const none = z.strictObject({})
const ofOrganisation = z.strictObject({ org: id })
const ofDelivery = z.strictObject({ org: id, delivery: id })

export const queueItem = name(
  'QueueItem',
  z.strictObject({
    deliveryId: id,
    messageId: id,
    recipient: z.string(),
    from: z.string(),
    subject: z.string().nullable(),
    state: wordsOf(DeliveryState),
    reason: z.string().nullable(),
    attempts: count,
    nextAttemptAt: time.nullable(),
    acceptedAt: time,
    size: count,
    route: z.string().nullable(),
    /** the mode of the route, or of the person, that makes it wait; then there is no time of a next attempt */
    waitsFor: z.strictObject({ mode: wordsOf(Mode), since: time }).nullable(),
    /** held by this quiet time, until then */
    quiet: z.strictObject({ window: z.string(), until: time }).nullable(),
  }),
)
const parkedItem = name(
  'ParkedItem',
  queueItem
    .extend({
      parkedAt: time,
      lastAttempt: z.strictObject({ at: time, reason: z.string(), reply: z.string().nullable() }).nullable(),
      /** a name where there is one */
      seenBy: z.string().nullable(),
      seenAt: time.nullable(),
    })
    .strict(),
)
export const traceMessage = name(
  'TraceMessage',
  z.strictObject({
    messageId: id,
    ownId: z.string().nullable(),
    messageIdHeader: z.string().nullable(),
    from: z.string(),
    subject: z.string().nullable(),
    acceptedAt: time,
    size: count,
    direction: wordsOf(Direction),
    recipients: z.array(z.string()),
  }),
)
const traceAttempt = name(
  'TraceAttempt',
  z.strictObject({
    attemptNo: count,
    at: time,
    host: z.string().nullable(),
    /** protocol and cipher, `dane` behind them where that said who it was; null: not encrypted; `clear: ` and a reason: not encrypted, because TLS failed */
    tls: z.string().nullable(),
    outcome: wordsOf(AttemptOutcome),
    reason: z.string(),
    reply: z.string().nullable(),
    durationMs: count,
  }),
)
const traceDelivery = name(
  'TraceDelivery',
  queueItem
    .extend({
      finishedAt: time.nullable(),
      /** the address of ours that it came for and that stands for the recipient: a redirect */
      via: z.string().nullable(),
      /** the envelope's sender it is sent with, where that is another than the message's */
      sender: z.string().nullable(),
      proof: z.string().nullable(),
      attemptRows: z.array(traceAttempt),
    })
    .strict(),
)
const fullTrace = name(
  'Trace',
  z.strictObject({
    message: traceMessage
      .extend({
        digest: z.string(),
        clientIp: z.string().nullable(),
        helo: z.string().nullable(),
        tls: z.string().nullable(),
        /** line ends were not whole: the digest of what came, where `digest` is of what is stored and sent */
        mended: z.strictObject({ rule: z.string(), count: z.number(), digest: z.string() }).nullable(),
      })
      .strict(),
    deliveries: z.array(traceDelivery),
    copies: z.array(
      z.strictObject({
        person: z.string(),
        source: wordsOf(CopySource),
        expiresAt: time.nullable(),
        folder: z.string().nullable(),
      }),
    ),
    ledger: z.array(ledgerItem),
  }),
)
const refusal = name(
  'Refusal',
  z.strictObject({
    id,
    at: time,
    /** the step: connect, the command, or message, which is at its end */
    during: z.string(),
    /** '' is the null sender; null: nothing was said of one */
    from: z.string().nullable(),
    /** null: it was about none */
    recipient: z.string().nullable(),
    /** the address that tried to sign in, or has */
    signIn: z.string().nullable(),
    /** of the message's header, where as much was read */
    messageIdHeader: z.string().nullable(),
    /** the sender's server */
    clientIp: z.string(),
    helo: z.string(),
    tls: z.string().nullable(),
    reply: z.string(),
    /** so often within a few seconds */
    times: count,
  }),
)
const standIn = name(
  'StandIn',
  z.strictObject({
    id,
    kind: z.enum(['redirect', 'list']),
    address: z.string(),
    /** of a list */
    name: z.string().nullable(),
    /** targets or members, the first hundred; `more`: how many there are beyond */
    to: z.array(z.string()),
    more: count,
    groups: z.array(z.string()),
    posting: wordsOf(ListPosting).nullable(),
    /** bounces of its members, and how many of them are paused */
    bounces: count,
    paused: count,
  }),
)
const person = name(
  'Person',
  z.strictObject({
    id,
    name: z.string(),
    addresses: z.array(z.string()),
    role: wordsOf(Role),
    protected: z.boolean(),
    source: wordsOf(PersonSource),
    /** shared, room: a mailbox of several, to which nobody signs in by itself */
    kind: wordsOf(PersonKind),
    /** who reads it; empty for everybody else */
    members: z.array(
      z.strictObject({
        name: z.string(),
        isGroup: z.boolean(),
        access: z.enum(['read', 'write']),
        send: z.enum(['no', 'sendAs', 'onBehalf']),
      }),
    ),
    lastSignInAt: time.nullable(),
    mode: wordsOf(Mode).nullable(),
    /** who decided this mode: a pin of the person, their group, domain or organisation, of the route, a failing mailbox, or the engine; null: they have no route */
    decided: z
      .strictObject({
        by: z.enum(deciders),
        /** of a pin; of a failing mailbox what it answered last */
        reason: z.string().nullable(),
        author: z.string().nullable(),
        until: time.nullable(),
      })
      .nullable(),
  }),
)
const auditRow = name(
  'AuditRow',
  z.strictObject({
    id: z.string(),
    at: time,
    actor: z.string(),
    actorName: z.string().nullable(),
    act: z.string(),
    thing: z.string(),
    thingName: z.string().nullable(),
    reason: z.string().nullable(),
    details: z.array(z.strictObject({ name: z.string(), value: z.string() })),
  }),
)
const q = { q: text(500).optional() }
const queueQuery = z.strictObject({
  ...pageQuery,
  ...q,
  route: z.union([id, z.literal('')]).optional(),
  state: z
    .union([
      z.enum(['open', 'finished', 'all', ...(Object.keys(DeliveryState) as (keyof typeof DeliveryState)[])]),
      z.literal(''),
    ])
    .optional(),
})

const base = { query: none, body: null, answer: null, params: ofOrganisation }
const act = { ...base, method: 'POST', params: ofDelivery } as const
export const mailOperations = {
  listQueue: operation({
    ...base,
    id: 'listQueue',
    method: 'GET',
    path: '/organisations/:org/queue',
    ability: 'queue:see',
    summary: 'Deliveries; without a state those that are open',
    query: queueQuery,
    answer: page('QueuePage', queueItem),
  }),
  retryDelivery: operation({
    ...act,
    id: 'retryDelivery',
    path: '/organisations/:org/queue/:delivery/retry',
    ability: 'queue:act',
    summary: 'Try an open delivery now',
  }),
  cancelDelivery: operation({
    ...act,
    id: 'cancelDelivery',
    path: '/organisations/:org/queue/:delivery/cancel',
    ability: 'queue:act',
    summary: 'Give an open delivery up; refused while an attempt runs',
  }),
  listParking: operation({
    ...base,
    id: 'listParking',
    method: 'GET',
    path: '/organisations/:org/parking',
    ability: 'parking:see',
    summary: 'What somebody must look at',
    query: z.strictObject(pageQuery),
    answer: page('ParkingPage', parkedItem),
  }),
  parkedSeen: operation({
    ...act,
    id: 'parkedSeen',
    path: '/organisations/:org/parking/:delivery/seen',
    ability: 'parking:act',
    summary: 'Note that it was looked at',
  }),
  parkedRelease: operation({
    ...act,
    id: 'parkedRelease',
    path: '/organisations/:org/parking/:delivery/release',
    ability: 'parking:act',
    summary: 'Put it back into the queue',
  }),
  parkedAssign: operation({
    ...act,
    id: 'parkedAssign',
    path: '/organisations/:org/parking/:delivery/assign',
    ability: 'parking:act',
    summary: 'Say whose it is, where it is parked because nobody knew the address: it goes on to that person',
    body: name('ParkedAssignment', z.strictObject({ address: text(320) })),
    answer: name(
      'ParkedAssigned',
      z.strictObject({
        /** as it is sent to */
        address: z.string(),
        /** queued: on its way; waits: that person's mail waits just now; already: they have it, nothing is sent again */
        outcome: z.enum(['queued', 'waits', 'already']),
      }),
    ),
  }),
  parkedDrop: operation({
    ...act,
    id: 'parkedDrop',
    path: '/organisations/:org/parking/:delivery/drop',
    ability: 'parking:act',
    summary: 'Give it up for good',
  }),
  searchTrace: operation({
    ...base,
    id: 'searchTrace',
    method: 'GET',
    path: '/organisations/:org/trace',
    ability: 'trace:see',
    summary:
      'Messages by address, Message-ID, subject, own id or delivery id; without a question the newest. A search that takes long says how far back it came, and next goes on',
    query: z.strictObject({ ...pageQuery, ...q }),
    answer: name(
      'TracePage',
      z.strictObject({
        items: z.array(traceMessage),
        next: z.string().nullable(),
        /** the search stopped here, before it was through: `next` goes on further back; null: it did not */
        searchedTo: time.nullable(),
      }),
    ),
  }),
  listRefusals: operation({
    ...base,
    id: 'listRefusals',
    method: 'GET',
    path: '/organisations/:org/refusals',
    ability: 'trace:see',
    summary:
      'What was refused in a session, by an address, a Message-ID, the address of the server or its id; without a question the newest',
    query: z.strictObject({ ...pageQuery, ...q }),
    answer: page('RefusalPage', refusal),
  }),
  listStrayRefusals: operation({
    id: 'listStrayRefusals',
    method: 'GET',
    path: '/refusals',
    ability: 'strays:see',
    summary: 'What was refused and concerned no organisation here, found in the same ways; for operators',
    params: z.strictObject({}),
    query: z.strictObject({ ...pageQuery, ...q }),
    body: null,
    answer: page('RefusalPage', refusal),
  }),
  readTrace: operation({
    ...base,
    id: 'readTrace',
    method: 'GET',
    path: '/organisations/:org/trace/:message',
    ability: 'trace:see',
    summary: 'Every step of a message with its reason',
    params: z.strictObject({ org: id, message: id }),
    answer: fullTrace,
  }),
  listPeople: operation({
    ...base,
    id: 'listPeople',
    method: 'GET',
    path: '/organisations/:org/people',
    ability: 'people:see',
    summary: 'People by name or address; `ways`: who has no way back in, or nothing but a password',
    query: z.strictObject({ ...pageQuery, ...q, ways: z.enum(['none', 'password']).optional() }),
    answer: page('PersonPage', person),
  }),
  listStandIns: operation({
    ...base,
    id: 'listStandIns',
    method: 'GET',
    path: '/organisations/:org/stand-ins',
    ability: 'people:see',
    summary: 'Addresses that stand for others: redirects and lists',
    query: z.strictObject(pageQuery),
    answer: page('StandInPage', standIn),
  }),
  readAudit: operation({
    ...base,
    id: 'readAudit',
    method: 'GET',
    path: '/organisations/:org/audit',
    ability: 'audit:see',
    summary: 'What was done, the newest first',
    query: z.strictObject(pageQuery),
    answer: page('AuditPage', auditRow),
  }),
}

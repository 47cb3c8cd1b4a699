/**
 * Taking work from the queue: time-limited leases by `for update skip locked`, asked per open route through the due index
 * (route, next attempt), so that a million waiting deliveries of closed routes cost nothing. Measured alternatives: a
 * separate due table was no faster; one claim over all routes lets a deep one starve the rest.
 */
import { AttemptOutcome, DeliveryState } from '../platform/codes.ts'
import { boolArray, int4Array, textArray, uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import { NIL_ID, type Id } from '../platform/ids.ts'
import { BEAT, DEAD_AFTER_SECONDS } from './nodes.ts'
import { domainOf } from './pins.ts'

/** A delivery that is leased to us, with what the transaction needs of its message. */
export interface ClaimedDelivery {
  organisationId: Id
  deliveryId: Id
  messageId: Id
  routeId: Id
  personId: Id | null
  recipient: string
  /** attempts made before this one */
  attempts: number
  notify: number
  orcpt: string | null
  held: boolean
  /** an earlier attempt ended unsure: this one may be a second arrival and is marked so */
  wasUnsure: boolean
  /** how many ended so */
  unsureBefore: number
  acceptedAt: Date
  /** why it has waited, codes.ts Reason */
  reason: string | null
  /** an admin let it go, whatever Quiet Time says */
  isReleased: boolean
  direction: number
  /** the delivery's own, where it has one */
  envelopeFrom: string
  /** the message's */
  mailFrom: string
  subject: string | null
  headerFrom: string | null
  size: number
  prefix: Buffer
  bodyStore: number
  blobKey: string | null
  clientIp: string | null
  helo: string | null
  facts: {
    ret?: 'FULL' | 'HDRS'
    envid?: string
    smtputf8?: boolean
    eightbit?: boolean
    priority?: 'high' | 'low'
  }
}

/**
 * The state of delivery `d` in a statement that finds it by key. Written so that no partial index over the state fits: in a
 * young database the planner takes one of those, and reads all open deliveries for each key.
 */
export const STATE_BY_KEY = '(d.state + 0)'

/** Columns of a claim; `d` is the delivery, `m` its message, `was` its state before. */
export const CLAIM_COLUMNS = `d.organisation_id AS "organisationId", d.delivery_id AS "deliveryId", d.message_id AS "messageId",
  d.route_id AS "routeId", d.person_id AS "personId", d.recipient, d.attempts, d.notify, d.orcpt, d.held,
  (due.was = ${DeliveryState.unsure} OR (d.attempts > 0 AND EXISTS (SELECT FROM attempt a WHERE a.organisation_id = d.organisation_id
    AND a.delivery_id = d.delivery_id AND a.outcome = ${AttemptOutcome.unsure}))) AS "wasUnsure",
  CASE WHEN d.attempts = 0 THEN 0 ELSE (SELECT count(*)::int FROM attempt a WHERE a.organisation_id = d.organisation_id
    AND a.delivery_id = d.delivery_id AND a.outcome = ${AttemptOutcome.unsure}) END AS "unsureBefore", d.accepted_at AS "acceptedAt", d.reason,
  d.released AS "isReleased", m.direction, m.envelope_from AS "mailFrom",
  coalesce(d.sender, m.envelope_from) AS "envelopeFrom", m.subject, m.header_from AS "headerFrom", m.size,
  m.prefix, m.body_store AS "bodyStore", m.blob_key AS "blobKey", m.client_ip AS "clientIp", m.helo, m.facts`

export interface ClaimWish {
  routeIds: Id[]
  limits: number[]
  nodeId: Id
  leaseSeconds: number
  /** whose mail waits among the due, or goes though its route is closed */
  pins?: Passage
  /** of these only the mail of those who go */
  closed?: ReadonlySet<Id>
  /** what goes to the world is nobody's mailbox, whatever its domain is called */
  waysOut?: ReadonlySet<Id>
  /** what the last claim left behind; kept by whoever claims with `pins` again and again */
  walk?: ClaimWalk
}

/**
 * Whose mail waits or goes whatever its route does: a domain on hold, then the people (at one route, whose mailbox fails
 * there), then other pinned domains. (Of
 * core/continuity/pin-order.ts what is narrower than a route, and a domain's hold. A route's or an organisation's is the
 * route's being open or not, and a route on hold is not asked at all.)
 */
export interface Passage {
  waitPersons: Id[]
  goPersons: Id[]
  holdDomains: string[]
  waitDomains: string[]
  goDomains: string[]
  /** people whose mailbox at a route fails: person and route, in the same place of both */
  failingPersons: Id[]
  failingRoutes: Id[]
  /** what becomes of everybody else's; a claim for many routes says it for each */
  others: boolean
}

export const openPassage: Passage = {
  waitPersons: [],
  goPersons: [],
  holdDomains: [],
  waitDomains: [],
  goDomains: [],
  failingPersons: [],
  failingRoutes: [],
  others: true,
}

export const isOpenPassage = ({ others, ...lists }: Passage): boolean =>
  others && Object.values(lists).every((list) => list.length === 0)

/** SQL: may this delivery pass? Its parameters (passageValues) begin with `first`; `open`: what its route says. */
export const passes = (first: number, open = `$${first + 7}::bool`): string => `CASE
    WHEN person_id IN (SELECT unnest($${first}::uuid[])) THEN false
    WHEN (person_id, route_id) IN (SELECT * FROM unnest($${first + 5}::uuid[], $${first + 6}::uuid[])) THEN false
    WHEN ${domainOf('recipient')} IN (SELECT unnest($${first + 2}::text[])) THEN false
    WHEN person_id IN (SELECT unnest($${first + 1}::uuid[])) THEN true
    WHEN ${domainOf('recipient')} IN (SELECT unnest($${first + 3}::text[])) THEN false
    WHEN ${domainOf('recipient')} IN (SELECT unnest($${first + 4}::text[])) THEN true
    ELSE ${open} END`
export const passageValues = (pins: Passage): (Buffer | boolean)[] => [
  uuidArray(pins.waitPersons),
  uuidArray(pins.goPersons),
  ...[pins.holdDomains, pins.waitDomains, pins.goDomains].map((domains) => textArray(domains)),
  uuidArray(pins.failingPersons),
  uuidArray(pins.failingRoutes),
  pins.others,
]

/** Per route the last key of the due index that a claim has looked at on its way past the mail of pinned people. */
export type ClaimWalk = Map<Id, WalkKey>
interface WalkKey {
  /** next_attempt, as PostgreSQL prints it: a Date has no microseconds */
  at: string
  deliveryId: Id
}

const DUE = `route_id = r.route_id AND state < 10 AND state <> ${DeliveryState.leased} AND next_attempt <= now()`
const TAKE = `UPDATE delivery d SET state = ${DeliveryState.leased}, lease = $3, next_attempt = now() + make_interval(secs => $4)
  FROM due JOIN message m USING (organisation_id)
  WHERE d.organisation_id = due.organisation_id AND d.delivery_id = due.delivery_id AND m.message_id = d.message_id
  RETURNING ${CLAIM_COLUMNS}`

/**
 * Up to `limits[i]` due deliveries of `routeIds[i]`, leased to `nodeId` for `leaseSeconds`, oldest due first, as `pins` let
 * pass. Call it within byKey (by-key.ts).
 */
export async function claimDue(sql: Sql, want: ClaimWish): Promise<ClaimedDelivery[]> {
  if (want.pins !== undefined && !isOpenPassage(want.pins)) return claimPast(sql, { ...want, pins: want.pins })
  return sql.query<ClaimedDelivery>(
    `WITH due AS MATERIALIZED (
       SELECT q.* FROM unnest($1::uuid[], $2::int[]) AS r(route_id, most)
       CROSS JOIN LATERAL (
         SELECT organisation_id, delivery_id, state AS was FROM delivery WHERE ${DUE}
         ORDER BY next_attempt, delivery_id LIMIT r.most FOR UPDATE SKIP LOCKED) AS q
     ) ${TAKE}`,
    [want.routeIds, want.limits, want.nodeId, want.leaseSeconds],
    'claim-due',
  )
}

/** Rows of the due index that one claim looks at, for each route, while people are pinned: on its walk, and the newest. */
export const CLAIM_WALK = 1000
const CLAIM_NEWEST = 200

/**
 * The mail of pinned people stays due, and there may be any amount of it: read each second from its beginning, it would
 * cost more than all else. So a claim looks at the next CLAIM_WALK rows only and the one after it goes on behind them, round
 * and round: nobody's mail is passed over. What has just become due lies at the other end; its newest rows are looked
 * at each time, so that ordinary mail does not wait for the round.
 */
async function claimPast(sql: Sql, want: ClaimWish & { pins: Passage }): Promise<ClaimedDelivery[]> {
  const walk = want.walk ?? new Map<Id, WalkKey>()
  const from = want.routeIds.map((routeId) => walk.get(routeId) ?? FRONT)
  const ends = await walkEnds(sql, want.routeIds, from)
  const to = want.routeIds.map((routeId) => ends.get(routeId) ?? BACK)
  const rows = await sql.query<ClaimedDelivery & { isBeyond: boolean }>(
    `WITH due AS MATERIALIZED (
       SELECT q.* FROM unnest($1::uuid[], $2::int[], $6::timestamptz[], $7::uuid[], $8::timestamptz[], $9::uuid[], $5::bool[], $17::bool[])
         AS r(route_id, most, from_at, from_id, to_at, to_id, is_open, is_out)
       CROSS JOIN LATERAL (
         SELECT x.*, s.is_beyond FROM (
           SELECT * FROM (
             (SELECT organisation_id, delivery_id, person_id, recipient, next_attempt, false AS is_beyond FROM delivery
              WHERE ${DUE} AND (next_attempt, delivery_id) > (r.from_at, r.from_id)
                AND (next_attempt, delivery_id) <= (r.to_at, r.to_id))
             UNION ALL
             (SELECT organisation_id, delivery_id, person_id, recipient, next_attempt, true FROM delivery
              WHERE ${DUE} AND (next_attempt, delivery_id) > (r.to_at, r.to_id)
              ORDER BY next_attempt DESC, delivery_id DESC LIMIT ${CLAIM_NEWEST})) AS looked
           WHERE r.is_out OR ${passes(10, 'r.is_open')}
           ORDER BY next_attempt, delivery_id) AS s
         CROSS JOIN LATERAL (
           SELECT organisation_id, delivery_id, state AS was FROM delivery
           WHERE organisation_id = s.organisation_id AND delivery_id = s.delivery_id AND ${DUE}
           LIMIT 1 FOR UPDATE SKIP LOCKED) AS x
         LIMIT r.most) AS q
     ) ${TAKE}, due.is_beyond AS "isBeyond"`,
    [
      want.routeIds,
      want.limits,
      want.nodeId,
      want.leaseSeconds,
      boolArray(want.routeIds.map((routeId) => !want.closed?.has(routeId))),
      ...[from, to].flatMap((keys) => [keys.map((key) => key.at), keys.map((key) => key.deliveryId)]),
      ...passageValues(want.pins).slice(0, -1),
      boolArray(want.routeIds.map((routeId) => want.waysOut?.has(routeId) ?? false)),
    ],
    'claim-past',
  )
  want.routeIds.forEach((routeId, i) => {
    const of = rows.filter((row) => row.routeId === routeId)
    // The limit ended the claim within this stretch of the walk: there may be more in it.
    if (of.length >= want.limits[i]! && !of.some((row) => row.isBeyond)) return
    const end = ends.get(routeId)
    if (end) walk.set(routeId, end)
    else walk.delete(routeId)
  })
  return rows.map(({ isBeyond: _, ...claimed }) => claimed)
}

const FRONT: WalkKey = { at: '-infinity', deliveryId: NIL_ID }
const BACK: WalkKey = { at: 'infinity', deliveryId: NIL_ID }

/** Where the next stretch of each route ends; none where fewer rows than that are left. */
async function walkEnds(sql: Sql, routeIds: Id[], from: WalkKey[]): Promise<ClaimWalk> {
  const rows = await sql.query<WalkKey & { routeId: Id }>(
    `SELECT r.route_id AS "routeId", e.* FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[]) AS r(route_id, at, id)
     CROSS JOIN LATERAL (
       SELECT next_attempt::text AS at, delivery_id AS "deliveryId" FROM delivery
       WHERE ${DUE} AND (next_attempt, delivery_id) > (r.at, r.id)
       ORDER BY next_attempt, delivery_id OFFSET ${CLAIM_WALK - 1} LIMIT 1) e`,
    [routeIds, from.map((key) => key.at), from.map((key) => key.deliveryId)],
    'claim-walk-ends',
  )
  return new Map(rows.map(({ routeId, at, deliveryId }) => [routeId, { at, deliveryId }]))
}

/** So often one message may fail a mailbox before the next one tries: it may be the message. */
const MOST_TRIES_OF_ONE = 12

/** The oldest open delivery of a person whose mailbox fails, leased, whatever its back-off is (what may have arrived waits for its time); null: there is none, or one is under way. */
export async function claimTry(
  sql: Sql,
  want: { organisationId: Id; personId: Id; routeId: Id; nodeId: Id; leaseSeconds: number },
): Promise<ClaimedDelivery | null> {
  const rows = await sql.query<ClaimedDelivery>(
    `WITH due AS MATERIALIZED (
       SELECT organisation_id, delivery_id, state AS was FROM delivery
       WHERE organisation_id = $1 AND person_id = $2 AND state < 10 AND route_id = $5
         AND (state IN (${DeliveryState.ready}, ${DeliveryState.deferred}) OR (state = ${DeliveryState.unsure} AND next_attempt <= now()))
         AND reason IS DISTINCT FROM 'quiet-time'
         AND NOT EXISTS (SELECT FROM delivery l WHERE l.organisation_id = $1 AND l.person_id = $2 AND l.state < 10
           AND l.state = ${DeliveryState.leased} AND l.route_id = $5)
       ORDER BY attempts >= ${MOST_TRIES_OF_ONE}, delivery_id LIMIT 1 FOR UPDATE SKIP LOCKED
     ) ${TAKE}`,
    [want.organisationId, want.personId, want.nodeId, want.leaseSeconds, want.routeId],
    'claim-try',
  )
  return rows[0] ?? null
}

/** The holder is still at it: every lease of this node among these gets a new end. */
export async function renewLeases(
  sql: Sql,
  held: { organisationIds: Id[]; deliveryIds: Id[]; nodeId: Id; leaseSeconds: number },
): Promise<void> {
  await sql.query(
    `UPDATE delivery d SET next_attempt = now() + make_interval(secs => $4)
     FROM unnest($1::uuid[], $2::uuid[]) AS t(o, i)
     WHERE d.organisation_id = t.o AND d.delivery_id = t.i AND d.lease = $3 AND ${STATE_BY_KEY} = ${DeliveryState.leased}`,
    [held.organisationIds, held.deliveryIds, held.nodeId, held.leaseSeconds],
  )
}

/**
 * Gives leases back: nothing was tried. What may have arrived already is unsure again, never ready (promise 2). It is due at
 * once, or `inSeconds`.
 */
export async function giveBack(
  sql: Sql,
  nodeId: Id,
  held: readonly { organisationId: Id; deliveryId: Id; wasUnsure: boolean; inSeconds?: number }[],
): Promise<void> {
  await sql.query(
    `UPDATE delivery d SET lease = NULL, next_attempt = now() + t.ms * interval '1 millisecond',
       state = CASE WHEN t.was_unsure THEN ${DeliveryState.unsure} ELSE ${DeliveryState.ready} END
     FROM unnest($1::uuid[], $2::uuid[], $3::bool[], $5::int4[]) AS t(o, i, was_unsure, ms)
     WHERE d.organisation_id = t.o AND d.delivery_id = t.i AND d.lease = $4 AND ${STATE_BY_KEY} = ${DeliveryState.leased}`,
    [
      uuidArray(held.map((one) => one.organisationId)),
      uuidArray(held.map((one) => one.deliveryId)),
      boolArray(held.map((one) => one.wasUnsure)),
      nodeId,
      int4Array(held.map((one) => Math.round((one.inSeconds ?? 0) * 1000))),
    ],
  )
}

/**
 * Leases that ran out, or whose holder shows no sign of life, become unsure: the body may have been sent (promise 2).
 * It begins with a sign of life of its own. A process never calls itself dead, for its leases have an end; and others only
 * after it has been here without a gap for as long as they may be silent: after an outage of the database all are silent.
 * `waits` says per route how long an unsure delivery rests before it is sent again. One attempt row each, and a ledger row
 * where it belongs to a return. Call it in a transaction; `newId` makes the ledger's ids.
 */
export async function expireLeases(
  sql: Sql,
  options: {
    nodeId: Id
    waits: { routeId: Id; seconds: number }[]
    defaultWait: number
    limit: number
    newId: () => Id
  },
): Promise<number> {
  const rows = await sql.query<{ o: Id; d: Id; no: number; held: boolean }>(
    `WITH me AS MATERIALIZED (
       UPDATE node SET ${BEAT} WHERE node_id = $1
       RETURNING steady_since <= now() - make_interval(secs => ${DEAD_AFTER_SECONDS}) AS steady
     ), dead AS MATERIALIZED (
       SELECT organisation_id, delivery_id FROM delivery d
       WHERE state = ${DeliveryState.leased}
         AND (next_attempt < now() OR (d.lease <> $1 AND (SELECT steady FROM me) AND NOT EXISTS (
           SELECT FROM node WHERE node_id = d.lease AND seen_at > now() - make_interval(secs => ${DEAD_AFTER_SECONDS}))))
       ORDER BY next_attempt LIMIT $5 FOR UPDATE SKIP LOCKED
     ), upd AS (
       UPDATE delivery d SET state = ${DeliveryState.unsure}, reason = 'lease-expired', lease = NULL, attempts = attempts + 1,
         next_attempt = now() + make_interval(secs => coalesce(
           (SELECT w.s FROM unnest($2::uuid[], $3::float8[]) AS w(r, s) WHERE w.r = d.route_id LIMIT 1), $4))
       FROM dead WHERE d.organisation_id = dead.organisation_id AND d.delivery_id = dead.delivery_id
       RETURNING d.organisation_id, d.delivery_id, d.attempts, d.held
     ), att AS (
       INSERT INTO attempt (organisation_id, delivery_id, attempt_no, outcome, reason)
       SELECT organisation_id, delivery_id, attempts, ${AttemptOutcome.unsure}, 'lease-expired' FROM upd
     )
     SELECT organisation_id AS o, delivery_id AS d, attempts AS no, held FROM upd`,
    [
      options.nodeId,
      options.waits.map((w) => w.routeId),
      options.waits.map((w) => w.seconds),
      options.defaultWait,
      options.limit,
    ],
    'expire-leases',
  )
  const held = rows.filter((row) => row.held)
  if (held.length > 0)
    await sql.query(
      `INSERT INTO ledger (organisation_id, ledger_id, return_event_id, route_id, person_id, delivery_id, message_id, attempt_no, outcome, proof)
       SELECT d.organisation_id, t.l, m.return_event_id, d.route_id, d.person_id, d.delivery_id, d.message_id, t.n, ${AttemptOutcome.unsure},
         'the process that tried it ended before it could note the answer'
       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int4[]) AS t(l, o, i, n)
       JOIN delivery d ON d.organisation_id = t.o AND d.delivery_id = t.i
       LEFT JOIN route_mode m ON m.organisation_id = d.organisation_id AND m.route_id = d.route_id`,
      [
        uuidArray(held.map(() => options.newId())),
        uuidArray(held.map((row) => row.o)),
        uuidArray(held.map((row) => row.d)),
        int4Array(held.map((row) => row.no)),
      ],
    )
  return rows.length
}

/**
 * Tables return_event and ledger, and the claims of the return: the oldest due delivery of each person, never two of one
 * person at once. The whole state of a return is here; whoever continues one starts from these rows.
 *
 * Cost with 100,000 owed rows: a claim reads a window of the due index and one row per person; a person who owns the
 * whole window does not hide the others, because a second claim goes person by person through the index
 * (organisation, person, delivery) where the window gave too little (measured: 1 to 4 ms each).
 */
import { AttemptOutcome, DeliveryState, routeFaults } from '../platform/codes.ts'
import { uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import { NIL_ID, type Id } from '../platform/ids.ts'
import { CLAIM_COLUMNS, openPassage, passageValues, passes, type ClaimedDelivery, type Passage } from './claims.ts'

interface EventKey {
  organisationId: Id
  routeId: Id
  returnEventId: Id
}

export async function openReturnEvent(sql: Sql, event: EventKey): Promise<void> {
  await sql.query('INSERT INTO return_event (organisation_id, return_event_id, route_id) VALUES ($1, $2, $3)', [
    event.organisationId,
    event.returnEventId,
    event.routeId,
  ])
}

/** The return begins (again): stamps the event once and says how much is owed now. */
export async function beginReturn(sql: Sql, event: EventKey): Promise<number> {
  const rows = await sql.query<{ owed: number }>(
    `WITH owed AS (SELECT count(*)::int AS n FROM delivery WHERE route_id = $3 AND state < 10)
     UPDATE return_event SET recovering_at = coalesce(recovering_at, now()), owed_at_start = coalesce(owed_at_start, owed.n)
     FROM owed WHERE organisation_id = $1 AND return_event_id = $2 RETURNING owed.n AS owed`,
    [event.organisationId, event.returnEventId, event.routeId],
  )
  return rows[0]?.owed ?? 0
}

/** What becomes of a refused delivery: reported to its sender, parked, or still to be. */
const ENDED_REFUSED = [DeliveryState.refused, DeliveryState.bounced, DeliveryState.parked, DeliveryState.expired].join(
  ', ',
)

export interface ReturnNumbers {
  total: number
  /** at the primary, by its own reply */
  home: number
  /** still to go, those in a back-off of their own included */
  pending: number
  unsure: number
  refused: number
  cancelled: number
}

/**
 * Each delivery once, as it is now: one that was deleted, taken back and deleted again has several ledger rows, and so
 * has one that was refused, released by an admin and refused again. Home rows need no such care: home is final.
 */
export async function returnNumbers(sql: Sql, event: EventKey): Promise<ReturnNumbers> {
  const rows = await sql.query<Omit<ReturnNumbers, 'total'>>(
    `SELECT h.home, l.refused, l.cancelled, d.pending, d.unsure FROM (
       SELECT count(*)::int AS home FROM ledger
       WHERE organisation_id = $1 AND return_event_id = $2 AND outcome = ${AttemptOutcome.delivered}) h,
     (SELECT count(*) FILTER (WHERE c.state = ${DeliveryState.cancelled})::int AS cancelled,
         count(*) FILTER (WHERE c.state IN (${ENDED_REFUSED}))::int AS refused
       FROM (SELECT DISTINCT delivery_id FROM ledger WHERE organisation_id = $1 AND return_event_id = $2
               AND outcome IN (${AttemptOutcome.refused}, ${AttemptOutcome.cancelled})) e
       JOIN delivery c ON c.organisation_id = $1 AND c.delivery_id = e.delivery_id) l,
     (SELECT count(*) FILTER (WHERE state <> ${DeliveryState.unsure})::int AS pending,
         count(*) FILTER (WHERE state = ${DeliveryState.unsure})::int AS unsure
       FROM delivery WHERE route_id = $3 AND state < 10 AND held) d`,
    [event.organisationId, event.returnEventId, event.routeId],
    'return-numbers',
  )
  const { home, refused, cancelled, pending, unsure } = rows[0]!
  return { total: home + refused + cancelled + pending + unsure, home, pending, unsure, refused, cancelled }
}

export async function closeReturnEvent(sql: Sql, event: EventKey): Promise<ReturnNumbers> {
  const numbers = await returnNumbers(sql, event)
  await sql.query('UPDATE return_event SET finished_at = now() WHERE organisation_id = $1 AND return_event_id = $2', [
    event.organisationId,
    event.returnEventId,
  ])
  return numbers
}

export interface ReturnEventRow {
  returnEventId: Id
  routeId: Id
  beganAt: Date
  recoveringAt: Date | null
  finishedAt: Date | null
  owedAtStart: number | null
}

/** Newest first; `before` pages. An outage in which nothing was owed (all of it was normal again at once) is no return. */
export async function returnEvents(
  sql: Sql,
  organisationId: Id,
  page: { before: Id | null; limit: number },
): Promise<ReturnEventRow[]> {
  return sql.query<ReturnEventRow>(
    `SELECT return_event_id AS "returnEventId", route_id AS "routeId", began_at AS "beganAt",
       recovering_at AS "recoveringAt", finished_at AS "finishedAt", owed_at_start AS "owedAtStart"
     FROM return_event e WHERE organisation_id = $1 AND ($2::uuid IS NULL OR return_event_id < $2)
       AND (owed_at_start > 0
         OR EXISTS (SELECT FROM ledger l WHERE l.organisation_id = $1 AND l.return_event_id = e.return_event_id)
         OR finished_at IS NULL AND EXISTS (
           SELECT FROM delivery d WHERE d.organisation_id = $1 AND d.route_id = e.route_id AND d.state < 10 AND d.held))
     ORDER BY return_event_id DESC LIMIT $3`,
    [organisationId, page.before, page.limit],
  )
}

export interface LedgerRow {
  ledgerId: Id
  at: Date
  personId: Id | null
  person: string | null
  deliveryId: Id | null
  owedId: Id | null
  messageId: Id
  recipient: string | null
  subject: string | null
  outcome: AttemptOutcome
  proof: string
  attemptNo: number
}

/** A page of an event's ledger in its order, after `after`. */
export async function ledgerPage(
  sql: Sql,
  organisationId: Id,
  returnEventId: Id,
  page: { after: Id | null; limit: number },
): Promise<LedgerRow[]> {
  return sql.query<LedgerRow>(
    `SELECT l.ledger_id AS "ledgerId", l.at, l.person_id AS "personId", p.name AS person, l.delivery_id AS "deliveryId",
       l.owed_id AS "owedId", l.message_id AS "messageId", d.recipient, m.subject, l.outcome, l.proof,
       l.attempt_no AS "attemptNo"
     FROM (SELECT * FROM ledger WHERE organisation_id = $1 AND return_event_id = $2 AND ledger_id > $3
           ORDER BY ledger_id LIMIT $4) l
     LEFT JOIN delivery d USING (organisation_id, delivery_id)
     LEFT JOIN message m ON m.organisation_id = l.organisation_id AND m.message_id = l.message_id
     LEFT JOIN person p ON p.organisation_id = l.organisation_id AND p.person_id = l.person_id
     ORDER BY l.ledger_id`,
    [organisationId, returnEventId, page.after ?? NIL_ID, page.limit],
    'ledger-page',
  )
}

/** Deferred for a reason that was the route's: it blocks its person's later mail, so that the order stays. */
const ROUTE_FAULT = `(state = ${DeliveryState.deferred} AND reason IN (${routeFaults.map((reason) => `'${reason}'`).join(', ')}))`
const DUE = `state < 10 AND state <> ${DeliveryState.leased} AND next_attempt <= now()`

/** Leases under way have their end in the future: the far side of the due index. */
const FLYING = `flying AS MATERIALIZED (
  SELECT person_id, recipient FROM delivery
  WHERE route_id = $1 AND state < 10 AND state = ${DeliveryState.leased} AND next_attempt > now())`

/**
 * From `persons` (organisation_id, person_id) and `strangers` (organisation_id, delivery_id) to leased deliveries: of each
 * person the oldest $8 in a row, up to the first that must not be taken now; of the $2 whose oldest is the oldest.
 */
const CLAIM = `oldest AS (
  SELECT o.organisation_id, o.delivery_id, o.head, o.place FROM persons p CROSS JOIN LATERAL (
    SELECT organisation_id, delivery_id, first_value(delivery_id) OVER w AS head, row_number() OVER w AS place,
      bool_and(state <> ${DeliveryState.leased} AND next_attempt <= now()) OVER w AS free
    FROM (
      SELECT organisation_id, delivery_id, state, next_attempt FROM delivery
      WHERE organisation_id = p.organisation_id AND person_id = p.person_id AND state < 10 AND route_id = $1 AND ${passes(9)}
        AND (state = ${DeliveryState.leased} OR next_attempt <= now() OR ${ROUTE_FAULT})
      ORDER BY delivery_id LIMIT $8) q
    WINDOW w AS (ORDER BY delivery_id)) o
  WHERE o.free
  UNION ALL SELECT organisation_id, delivery_id, delivery_id, 1 FROM strangers
), chosen AS (
  SELECT * FROM (SELECT *, dense_rank() OVER (ORDER BY head) AS nth FROM oldest) r WHERE nth <= $2
), due AS MATERIALIZED (
  SELECT d.organisation_id, d.delivery_id, d.state AS was, chosen.place
  FROM delivery d JOIN chosen USING (organisation_id, delivery_id) WHERE ${DUE} FOR UPDATE OF d SKIP LOCKED
), taken AS (
  UPDATE delivery d SET state = ${DeliveryState.leased}, lease = $3, next_attempt = now() + make_interval(secs => $4)
  FROM due JOIN message m USING (organisation_id)
  WHERE d.organisation_id = due.organisation_id AND d.delivery_id = due.delivery_id AND m.message_id = d.message_id
  RETURNING ${CLAIM_COLUMNS}, due.place::int AS place)
SELECT * FROM taken ORDER BY "deliveryId"`

const BY_WINDOW = `WITH head AS MATERIALIZED (
  SELECT organisation_id, person_id FROM delivery
  WHERE route_id = $1 AND ${DUE} AND person_id <> ALL ($6::uuid[]) AND ${passes(9)} ORDER BY next_attempt LIMIT $5
), ${FLYING}, persons AS (
  SELECT DISTINCT organisation_id, person_id FROM head
  WHERE person_id NOT IN (SELECT person_id FROM flying WHERE person_id IS NOT NULL)
), unknown AS MATERIALIZED (
  -- A window of their own: people who own the head of the queue do not hide those without a person.
  SELECT organisation_id, delivery_id, recipient FROM delivery
  WHERE organisation_id = $7 AND person_id IS NULL AND route_id = $1 AND ${DUE} AND ${passes(9)} ORDER BY delivery_id LIMIT $5
), strangers AS (
  SELECT DISTINCT ON (recipient) organisation_id, delivery_id FROM unknown
  WHERE recipient NOT IN (SELECT recipient FROM flying WHERE person_id IS NULL)
  ORDER BY recipient, delivery_id
), ${CLAIM}`

const BY_PERSONS = `WITH ${FLYING}, persons AS (
  SELECT $5::uuid AS organisation_id, person_id FROM unnest($6::uuid[]) AS w(person_id)
  WHERE person_id NOT IN (SELECT person_id FROM flying WHERE person_id IS NOT NULL) AND person_id <> ALL ($7::uuid[])
), strangers AS (
  SELECT organisation_id, delivery_id FROM delivery WHERE false
), ${CLAIM}`

export interface ReturnClaim {
  organisationId: Id
  routeId: Id
  /** people (or recipients without a person) at most */
  limit: number
  /** deliveries of each at most, in their order; left out: one */
  depth?: number
  nodeId: Id
  leaseSeconds: number
  /** people whose turn it is not */
  except?: readonly Id[]
  /** whose mail waits */
  pins?: Passage
}

/** `place`: in the row of what its person is owed, from 1; a gap means that somebody else holds what was to come before. */
export type ReturnClaimed = ClaimedDelivery & { place: number }

/** Rows of the due index a claim looks at. */
export const CLAIM_WINDOW = 200

/** The oldest due of each of `limit` people (or recipients, where there is no person), oldest first. */
export async function claimOldestPerPerson(sql: Sql, want: ReturnClaim): Promise<ReturnClaimed[]> {
  return sql.query<ReturnClaimed>(
    BY_WINDOW,
    [
      want.routeId,
      want.limit,
      want.nodeId,
      want.leaseSeconds,
      CLAIM_WINDOW,
      uuidArray(want.except ?? []),
      want.organisationId,
      want.depth ?? 1,
      ...passageValues(want.pins ?? openPassage),
    ],
    'return-claim-window',
  )
}

/** The next people of an organisation with open deliveries after `after`: a skip scan, one index look-up each. */
export async function peopleWithOpen(sql: Sql, organisationId: Id, after: Id | null): Promise<Id[]> {
  const rows = await sql.query<{ personId: Id }>(
    `WITH RECURSIVE walk AS (
       (SELECT person_id FROM delivery WHERE organisation_id = $1 AND person_id > $2 AND state < 10
        ORDER BY person_id LIMIT 1)
       UNION ALL
       SELECT (SELECT d.person_id FROM delivery d WHERE d.organisation_id = $1 AND d.person_id > w.person_id AND d.state < 10
               ORDER BY d.person_id LIMIT 1)
       FROM walk w WHERE w.person_id IS NOT NULL)
     SELECT person_id AS "personId" FROM walk WHERE person_id IS NOT NULL LIMIT $3`,
    [organisationId, after ?? NIL_ID, CLAIM_WINDOW],
    'return-people',
  )
  return rows.map((row) => row.personId)
}

/** The same for these people: where a few others own most of what is due and fill the window. */
export async function claimOfPersons(
  sql: Sql,
  want: ReturnClaim & { personIds: readonly Id[] },
): Promise<ReturnClaimed[]> {
  return sql.query<ReturnClaimed>(
    BY_PERSONS,
    [
      want.routeId,
      want.limit,
      want.nodeId,
      want.leaseSeconds,
      want.organisationId,
      uuidArray(want.personIds),
      uuidArray(want.except ?? []),
      want.depth ?? 1,
      ...passageValues(want.pins ?? openPassage),
    ],
    'return-claim-persons',
  )
}

/** A deferred delivery is its message's or mailbox's own matter: it keeps its back-off and stands in nobody's way. */
export async function blameMessage(sql: Sql, organisationId: Id, deliveryId: Id): Promise<void> {
  await sql.query(
    `UPDATE delivery SET reason = 'message-tempfail'
     WHERE organisation_id = $1 AND delivery_id = $2 AND state = ${DeliveryState.deferred}`,
    [organisationId, deliveryId],
  )
}

const NOT_WAITING = passes(2)

/** What keeps a return from being finished. A delivery in a back-off of its own (a full mailbox) does not. */
export async function returnRest(
  sql: Sql,
  routeId: Id,
  pins: Passage = openPassage,
): Promise<{ due: boolean; underWay: boolean; routeFault: boolean }> {
  const rows = await sql.query<{ due: boolean; underWay: boolean; routeFault: boolean }>(
    `SELECT EXISTS (SELECT FROM delivery WHERE route_id = $1 AND ${DUE} AND ${NOT_WAITING}) AS due,
       EXISTS (SELECT FROM delivery WHERE route_id = $1 AND state < 10 AND state = ${DeliveryState.leased}) AS "underWay",
       EXISTS (SELECT FROM delivery WHERE route_id = $1 AND state < 10 AND next_attempt > now() AND ${ROUTE_FAULT}
         AND ${NOT_WAITING})
         AS "routeFault"`,
    [routeId, ...passageValues(pins)],
    'return-rest',
  )
  return rows[0]!
}

/**
 * Table mailbox_trouble: people whose mailbox fails at a primary that takes their colleagues' mail, by person and route. All
 * processes count into the same row, read it with the board's poll, and take turns at trying; a restart forgets nothing.
 */
import { DeliveryState, EvidenceKind } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

/** A person has a mailbox at each primary that one of their addresses is routed to. */
export interface MailboxKey {
  organisationId: Id
  personId: Id
  routeId: Id
}

export interface MailboxTrouble extends MailboxKey {
  name: string
  failures: number
  firstAt: Date
  lastAt: Date
  lastText: string | null
  /** in trouble from then on; null: it is watched */
  since: Date | null
  tries: number
  nextTry: Date | null
}

/** More at once are no mailboxes that fail: the route's own evidence says it long before. */
const MOST = 10_000

const COLUMNS = `t.organisation_id AS "organisationId", t.person_id AS "personId", t.route_id AS "routeId", t.failures, t.first_at AS "firstAt",
  t.last_at AS "lastAt", t.last_text AS "lastText", t.since, t.tries, t.next_try AS "nextTry"`

export const allTroubles = (sql: Sql): Promise<MailboxTrouble[]> =>
  sql.query<MailboxTrouble>(
    `SELECT ${COLUMNS}, coalesce((SELECT a.address FROM address a WHERE a.organisation_id = t.organisation_id AND a.person_id = t.person_id AND a.is_primary), '') AS name
     FROM mailbox_trouble t ORDER BY t.since, t.person_id LIMIT ${MOST}`,
    [],
    'mailbox-troubles',
  )

/** One more failure of the mailbox's store. What is known now. */
export async function noteMailboxFailure(
  sql: Sql,
  one: MailboxKey & { deliveryId: Id; atRcpt: boolean; text: string },
): Promise<
  Pick<MailboxTrouble, 'failures' | 'firstAt' | 'since'> & { isMailbox: boolean; othersTaken: boolean; now: Date }
> {
  const rows = await sql.query<Awaited<ReturnType<typeof noteMailboxFailure>>>(
    `INSERT INTO mailbox_trouble AS t (organisation_id, person_id, route_id, failures, last_text, first_delivery, is_mailbox)
     VALUES ($1, $2, $3, 1, $4, $5, $6)
     ON CONFLICT (organisation_id, person_id, route_id) DO UPDATE SET failures = t.failures + 1,
       is_mailbox = t.is_mailbox OR $6 OR t.first_delivery <> $5, last_at = now(), last_text = $4
     RETURNING failures, first_at AS "firstAt", since, is_mailbox AS "isMailbox", clock_timestamp() AS now,
       EXISTS (SELECT FROM evidence e WHERE e.organisation_id = $1 AND e.route_id = $3 AND e.kind = ${EvidenceKind.good}
         AND e.probe = '' AND e.second >= date_trunc('second', t.first_at)) AS "othersTaken"`,
    [one.organisationId, one.personId, one.routeId, one.text.slice(0, 500), one.deliveryId, one.atRcpt],
    'mailbox-failed',
  )
  return rows[0]!
}

const keyOf = ({ organisationId, personId, routeId }: MailboxKey): Id[] => [organisationId, personId, routeId]

/** From now on their mail waits. False: it does already, or they are well again. */
export async function enterTrouble(sql: Sql, key: MailboxKey, tryIn: number): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE mailbox_trouble SET since = now(), tries = 0, next_try = now() + make_interval(secs => $4)
     WHERE organisation_id = $1 AND person_id = $2 AND route_id = $3 AND since IS NULL RETURNING 1`,
    [...keyOf(key), tryIn],
  )
  return rows.length === 1
}

/**
 * They are well: what waited for them is due, each with the time at which it came, so that it goes in that order. False: they
 * were not watched.
 */
export async function endTrouble(sql: Sql, key: MailboxKey): Promise<{ since: Date | null } | null> {
  const rows = await sql.query<{ since: Date | null }>(
    'DELETE FROM mailbox_trouble WHERE organisation_id = $1 AND person_id = $2 AND route_id = $3 RETURNING since',
    keyOf(key),
    'mailbox-well',
  )
  if (rows[0]?.since)
    await sql.query(
      `UPDATE delivery SET held = true, next_attempt = accepted_at
       WHERE organisation_id = $1 AND person_id = $2 AND route_id = $3 AND state < 10 AND state = ${DeliveryState.deferred}`,
      keyOf(key),
      'mailbox-due',
    )
  return rows[0] ?? null
}

/** Those of these routes whose turn it is to try; locked until the caller has planned the next one (planTry). */
export const dueTries = (sql: Sql, routeIds: Id[], limit: number): Promise<(MailboxKey & { tries: number })[]> =>
  sql.query(
    `SELECT organisation_id AS "organisationId", person_id AS "personId", route_id AS "routeId", tries FROM mailbox_trouble
     WHERE since IS NOT NULL AND next_try <= now() AND route_id = ANY ($1::uuid[])
     ORDER BY next_try LIMIT $2 FOR UPDATE SKIP LOCKED`,
    [routeIds, limit],
    'mailbox-tries',
  )

export async function planTry(sql: Sql, key: MailboxKey, tryIn: number): Promise<void> {
  await sql.query(
    `UPDATE mailbox_trouble SET tries = tries + 1, next_try = now() + make_interval(secs => $4)
     WHERE organisation_id = $1 AND person_id = $2 AND route_id = $3`,
    [...keyOf(key), tryIn],
    'mailbox-plan',
  )
}

/** Something waits for them on their route. */
export async function hasOpenMail(sql: Sql, key: MailboxKey): Promise<boolean> {
  const rows = await sql.query(
    'SELECT 1 FROM delivery WHERE organisation_id = $1 AND person_id = $2 AND state < 10 AND route_id = $3 LIMIT 1',
    keyOf(key),
    'mailbox-open',
  )
  return rows.length > 0
}

/** A failure that was never more, long ago. */
export async function forgetOldFailures(sql: Sql, seconds: number): Promise<void> {
  await sql.query(
    'DELETE FROM mailbox_trouble WHERE since IS NULL AND last_at < now() - make_interval(secs => $1)',
    [seconds],
    'mailbox-forget',
  )
}

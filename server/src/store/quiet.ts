/**
 * Tables quiet_window, quiet_hold and quiet_generation. Whether a window is open is nobody's row: core/quiet computes it at
 * each attempt. What is held lies in the queue with the reason `quiet-time` and is due at the end of its window.
 *
 * A change of windows first takes the generation's row for itself, then changes them, then makes all that is held due, to
 * be looked at anew (replan). Whoever holds mail shares that row in the same statement: so either the change finds what was
 * just held, or the holder finds that it knew too little, and looks again a second later.
 */
import { DeliveryState, QuietTarget } from '../platform/codes.ts'
import { boolArray, textArray, timestamptzArray, uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import { NIL_ID, type Id } from '../platform/ids.ts'
import { STATE_BY_KEY } from './claims.ts'

/** What a process asks every second: whether anything has changed, and the time. */
export interface QuietTick {
  generation: number
  /** of the directory: groups have other people, a domain is gone */
  directory: number
  now: Date
}

export async function quietTick(sql: Sql): Promise<QuietTick> {
  const [row] = await sql.query<{ generation: string; directory: string; now: Date }>(
    `SELECT q.generation, d.generation AS directory, clock_timestamp() AS now FROM quiet_generation q, directory_generation d`,
    [],
    'quiet-tick',
  )
  return { generation: Number(row!.generation), directory: Number(row!.directory), now: row!.now }
}

export interface QuietWindowRow {
  /** NIL_ID: the provider's, over all */
  organisationId: Id
  windowId: Id
  name: string
  target: number
  targetId: Id | null
  /** as people know it: a domain's or route's name, a person's address; null: it is gone, or the window is for all */
  targetName: string | null
  plan: unknown
  releasedUntil: Date | null
  extendedUntil: Date | null
  setBy: string
  setAt: Date
}

const WINDOWS = `SELECT w.organisation_id AS "organisationId", w.window_id AS "windowId", w.name, w.target, w.target_id AS "targetId",
    CASE w.target
      WHEN ${QuietTarget.route} THEN (SELECT r.name FROM route r WHERE r.organisation_id = w.organisation_id AND r.route_id = w.target_id)
      WHEN ${QuietTarget.domain} THEN (SELECT d.name FROM domain d WHERE d.organisation_id = w.organisation_id AND d.domain_id = w.target_id)
      WHEN ${QuietTarget.group} THEN (SELECT g.name FROM person_group g WHERE g.organisation_id = w.organisation_id AND g.group_id = w.target_id)
      WHEN ${QuietTarget.person} THEN (SELECT coalesce((SELECT a.address FROM address a WHERE a.organisation_id = p.organisation_id AND a.person_id = p.person_id AND a.is_primary), p.name)
        FROM person p WHERE p.organisation_id = w.organisation_id AND p.person_id = w.target_id) END AS "targetName",
    w.plan, w.released_until AS "releasedUntil", w.extended_until AS "extendedUntil", w.set_by AS "setBy", w.set_at AS "setAt"
  FROM quiet_window w`

export const allWindows = (sql: Sql): Promise<QuietWindowRow[]> =>
  sql.query<QuietWindowRow>(`${WINDOWS} ORDER BY w.window_id`, [], 'quiet-windows')

/** An organisation's own and the provider's, by name. */
export const windowsOf = (sql: Sql, organisationId: Id): Promise<QuietWindowRow[]> =>
  sql.query<QuietWindowRow>(`${WINDOWS} WHERE w.organisation_id IN ($1, '${NIL_ID}') ORDER BY w.name`, [organisationId])

export async function windowById(sql: Sql, organisationId: Id, windowId: Id): Promise<QuietWindowRow | null> {
  const rows = await sql.query<QuietWindowRow>(`${WINDOWS} WHERE w.organisation_id = $1 AND w.window_id = $2`, [
    organisationId,
    windowId,
  ])
  return rows[0] ?? null
}

/** Whom windows for groups are about. */
export const peopleOfQuietGroups = (sql: Sql): Promise<{ groupId: Id; personId: Id }[]> =>
  sql.query(
    `SELECT p.group_id AS "groupId", p.person_id AS "personId" FROM person p
     WHERE (p.organisation_id, p.group_id) IN (SELECT organisation_id, target_id FROM quiet_window WHERE target = ${QuietTarget.group})`,
    [],
    'quiet-groups',
  )

/** The first statement of every change. */
export async function beginQuietChange(sql: Sql): Promise<void> {
  await sql.query('UPDATE quiet_generation SET generation = generation + 1')
}

/** The last one: what is held, of one organisation or (NIL_ID) of all, is looked at anew. Returns how many that are. */
export async function replanHeld(sql: Sql, organisationId: Id): Promise<number> {
  const whose = organisationId === NIL_ID ? '$1::uuid IS NOT NULL' : 'organisation_id = $1'
  const rows = await sql.query<{ n: number }>(
    `WITH due AS (
       UPDATE delivery SET next_attempt = now()
       WHERE ${whose} AND state < 10 AND reason = 'quiet-time' AND state <> ${DeliveryState.leased} RETURNING 1)
     SELECT count(*)::int AS n FROM due`,
    [organisationId],
  )
  return rows[0]!.n
}

export interface QuietWindowWrite {
  organisationId: Id
  windowId: Id
  name: string
  target: number
  targetId: Id | null
  plan: object
  setBy: string
}

/** Made, or changed: then what was released or extended is over. */
export async function writeWindow(sql: Sql, window: QuietWindowWrite): Promise<void> {
  await sql.query(
    `INSERT INTO quiet_window (organisation_id, window_id, name, target, target_id, plan, set_by) VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (organisation_id, window_id) DO UPDATE SET name = excluded.name, target = excluded.target,
       target_id = excluded.target_id, plan = excluded.plan, set_by = excluded.set_by, set_at = now(),
       released_until = NULL, extended_until = NULL`,
    [
      window.organisationId,
      window.windowId,
      window.name,
      window.target,
      window.targetId,
      JSON.stringify(window.plan),
      window.setBy,
    ],
  )
}

export async function removeWindow(sql: Sql, organisationId: Id, windowId: Id): Promise<void> {
  await sql.query('DELETE FROM quiet_window WHERE organisation_id = $1 AND window_id = $2', [organisationId, windowId])
}

/** Closes it for now, or keeps it open for longer: the one ends the other. */
export async function shiftWindow(
  sql: Sql,
  window: { organisationId: Id; windowId: Id; releasedUntil: Date | null; extendedUntil: Date | null },
): Promise<void> {
  await sql.query(
    `UPDATE quiet_window SET released_until = $3, extended_until = $4 WHERE organisation_id = $1 AND window_id = $2`,
    [window.organisationId, window.windowId, window.releasedUntil, window.extendedUntil],
  )
}

/** A delivery that is leased to us and must not go now. */
export interface HoldRow {
  organisationId: Id
  deliveryId: Id
  wasUnsure: boolean
  windowId: Id
  windowName: string
  /** milliseconds, the database's clock */
  until: number
}

/**
 * Gives leases back until the ends of their windows. What may have arrived already stays unsure (promise 2). Where windows
 * have changed since `generation` was read, it is only for a second.
 */
export async function holdDeliveries(
  sql: Sql,
  by: { nodeId: Id; generation: number },
  rows: readonly HoldRow[],
): Promise<void> {
  await sql.query(
    `WITH gen AS MATERIALIZED (SELECT generation FROM quiet_generation FOR SHARE),
     t AS (SELECT * FROM unnest($3::uuid[], $4::uuid[], $5::bool[], $6::uuid[], $7::text[], $8::timestamptz[]) AS t(o, i, unsure, w, n, ends)),
     held AS (
       UPDATE delivery d SET lease = NULL, reason = 'quiet-time',
         state = CASE WHEN t.unsure THEN ${DeliveryState.unsure} ELSE ${DeliveryState.ready} END,
         next_attempt = CASE WHEN gen.generation = $2 THEN greatest(t.ends, now()) ELSE now() + interval '1 second' END
       FROM t CROSS JOIN gen
       WHERE d.organisation_id = t.o AND d.delivery_id = t.i AND d.lease = $1 AND ${STATE_BY_KEY} = ${DeliveryState.leased}
       RETURNING d.organisation_id, d.delivery_id, t.w, t.n, t.ends)
     INSERT INTO quiet_hold (organisation_id, delivery_id, window_id, window_name, until)
     SELECT organisation_id, delivery_id, w, n, ends FROM held
     ON CONFLICT (organisation_id, delivery_id) DO UPDATE SET window_id = excluded.window_id,
       window_name = excluded.window_name, until = excluded.until`,
    [
      by.nodeId,
      by.generation,
      uuidArray(rows.map((one) => one.organisationId)),
      uuidArray(rows.map((one) => one.deliveryId)),
      boolArray(rows.map((one) => one.wasUnsure)),
      uuidArray(rows.map((one) => one.windowId)),
      textArray(rows.map((one) => one.windowName)),
      timestamptzArray(rows.map((one) => one.until)),
    ],
    'quiet-hold',
  )
}

export interface HeldRow {
  deliveryId: Id
  messageId: Id
  recipient: string
  from: string
  subject: string | null
  acceptedAt: Date
  windowId: Id
  window: string
  since: Date
  until: Date
}

/** What is held now, the oldest first. */
export function heldPage(
  sql: Sql,
  organisationId: Id,
  page: { after: Id | null; limit: number; windowId?: Id | null },
): Promise<HeldRow[]> {
  return sql.query<HeldRow>(
    `SELECT d.delivery_id AS "deliveryId", d.message_id AS "messageId", d.recipient, m.envelope_from AS "from", m.subject,
       d.accepted_at AS "acceptedAt", h.window_id AS "windowId", h.window_name AS window, h.since, h.until
     FROM delivery d JOIN quiet_hold h USING (organisation_id, delivery_id)
     JOIN message m ON m.organisation_id = d.organisation_id AND m.message_id = d.message_id
     WHERE d.organisation_id = $1 AND d.state < 10 AND d.reason = 'quiet-time' AND d.state <> ${DeliveryState.leased}
       AND d.delivery_id > $2 AND ($4::uuid IS NULL OR h.window_id = $4)
     ORDER BY d.delivery_id LIMIT $3`,
    [organisationId, page.after ?? NIL_ID, page.limit, page.windowId ?? null],
    'quiet-held',
  )
}

/** How much is held now, by window; NIL_ID: of all organisations. */
export function heldCounts(
  sql: Sql,
  organisationId: Id,
): Promise<{ windowId: Id; held: number; oldestAt: Date; firstUntil: Date }[]> {
  return sql.query(
    `SELECT h.window_id AS "windowId", count(*)::int AS held, min(d.accepted_at) AS "oldestAt", min(h.until) AS "firstUntil"
     FROM delivery d JOIN quiet_hold h USING (organisation_id, delivery_id)
     WHERE ($1 = '${NIL_ID}'::uuid OR d.organisation_id = $1) AND d.state < 10 AND d.reason = 'quiet-time'
       AND d.state <> ${DeliveryState.leased}
     GROUP BY h.window_id`,
    [organisationId],
    'quiet-counts',
  )
}

export async function countWindows(sql: Sql, organisationId: Id): Promise<number> {
  const rows = await sql.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM quiet_window WHERE organisation_id = $1',
    [organisationId],
  )
  return rows[0]!.n
}

export async function windowNamed(sql: Sql, organisationId: Id, name: string): Promise<Id | null> {
  const rows = await sql.query<{ id: Id }>(
    'SELECT window_id AS id FROM quiet_window WHERE organisation_id = $1 AND name = $2',
    [organisationId, name],
  )
  return rows[0]?.id ?? null
}

/** An admin lets one go; the gate knows it by `released`, also when it is tried again. */
export async function releaseHeld(sql: Sql, organisationId: Id, deliveryId: Id): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE delivery SET reason = 'released-by-admin', released = true, next_attempt = now()
     WHERE organisation_id = $1 AND delivery_id = $2 AND reason = 'quiet-time'
       AND state IN (${DeliveryState.ready}, ${DeliveryState.deferred}, ${DeliveryState.unsure}) RETURNING 1`,
    [organisationId, deliveryId],
  )
  return rows.length === 1
}

/** Bounces of lists' members, and lists with them as an admin sees them. The lists themselves: store/model.ts, directory.ts. */
import type { Sql } from '../platform/db/database.ts'
import { NIL_ID, type Id } from '../platform/ids.ts'

interface Bounce {
  organisationId: Id
  list: string
  member: string
  text: string
}

/** A window is over `pause_days` after its first bounce. */
const IS_OVER = `b.window_from < now() - make_interval(days => coalesce(
  (SELECT pause_days FROM mailing_list l WHERE l.organisation_id = b.organisation_id AND l.list_id = b.list_id), 1))`

/** null: there is no such list any more. Call it in a transaction. */
export async function countBounce(
  sql: Sql,
  { organisationId, list, member, text }: Bounce,
): Promise<{ listId: Id; bounces: number; isPausedNow: boolean } | null> {
  const [counted] = await sql.query<{ listId: Id; bounces: number }>(
    `INSERT INTO list_bounce AS b (organisation_id, list_id, member, bounces, first_at, last_at, last_text, window_from, window_bounces)
     SELECT organisation_id, list_id, $3, 1, now(), now(), $4, now(), 1 FROM mailing_list
     WHERE organisation_id = $1 AND address = $2
     ON CONFLICT (organisation_id, list_id, member) DO UPDATE SET bounces = b.bounces + 1, last_at = now(),
       last_text = excluded.last_text,
       window_from = CASE WHEN ${IS_OVER} THEN now() ELSE b.window_from END,
       window_bounces = CASE WHEN ${IS_OVER} THEN 1 ELSE b.window_bounces + 1 END
     RETURNING list_id AS "listId", bounces`,
    [organisationId, list, member, text],
  )
  if (!counted) return null
  const paused = await sql.query(
    `UPDATE list_bounce b SET paused_at = now() FROM mailing_list l
     WHERE b.organisation_id = $1 AND b.list_id = $2 AND b.member = $3 AND b.paused_at IS NULL
       AND l.organisation_id = b.organisation_id AND l.list_id = b.list_id AND b.window_bounces >= l.pause_bounces
     RETURNING 1 AS one`,
    [organisationId, counted.listId, member],
  )
  return { ...counted, isPausedNow: paused.length > 0 }
}

/** The list's id; null: nothing was counted. */
export async function forgetBounces(
  sql: Sql,
  { organisationId, list, member }: Pick<Bounce, 'organisationId' | 'list' | 'member'>,
): Promise<Id | null> {
  const [gone] = await sql.query<{ listId: Id }>(
    `DELETE FROM list_bounce b USING mailing_list l WHERE b.organisation_id = $1 AND b.member = $3
       AND l.organisation_id = b.organisation_id AND l.list_id = b.list_id AND l.address = $2
     RETURNING b.list_id AS "listId"`,
    [organisationId, list, member],
  )
  return gone?.listId ?? null
}

/** For whom a list's delivery was; null: there is none of this id. */
export async function listDelivery(
  sql: Sql,
  organisationId: Id,
  deliveryId: Id,
): Promise<{ list: string; recipient: string } | null> {
  const [found] = await sql.query<{ list: string; recipient: string }>(
    `SELECT via AS list, recipient FROM delivery WHERE organisation_id = $1 AND delivery_id = $2 AND via IS NOT NULL`,
    [organisationId, deliveryId],
  )
  return found ?? null
}

export interface ListStanding {
  address: string
  name: string
  posting: number
  pauseBounces: number | null
  pauseDays: number | null
  bounces: { member: string; bounces: number; lastAt: string; lastText: string; pausedAt: string | null }[]
}

/** Lists with the members of whom something bounced, the latest first. */
export function listsOf(sql: Sql, organisationId: Id): Promise<ListStanding[]> {
  return sql.query<ListStanding>(
    `SELECT display AS address, name, posting, pause_bounces AS "pauseBounces", pause_days AS "pauseDays",
       coalesce((SELECT jsonb_agg(jsonb_build_object('member', member, 'bounces', bounces, 'lastAt', last_at,
           'lastText', last_text, 'pausedAt', paused_at) ORDER BY last_at DESC)
         FROM list_bounce b WHERE b.organisation_id = l.organisation_id AND b.list_id = l.list_id), '[]') AS bounces
     FROM mailing_list l WHERE organisation_id = $1 ORDER BY address LIMIT 10000`,
    [organisationId],
  )
}

/** An address that stands for others, as it was declared. */
export interface StandInRow {
  id: Id
  isList: boolean
  address: string
  /** of a list */
  name: string | null
  /** the first hundred */
  targets: string[]
  /** how many more there are */
  more: number
  groups: string[]
  posting: number | null
  /** of its members, and how many are paused */
  bounces: number
  paused: number
}

/** Redirects and lists by the time they were made. */
export function listStandIns(sql: Sql, organisationId: Id, after: Id | null, limit: number): Promise<StandInRow[]> {
  return sql.query<StandInRow>(
    `SELECT * FROM (
       SELECT redirect_id AS id, false AS "isList", display AS address, NULL AS name, targets[1:100] AS targets,
         greatest(cardinality(targets) - 100, 0) AS more, ARRAY[]::text[] AS groups, NULL::smallint AS posting, 0 AS bounces, 0 AS paused
       FROM redirect WHERE organisation_id = $1 AND redirect_id > $2
       UNION ALL
       SELECT list_id, true, display, name, members[1:100], greatest(cardinality(members) - 100, 0),
         ARRAY(SELECT g.name FROM person_group g WHERE g.organisation_id = l.organisation_id AND g.group_id = ANY(l.groups) ORDER BY 1),
         posting, coalesce((SELECT sum(bounces)::int FROM list_bounce b WHERE b.organisation_id = l.organisation_id AND b.list_id = l.list_id), 0),
         (SELECT count(*)::int FROM list_bounce b WHERE b.organisation_id = l.organisation_id AND b.list_id = l.list_id AND paused_at IS NOT NULL)
       FROM mailing_list l WHERE organisation_id = $1 AND list_id > $2) AS all_of_them
     ORDER BY id LIMIT $3`,
    [organisationId, after ?? NIL_ID, limit],
  )
}

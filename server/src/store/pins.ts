/**
 * Table mode_pin: what admins pinned besides routes. Written with the version that was looked at, so that of two who act at
 * once the second is told. A pin whose time is over counts no more from that moment, for every reader; endExpiredPins takes
 * the row away later.
 *
 * DECISION is core/continuity/pin-order.ts in SQL, for pages that list many: a test holds the two together.
 */
import { Mode, Pin, PinTarget, RouteKind } from '../platform/codes.ts'
import type { Sql, SqlValue } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { forgetCachedOf } from './cached-passwords.ts'

export interface PinKey {
  organisationId: Id
  target: PinTarget
  /** of an organisation: its own */
  targetId: Id
}

export interface PinRow extends PinKey {
  /** as people know it: a name, a person's main address; null: it is gone */
  name: string | null
  pin: Pin
  reason: string
  author: string
  until: Date | null
  since: Date
  version: number
}

const HOLDS = (m = 'm'): string => `(${m}.pin_until IS NULL OR ${m}.pin_until > now())`
const NAME = `CASE m.target
    WHEN ${PinTarget.organisation} THEN (SELECT o.name FROM organisation o WHERE o.organisation_id = m.organisation_id AND m.target_id = m.organisation_id)
    WHEN ${PinTarget.domain} THEN (SELECT d.name FROM domain d WHERE d.organisation_id = m.organisation_id AND d.domain_id = m.target_id)
    WHEN ${PinTarget.group} THEN (SELECT g.name FROM person_group g WHERE g.organisation_id = m.organisation_id AND g.group_id = m.target_id)
    WHEN ${PinTarget.person} THEN (SELECT coalesce((SELECT a.address FROM address a WHERE a.organisation_id = p.organisation_id AND a.person_id = p.person_id AND a.is_primary), p.name)
      FROM person p WHERE p.organisation_id = m.organisation_id AND p.person_id = m.target_id) END`
const PINS = `SELECT m.organisation_id AS "organisationId", m.target, m.target_id AS "targetId", ${NAME} AS name, m.pin, m.pin_reason AS reason,
    m.pin_author AS author, m.pin_until AS until, m.since, m.version
  FROM mode_pin m WHERE ${HOLDS()}`

/** All that hold now, of every organisation. */
export const allPins = (sql: Sql): Promise<PinRow[]> => sql.query<PinRow>(PINS, [], 'pins-all')

/** Of one organisation, the widest first. */
export const pinsOf = (sql: Sql, organisationId: Id): Promise<PinRow[]> =>
  sql.query<PinRow>(`${PINS} AND m.organisation_id = $1 ORDER BY m.target, name, m.target_id`, [organisationId])

/** Whom pins of groups are about. */
export const peopleOfPinnedGroups = (sql: Sql): Promise<{ groupId: Id; personId: Id }[]> =>
  sql.query(
    `SELECT p.group_id AS "groupId", p.person_id AS "personId" FROM person p
     WHERE (p.organisation_id, p.group_id) IN (
       SELECT m.organisation_id, m.target_id FROM mode_pin m WHERE m.target = ${PinTarget.group} AND ${HOLDS()})`,
    [],
    'pins-groups',
  )

/** SQL: somebody said that nothing may go on for them: a pin `hold` on the person, their group, one of their domains, all. */
export const HELD = (of: { organisation: string; person: string; group: string }): string => `EXISTS (
    SELECT FROM mode_pin held_m WHERE held_m.organisation_id = ${of.organisation} AND held_m.pin = ${Pin.hold} AND ${HOLDS('held_m')}
      AND (held_m.target_id IN (${of.organisation}, ${of.person}, ${of.group}) OR held_m.target_id IN (
        SELECT held_a.domain_id FROM address held_a WHERE held_a.organisation_id = ${of.organisation} AND held_a.person_id = ${of.person})))`

const ACTS = '(extract(epoch FROM clock_timestamp()) * 1000000)::bigint'

export interface PinWrite extends PinKey {
  pin: Pin
  reason: string
  author: string
  until: Date | null
  /** what was looked at (0: none); undefined: whatever is */
  version: number | undefined
}

/** False: it is not as `version` says any more, nothing was written. */
export async function writePin(sql: Sql, write: PinWrite): Promise<boolean> {
  const rows = await sql.query(
    `INSERT INTO mode_pin AS m (organisation_id, target, target_id, pin, pin_reason, pin_author, pin_until, version)
     SELECT $1, $2, $3, $4, $5, $6, $7, ${ACTS}
     WHERE $8::bigint IS NULL OR $8 = 0 OR EXISTS (
       SELECT FROM mode_pin o WHERE o.organisation_id = $1 AND o.target = $2 AND o.target_id = $3)
     ON CONFLICT (organisation_id, target, target_id) DO UPDATE SET pin = excluded.pin, pin_reason = excluded.pin_reason,
       pin_author = excluded.pin_author, pin_until = excluded.pin_until, since = now(), version = excluded.version
     WHERE $8::bigint IS NULL OR m.version = $8 OR ($8 = 0 AND NOT ${HOLDS()})
     RETURNING 1`,
    [...keyOf(write), write.pin, write.reason, write.author, write.until, write.version ?? null],
  )
  if (rows.length === 1 && write.pin === Pin.hold) await forgetCachedOf(sql, write)
  return rows.length === 1
}

/** False: there is none, or it is not as `version` says any more. */
export async function removePin(sql: Sql, key: PinKey, version: number | undefined): Promise<boolean> {
  const rows = await sql.query(
    `DELETE FROM mode_pin m WHERE organisation_id = $1 AND target = $2 AND target_id = $3 AND ${HOLDS()}
       AND ($4::bigint IS NULL OR version = $4) RETURNING 1`,
    [...keyOf(key), version ?? null],
  )
  return rows.length === 1
}

export async function readPin(sql: Sql, key: PinKey): Promise<PinRow | null> {
  const rows = await sql.query<PinRow>(
    `${PINS} AND m.organisation_id = $1 AND m.target = $2 AND m.target_id = $3`,
    keyOf(key),
  )
  return rows[0] ?? null
}

const keyOf = ({ organisationId, target, targetId }: PinKey): SqlValue[] => [organisationId, target, targetId]

/** The target's id by its name or id as people write it: a domain, a group, an address or id of a person. */
export async function findTarget(sql: Sql, organisationId: Id, target: PinTarget, wanted: string): Promise<Id | null> {
  const ask: Record<PinTarget, string> = {
    [PinTarget.organisation]:
      'SELECT organisation_id AS id FROM organisation WHERE organisation_id = $1 AND $2 IN (organisation_id::text, slug, name)',
    [PinTarget.domain]:
      'SELECT domain_id AS id FROM domain WHERE organisation_id = $1 AND $2 IN (domain_id::text, name)',
    [PinTarget.group]:
      'SELECT group_id AS id FROM person_group WHERE organisation_id = $1 AND $2 IN (group_id::text, name)',
    [PinTarget.person]: `SELECT p.person_id AS id FROM person p WHERE p.organisation_id = $1 AND p.disabled_at IS NULL AND (p.person_id::text = $2
       OR EXISTS (SELECT FROM address a WHERE a.organisation_id = $1 AND a.person_id = p.person_id AND a.address = $2))`,
  }
  const rows = await sql.query<{ id: Id }>(ask[target], [organisationId, wanted])
  return rows[0]?.id ?? null
}

export interface PinTargetRow {
  target: PinTarget
  id: Id
  name: string
}

/** What can be pinned besides people, for a choice: the organisation, its domains, its groups. */
export const pinTargets = (sql: Sql, organisationId: Id): Promise<PinTargetRow[]> =>
  sql.query<PinTargetRow>(
    `SELECT ${PinTarget.organisation} AS target, organisation_id AS id, name FROM organisation WHERE organisation_id = $1
     UNION ALL (SELECT ${PinTarget.domain}, domain_id, name FROM domain WHERE organisation_id = $1 ORDER BY name LIMIT 1000)
     UNION ALL (SELECT ${PinTarget.group}, group_id, name FROM person_group WHERE organisation_id = $1 ORDER BY name LIMIT 1000)`,
    [organisationId],
  )

/** Those whose time is over. */
export async function endExpiredPins(sql: Sql): Promise<PinKey[]> {
  return sql.query<PinKey>(
    `DELETE FROM mode_pin WHERE pin_until <= now()
     RETURNING organisation_id AS "organisationId", target, target_id AS "targetId"`,
    [],
    'pins-expire',
  )
}

/** What they pinned is gone. */
export async function dropPinsOf(sql: Sql, organisationId: Id, ids: SqlValue): Promise<void> {
  await sql.query('DELETE FROM mode_pin WHERE organisation_id = $1 AND target_id = ANY($2::uuid[])', [
    organisationId,
    ids,
  ])
}

/** Modes of a route while which a mailbox of it can be in trouble of its own. */
export const troubleModes = [Mode.normal, Mode.suspect, Mode.emergencyReach, Mode.recovering] as const

/** SQL of the domain of an address. */
export const domainOf = (address: string): string => `lower(substring(${address} FROM '[^@]*$'))`

/**
 * `LEFT JOIN LATERAL (...) w` body: the mode that counts for one person's mail at a primary, since when, by whom (a word of
 * `by`: person, group, mailbox, domain, route, organisation, engine), and its pin. The parameters are SQL expressions; the
 * names in here are ones of its own, so that theirs are not hidden.
 */
export const DECISION = (of: { organisation: string; person: string; address: string; route: string }): string => `
  SELECT x.mode, x.pin, x.since, x.by, x.reason, x.author, x.until FROM route_mode own_rm JOIN route own_r USING (organisation_id, route_id)
  CROSS JOIN LATERAL (SELECT * FROM (
    SELECT CASE own_m.pin WHEN ${Pin.hold} THEN ${Mode.hold} WHEN ${Pin.emergency} THEN ${Mode.emergency}
        ELSE CASE WHEN own_rm.mode = ${Mode.recovering} THEN own_rm.mode ELSE ${Mode.normal} END END AS mode,
      own_m.pin, own_m.since, CASE own_m.target WHEN ${PinTarget.organisation} THEN 'organisation' WHEN ${PinTarget.domain} THEN 'domain'
        WHEN ${PinTarget.group} THEN 'group' ELSE 'person' END AS by,
      CASE own_m.target WHEN ${PinTarget.person} THEN 1 WHEN ${PinTarget.group} THEN 2 WHEN ${PinTarget.domain} THEN 4 ELSE 6 END AS place,
      own_m.pin_reason AS reason, own_m.pin_author AS author, own_m.pin_until AS until
    FROM mode_pin own_m WHERE own_m.organisation_id = ${of.organisation} AND ${HOLDS('own_m')} AND own_m.target_id IN (
      ${of.organisation}, ${of.person},
      (SELECT own_d.domain_id FROM domain own_d WHERE own_d.organisation_id = ${of.organisation} AND own_d.name = ${domainOf(of.address)}),
      (SELECT own_p.group_id FROM person own_p WHERE own_p.organisation_id = ${of.organisation} AND own_p.person_id = ${of.person}))
    UNION ALL
    SELECT ${Mode.emergency}, NULL, own_t.since, 'mailbox', 3, own_t.last_text, NULL, NULL FROM mailbox_trouble own_t
    WHERE own_t.organisation_id = ${of.organisation} AND own_t.person_id = ${of.person} AND own_t.route_id = ${of.route}
      AND own_t.since IS NOT NULL AND own_rm.mode IN (${troubleModes.join(', ')})
    UNION ALL
    SELECT own_rm.mode, own_rm.pin, own_rm.since, CASE WHEN own_rm.pin IS NULL THEN 'engine' ELSE 'route' END,
      CASE WHEN own_rm.pin IS NULL THEN 7 ELSE 5 END, own_rm.pin_reason, own_rm.pin_author, own_rm.pin_until
    ) voices ORDER BY (mode <> ${Mode.hold}), place LIMIT 1) x
  WHERE own_rm.organisation_id = ${of.organisation} AND own_rm.route_id = ${of.route} AND own_r.kind = ${RouteKind.primary}`

/**
 * What goes by a declaration or a list: people, groups, domains, routes, with all that hangs on them. What mail hangs on is the
 * caller's business (prune.ts, carry-out.ts).
 */
import { uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { dropPinsOf } from './pins.ts'

/** People or groups that go read no shared mailbox, and a mailbox that goes is read by nobody. */
async function dropMembers(sql: Sql, organisationId: Id, ids: ReturnType<typeof uuidArray>): Promise<void> {
  await sql.query(
    'DELETE FROM shared_member WHERE organisation_id = $1 AND (member_id = ANY($2::uuid[]) OR mailbox_id = ANY($2::uuid[]))',
    [organisationId, ids],
  )
}

/** Takes sign-in and addresses away; the person row goes too where no mail hangs on it. */
export async function removePeople(
  sql: Sql,
  organisationId: Id,
  people: readonly { id: Id; keep: boolean }[],
): Promise<void> {
  const ids = uuidArray(people.map((person) => person.id))
  const gone = uuidArray(people.filter((person) => !person.keep).map((person) => person.id))
  for (const table of [
    'address',
    'delegation',
    'app_password',
    'emergency_code',
    'one_time_link',
    'person_card',
    'private_contact',
  ])
    await sql.query(`DELETE FROM ${table} WHERE organisation_id = $1 AND person_id = ANY($2::uuid[])`, [
      organisationId,
      ids,
    ])
  await dropMembers(sql, organisationId, ids)
  for (const table of ['second_factor', 'half_sign_in', 'passkey', 'credential', 'session'])
    await sql.query(`DELETE FROM ${table} WHERE organisation_id = $1 AND subject_id = ANY($2::uuid[])`, [
      organisationId,
      ids,
    ])
  await sql.query(
    'UPDATE person SET disabled_at = coalesce(disabled_at, now()), upn = NULL, private_sealed = NULL WHERE organisation_id = $1 AND person_id = ANY($2::uuid[])',
    [organisationId, ids],
  )
  await dropPinsOf(sql, organisationId, gone)
  for (const table of ['folder', 'reach_report', 'mailbox_trouble', 'person'])
    await sql.query(`DELETE FROM ${table} WHERE organisation_id = $1 AND person_id = ANY($2::uuid[])`, [
      organisationId,
      gone,
    ])
}

export async function removeGroups(sql: Sql, organisationId: Id, groups: readonly Id[]): Promise<void> {
  const ids = uuidArray(groups)
  await sql.query('UPDATE person SET group_id = NULL WHERE organisation_id = $1 AND group_id = ANY($2::uuid[])', [
    organisationId,
    ids,
  ])
  await dropPinsOf(sql, organisationId, ids)
  await dropMembers(sql, organisationId, ids)
  await sql.query('DELETE FROM person_group WHERE organisation_id = $1 AND group_id = ANY($2::uuid[])', [
    organisationId,
    ids,
  ])
}

export async function removeDomains(sql: Sql, organisationId: Id, domains: readonly Id[]): Promise<void> {
  await sql.query(
    'UPDATE domain SET alias_of_domain_id = NULL WHERE organisation_id = $1 AND alias_of_domain_id = ANY($2::uuid[])',
    [organisationId, uuidArray(domains)],
  )
  const ids = uuidArray(domains)
  await dropPinsOf(sql, organisationId, ids)
  await sql.query('DELETE FROM domain WHERE organisation_id = $1 AND domain_id = ANY($2::uuid[])', [
    organisationId,
    ids,
  ])
}

/** Routes that no delivery was ever for: others stay, the trace names them. */
export async function unusedRoutes(sql: Sql, organisationId: Id, routes: readonly Id[]): Promise<Set<Id>> {
  const rows = await sql.query<{ id: Id }>(
    `SELECT r AS id FROM unnest($2::uuid[]) AS r WHERE NOT EXISTS (SELECT FROM delivery d WHERE d.organisation_id = $1 AND d.route_id = r)
       AND NOT EXISTS (SELECT FROM return_event e WHERE e.organisation_id = $1 AND e.route_id = r)`,
    [organisationId, uuidArray(routes)],
  )
  return new Set(rows.map((row) => row.id))
}

export async function removeRoutes(sql: Sql, organisationId: Id, routes: readonly Id[]): Promise<void> {
  for (const table of ['route_mode', 'evidence', 'route_host', 'reach_report', 'outage', 'mailbox_trouble', 'route'])
    await sql.query(`DELETE FROM ${table} WHERE organisation_id = $1 AND route_id = ANY($2::uuid[])`, [
      organisationId,
      uuidArray(routes),
    ])
}

/** Shared mailboxes: who reads which, and how they write from there. */
import { uuidArray } from '../platform/db/binary.ts'
import { PersonKind } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { recordset } from './model.ts'

export interface MemberRow {
  mailboxId: Id
  memberId: Id
  isGroup: boolean
  mayWrite: boolean
  /** codes.ts DelegationKind; null: they do not */
  send: number | null
}

export const readMembers = (sql: Sql, organisationId: Id): Promise<MemberRow[]> =>
  sql.query<MemberRow>(
    `SELECT mailbox_id AS "mailboxId", member_id AS "memberId", is_group AS "isGroup", may_write AS "mayWrite", send
     FROM shared_member WHERE organisation_id = $1 ORDER BY mailbox_id, member_id`,
    [organisationId],
  )

/** The members of these mailboxes become exactly these; what people signed in to them with, while they were no shared ones, goes. */
export async function writeMembers(
  sql: Sql,
  organisationId: Id,
  mailboxes: readonly Id[],
  rows: readonly MemberRow[],
): Promise<void> {
  const ids = uuidArray(mailboxes)
  await sql.query('DELETE FROM shared_member WHERE organisation_id = $1 AND mailbox_id = ANY($2::uuid[])', [
    organisationId,
    ids,
  ])
  await sql.query(
    `INSERT INTO shared_member (organisation_id, mailbox_id, member_id, is_group, may_write, send)
     SELECT $1, "mailboxId", "memberId", "isGroup", "mayWrite", send
     ${recordset('"mailboxId" uuid, "memberId" uuid, "isGroup" boolean, "mayWrite" boolean, send smallint')}`,
    [organisationId, JSON.stringify(rows)],
  )
  await endSignIns(sql, organisationId, mailboxes)
}

/** Of those among them that are shared mailboxes: what people signed in to them with, and what they were members of. */
export async function endSignIns(sql: Sql, organisationId: Id, mailboxes: readonly Id[]): Promise<void> {
  const ids = uuidArray(mailboxes)
  const shared = `SELECT person_id FROM person WHERE organisation_id = $1 AND person_id = ANY($2::uuid[]) AND kind <> ${PersonKind.person}`
  for (const table of ['credential', 'session', 'second_factor', 'half_sign_in', 'passkey'])
    await sql.query(`DELETE FROM ${table} WHERE organisation_id = $1 AND subject_id IN (${shared})`, [
      organisationId,
      ids,
    ])
  for (const table of ['app_password', 'emergency_code', 'one_time_link', 'delegation'])
    await sql.query(`DELETE FROM ${table} WHERE organisation_id = $1 AND person_id IN (${shared})`, [
      organisationId,
      ids,
    ])
  await sql.query(
    `DELETE FROM shared_member WHERE organisation_id = $1 AND NOT is_group AND member_id IN (${shared})`,
    [organisationId, ids],
  )
}

/** `m`: a membership of the person $2, by themselves or by their group; where both say something, the more counts. */
const MINE = `FROM person p JOIN shared_member m ON m.organisation_id = p.organisation_id
       AND m.member_id = CASE WHEN m.is_group THEN p.group_id ELSE p.person_id END
     WHERE p.organisation_id = $1 AND p.person_id = $2 AND p.disabled_at IS NULL`

export interface SharedMailbox {
  id: Id
  name: string
  mayWrite: boolean
  send: number | null
}

/** Those that a person reads beside their own. */
export const sharedWith = (sql: Sql, who: { organisationId: Id; personId: Id }): Promise<SharedMailbox[]> =>
  sql.query<SharedMailbox>(
    `SELECT x.person_id AS id, x.name, bool_or(w."mayWrite") AS "mayWrite", min(w.send) AS send
     FROM (SELECT m.mailbox_id, m.may_write AS "mayWrite", m.send ${MINE}) w
     JOIN person x ON x.organisation_id = $1 AND x.person_id = w.mailbox_id AND x.kind <> ${PersonKind.person}
     GROUP BY x.person_id, x.name ORDER BY x.name, x.person_id`,
    [who.organisationId, who.personId],
    'shared-with',
  )

/** Addresses of shared mailboxes from which the person $2 may write, as rows of `ownAddresses`. */
export const SHARED_ADDRESSES = `SELECT p.organisation_id, p.person_id, a.address, a.display, false AS is_primary, min(m.send) AS kind, m.mailbox_id
     FROM person p JOIN shared_member m ON m.organisation_id = p.organisation_id AND m.send IS NOT NULL
       AND m.member_id = CASE WHEN m.is_group THEN p.group_id ELSE p.person_id END
     JOIN address a ON a.organisation_id = m.organisation_id AND a.person_id = m.mailbox_id
     WHERE p.organisation_id = $1 AND p.person_id = $2 GROUP BY p.organisation_id, p.person_id, a.address, a.display, m.mailbox_id`

export async function isSharedMailbox(sql: Sql, organisationId: Id, id: Id): Promise<boolean> {
  const rows = await sql.query(
    `SELECT FROM person WHERE organisation_id = $1 AND person_id = $2 AND kind <> ${PersonKind.person}`,
    [organisationId, id],
  )
  return rows.length === 1
}

/** Of one mailbox, by name. */
export const membersOf = (sql: Sql, organisationId: Id, mailboxId: Id): Promise<(MemberRow & { name: string })[]> =>
  sql.query(
    `SELECT m.mailbox_id AS "mailboxId", m.member_id AS "memberId", m.is_group AS "isGroup", m.may_write AS "mayWrite", m.send,
       coalesce(p.name, g.name, '') AS name
     FROM shared_member m
     LEFT JOIN person p ON NOT m.is_group AND p.organisation_id = m.organisation_id AND p.person_id = m.member_id
     LEFT JOIN person_group g ON m.is_group AND g.organisation_id = m.organisation_id AND g.group_id = m.member_id
     WHERE m.organisation_id = $1 AND m.mailbox_id = $2 ORDER BY m.is_group, name`,
    [organisationId, mailboxId],
  )

/** Table mailbox_access: who asked for whose mailbox, who decided, and whether it is open. Rules: core/four-eyes. */
import { MailboxAccessPurpose, MailboxAccessState, PersonKind } from '../platform/codes.ts'
import { uuidArray } from '../platform/db/binary.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export interface AccessRow {
  accessId: Id
  organisationId: Id
  mailboxId: Id
  mailboxName: string
  askerId: Id
  askerName: string
  purpose: number
  reason: string
  minutes: number
  state: number
  askedAt: Date
  answerBy: Date
  decidedAt: Date | null
  decidedBy: string | null
  note: string
  expiresAt: Date | null
  tellAt: Date | null
  delayBasis: string | null
  openedAt: Date | null
  overAt: Date | null
  overBy: string | null
  /** the clock of the database, which decides */
  now: Date
}

const ROW = `a.access_id AS "accessId", a.organisation_id AS "organisationId", a.mailbox_id AS "mailboxId", x.name AS "mailboxName",
  a.asker_id AS "askerId", coalesce(p.name, '') AS "askerName", a.purpose, a.reason, a.minutes, a.state, a.asked_at AS "askedAt",
  a.answer_by AS "answerBy", a.decided_at AS "decidedAt", a.decided_by AS "decidedBy", a.note, a.expires_at AS "expiresAt",
  a.tell_at AS "tellAt", a.delay_basis AS "delayBasis", a.opened_at AS "openedAt", a.over_at AS "overAt", a.over_by AS "overBy", now() AS now`
const FROM = `FROM mailbox_access a
  JOIN person x ON x.organisation_id = a.organisation_id AND x.person_id = a.mailbox_id
  LEFT JOIN person p ON p.organisation_id = a.organisation_id AND p.person_id = a.asker_id`
const GOING_ON = `a.state IN (${MailboxAccessState.asked}, ${MailboxAccessState.open})`

export interface NewAccess {
  accessId: Id
  organisationId: Id
  mailboxId: Id
  askerId: Id
  purpose: number
  reason: string
  minutes: number
  answerWithinHours: number
}

/** False: the same is asked for, or open, already. */
export async function insertAccess(sql: Sql, one: NewAccess): Promise<boolean> {
  const rows = await sql.query(
    `INSERT INTO mailbox_access (organisation_id, access_id, mailbox_id, asker_id, purpose, reason, minutes, state, answer_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, ${MailboxAccessState.asked}, now() + make_interval(hours => $8))
     ON CONFLICT DO NOTHING RETURNING 1`,
    [
      ...[one.organisationId, one.accessId, one.mailboxId, one.askerId, one.purpose],
      ...[one.reason, one.minutes, one.answerWithinHours],
    ],
  )
  return rows.length === 1
}

/** Nobody else changes it until the transaction ends. */
export async function lockAccess(sql: Sql, organisationId: Id, accessId: Id): Promise<AccessRow | null> {
  const locked = await sql.query(
    'SELECT FROM mailbox_access WHERE organisation_id = $1 AND access_id = $2 FOR UPDATE',
    [organisationId, accessId],
  )
  return locked.length === 0 ? null : readAccess(sql, organisationId, accessId)
}

export async function readAccess(sql: Sql, organisationId: Id, accessId: Id): Promise<AccessRow | null> {
  const rows = await sql.query<AccessRow>(`SELECT ${ROW} ${FROM} WHERE a.organisation_id = $1 AND a.access_id = $2`, [
    organisationId,
    accessId,
  ])
  return rows[0] ?? null
}

/** The newest first; what goes on before what is over. */
export const listAccesses = (
  sql: Sql,
  organisationId: Id,
  page: { before: Id | null; limit: number },
): Promise<AccessRow[]> =>
  sql.query<AccessRow>(
    `SELECT ${ROW} ${FROM} WHERE a.organisation_id = $1 AND ($2::uuid IS NULL OR a.access_id < $2)
     ORDER BY a.access_id DESC LIMIT $3`,
    [organisationId, page.before, page.limit],
  )

/** Of somebody's own mailbox, as far as they have been told. */
export const accessesTo = (sql: Sql, organisationId: Id, mailboxId: Id): Promise<AccessRow[]> =>
  sql.query<AccessRow>(
    `SELECT ${ROW} ${FROM} WHERE a.organisation_id = $1 AND a.mailbox_id = $2 AND a.tell_at <= now()
     ORDER BY a.access_id DESC LIMIT 100`,
    [organisationId, mailboxId],
  )

/** How many of somebody's requests wait or are open. */
export async function countAsked(sql: Sql, organisationId: Id, askerId: Id): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM mailbox_access
     WHERE organisation_id = $1 AND asker_id = $2 AND asked_at > now() - interval '1 day'`,
    [organisationId, askerId],
  )
  return row!.n
}

export async function countGoingOn(sql: Sql, organisationId: Id, askerId: Id): Promise<number> {
  // Two requests of one person, one after the other.
  await sql.query('SELECT FROM person WHERE organisation_id = $1 AND person_id = $2 FOR NO KEY UPDATE', [
    organisationId,
    askerId,
  ])
  const [row] = await sql.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM mailbox_access a WHERE a.organisation_id = $1 AND a.asker_id = $2 AND ${GOING_ON}`,
    [organisationId, askerId],
  )
  return row!.n
}

export interface Decision {
  by: string
  note: string
  /** null: declined */
  opens: { minutes: number; delayDays: number; delayBasis: string | null } | null
}

export async function decideAccess(sql: Sql, row: Pick<AccessRow, 'organisationId' | 'accessId'>, decision: Decision) {
  const { by, note, opens } = decision
  const state = opens ? MailboxAccessState.open : MailboxAccessState.declined
  await sql.query(
    `UPDATE mailbox_access SET state = $3::smallint, decided_at = now(), decided_by = $4::text, note = $5,
       expires_at = now() + make_interval(mins => $6), tell_at = now() + make_interval(days => $7), delay_basis = $8,
       over_at = CASE WHEN $3::smallint = ${MailboxAccessState.declined} THEN now() END, over_by = CASE WHEN $3::smallint = ${MailboxAccessState.declined} THEN $4::text END
     WHERE organisation_id = $1 AND access_id = $2`,
    [
      ...[row.organisationId, row.accessId, state, by, note],
      ...[opens?.minutes ?? null, opens?.delayDays ?? null, opens?.delayBasis ?? null],
    ],
  )
}

export async function endAccess(
  sql: Sql,
  row: Pick<AccessRow, 'organisationId' | 'accessId'>,
  end: { state: number; by: string },
): Promise<void> {
  await sql.query(
    `UPDATE mailbox_access SET state = $3, over_at = now(), over_by = $4 WHERE organisation_id = $1 AND access_id = $2`,
    [row.organisationId, row.accessId, end.state, end.by],
  )
}

export async function noteOpened(sql: Sql, row: Pick<AccessRow, 'organisationId' | 'accessId'>): Promise<void> {
  await sql.query('UPDATE mailbox_access SET opened_at = now() WHERE organisation_id = $1 AND access_id = $2', [
    row.organisationId,
    row.accessId,
  ])
}

/** Whose time is over, across organisations. */
export const overdueAccesses = (sql: Sql, limit: number): Promise<{ organisationId: Id; accessId: Id }[]> =>
  sql.query(
    `SELECT a.organisation_id AS "organisationId", a.access_id AS "accessId" FROM mailbox_access a
     WHERE ${GOING_ON} AND coalesce(a.expires_at, a.answer_by) <= now()
     ORDER BY coalesce(a.expires_at, a.answer_by) LIMIT $1`,
    [limit],
  )

export interface LentMailbox {
  accessId: Id
  /** whose mailbox */
  id: Id
  name: string
  reason: string
  until: Date
}

/** Mailboxes that somebody may read now; `roles`: those that may. */
export const lentTo = (
  sql: Sql,
  who: { organisationId: Id; personId: Id },
  roles: readonly number[],
): Promise<LentMailbox[]> =>
  sql.query<LentMailbox>(
    `SELECT a.access_id AS "accessId", x.person_id AS id, x.name, a.reason, a.expires_at AS until ${FROM}
     WHERE a.organisation_id = $1 AND a.asker_id = $2 AND a.state = ${MailboxAccessState.open}
       AND a.purpose = ${MailboxAccessPurpose.read} AND a.expires_at > now()
       AND p.disabled_at IS NULL AND p.role = ANY($3::smallint[]) AND x.kind = ${PersonKind.person}
     ORDER BY x.name, a.access_id`,
    [who.organisationId, who.personId, `{${roles.join(',')}}`],
    'mailboxes-lent',
  )

/** Message ids of these copies of somebody's. */
export async function messagesOfCopies(
  sql: Sql,
  owner: { organisationId: Id; personId: Id },
  copyIds: readonly Id[],
): Promise<Id[]> {
  const rows = await sql.query<{ id: Id }>(
    'SELECT message_id AS id FROM copy WHERE organisation_id = $1 AND person_id = $2 AND copy_id = ANY($3::uuid[]) ORDER BY copy_id',
    [owner.organisationId, owner.personId, uuidArray(copyIds)],
  )
  return rows.map(({ id }) => id)
}

/** Of these mailboxes the ones with mail in them that nobody has approved to hand over. */
export async function withoutHandOver(sql: Sql, organisationId: Id, mailboxes: readonly Id[]): Promise<Set<Id>> {
  const rows = await sql.query<{ id: Id }>(
    `SELECT p.person_id AS id FROM person p WHERE p.organisation_id = $1 AND p.person_id = ANY($2::uuid[])
       AND EXISTS (SELECT FROM placement m WHERE m.organisation_id = $1 AND m.person_id = p.person_id AND m.tombstone IS NULL)
       AND NOT EXISTS (SELECT FROM mailbox_access a WHERE a.organisation_id = $1 AND a.mailbox_id = p.person_id
         AND a.purpose = ${MailboxAccessPurpose.handOver} AND a.state = ${MailboxAccessState.open} AND a.expires_at > now())`,
    [organisationId, uuidArray(mailboxes)],
  )
  return new Set(rows.map(({ id }) => id))
}

/** Shared mailboxes that were somebody's own within the last `days`. */
export async function latelyOwn(sql: Sql, organisationId: Id, days: number): Promise<Set<Id>> {
  const rows = await sql.query<{ id: Id }>(
    `SELECT person_id AS id FROM person WHERE organisation_id = $1 AND was_own_until > now() - make_interval(days => $2)`,
    [organisationId, days],
  )
  return new Set(rows.map(({ id }) => id))
}

/** The approvals by which these are handed over now; the first use is noted. */
export const useHandOver = (
  sql: Sql,
  organisationId: Id,
  mailboxes: readonly Id[],
): Promise<{ accessId: Id; mailboxId: Id; reason: string; askerName: string; decidedBy: string; tellAt: Date }[]> =>
  sql.query(
    `UPDATE mailbox_access a SET opened_at = coalesce(a.opened_at, now()) FROM person p
     WHERE a.organisation_id = $1 AND a.mailbox_id = ANY($2::uuid[]) AND a.purpose = ${MailboxAccessPurpose.handOver}
       AND a.state = ${MailboxAccessState.open} AND a.expires_at > now()
       AND p.organisation_id = a.organisation_id AND p.person_id = a.asker_id
     RETURNING a.access_id AS "accessId", a.mailbox_id AS "mailboxId", a.reason, p.name AS "askerName",
       a.decided_by AS "decidedBy", a.tell_at AS "tellAt"`,
    [organisationId, uuidArray(mailboxes)],
  )

export interface Standing {
  name: string
  role: number
  kind: number
  disabled: boolean
  /** younger than the limit: made, given the role, or its password chosen anew (by a code that somebody kept, it may be) */
  isNew: boolean
  /** who but themselves touched their ways in within the limit */
  touchedBy: string[]
}

/** How independent somebody is, looking `days` back. Null: there is no such person. */
export async function standingOf(sql: Sql, organisationId: Id, personId: Id, days: number): Promise<Standing | null> {
  const rows = await sql.query<Standing>(
    `SELECT p.name, p.role, p.kind, p.disabled_at IS NOT NULL AS disabled,
       greatest(p.created_at, p.role_since) > now() - make_interval(days => $3)
         OR EXISTS (SELECT FROM audit u WHERE u.organisation_id = $1 AND u.subject = 'person:' || $2::uuid
           AND u.action = 'password-changed' AND u.at > now() - make_interval(days => $3)) AS "isNew",
       coalesce((SELECT jsonb_agg(DISTINCT u.actor) FROM audit u
         WHERE u.organisation_id = $1 AND u.subject = 'person:' || $2::uuid AND u.actor <> 'person:' || $2::uuid
           AND u.at > now() - make_interval(days => $3)
           AND u.action IN ('password-set', 'emergency-codes-made', 'second-factor-removed', 'passkey-removed', 'private-address-removed', 'provider-untied')), '[]') AS "touchedBy"
     FROM person p WHERE p.organisation_id = $1 AND p.person_id = $2`,
    [organisationId, personId, days],
  )
  return rows[0] ?? null
}

/** People with one of the roles who may sign in: those who may decide. */
export async function peopleOfRoles(sql: Sql, organisationId: Id, roles: readonly number[]): Promise<Id[]> {
  const rows = await sql.query<{ id: Id }>(
    `SELECT person_id AS id FROM person WHERE organisation_id = $1 AND role = ANY($2::smallint[]) AND disabled_at IS NULL
     ORDER BY person_id LIMIT 100`,
    [organisationId, `{${roles.join(',')}}`],
  )
  return rows.map(({ id }) => id)
}

/** organisation.mailbox_access */
export async function accessSettings(sql: Sql, organisationId: Id): Promise<unknown> {
  const rows = await sql.query<{ settings: unknown }>(
    'SELECT mailbox_access AS settings FROM organisation WHERE organisation_id = $1',
    [organisationId],
  )
  return rows[0]?.settings ?? {}
}

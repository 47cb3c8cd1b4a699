/** Table account_notice: what somebody is told about their own account and mailbox, and how far that has come. */
import type { AccountNoticeKind } from '../platform/codes.ts'
import { ContactKind } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import { newId, type Id } from '../platform/ids.ts'

/** Said of who acted and why; never a secret. */
export type NoticeFactsRow = Record<string, string | number | null>

export interface NewAccountNotice {
  organisationId: Id
  personId: Id
  kind: AccountNoticeKind
  facts: NoticeFactsRow
  /** null: at once */
  dueAt?: Date | null
}

/** In the transaction of what it tells of: nothing of this kind happens without it. `now`: milliseconds, for its id alone. */
export async function insertAccountNotice(sql: Sql, notice: NewAccountNotice, now: number): Promise<void> {
  await sql.query(
    `INSERT INTO account_notice (organisation_id, notice_id, person_id, kind, facts, due_at)
     SELECT organisation_id, $3, person_id, $4, $5, greatest(now(), $6::timestamptz) FROM person WHERE organisation_id = $1 AND person_id = $2`,
    [
      ...[notice.organisationId, notice.personId, newId(now), notice.kind],
      ...[JSON.stringify(notice.facts), notice.dueAt ?? null],
    ],
  )
}

export interface DueNotice {
  organisationId: Id
  noticeId: Id
  personId: Id
  kind: AccountNoticeKind
  facts: NoticeFactsRow
  madeAt: Date
  mailboxOutcome: string | null
  privateOutcome: string | null
  name: string
  locale: string
  /** the primary one; null: they have none any more */
  address: string | null
  domain: string | null
  /** verified, else declared */
  privateSealed: Buffer | null
  organisation: string
  outboundRouteId: Id | null
  /** organisation.notices */
  notices: unknown
}

/** So often it is tried (some days). */
const MOST_TRIES = 100

/** Takes some that are due, for a while that doubles: what fails comes back, ever more seldom, an hour apart at most. */
export async function claimNotices(sql: Sql, limit: number): Promise<DueNotice[]> {
  return sql.query<DueNotice>(
    `WITH due AS (
       SELECT organisation_id, notice_id FROM account_notice
       WHERE due_at <= now() AND (mailbox_outcome IS NULL OR private_outcome IS NULL) ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
     ), taken AS (
       UPDATE account_notice n SET tries = n.tries + 1, due_at = now() + make_interval(secs => least(3600, 30 * 2 ^ least(n.tries, 7))),
         mailbox_outcome = CASE WHEN n.tries >= ${MOST_TRIES} THEN coalesce(n.mailbox_outcome, 'given-up') ELSE n.mailbox_outcome END,
         private_outcome = CASE WHEN n.tries >= ${MOST_TRIES} THEN coalesce(n.private_outcome, 'given-up') ELSE n.private_outcome END
       FROM due WHERE n.organisation_id = due.organisation_id AND n.notice_id = due.notice_id RETURNING n.*
     )
     SELECT t.organisation_id AS "organisationId", t.notice_id AS "noticeId", t.person_id AS "personId", t.kind, t.facts, t.made_at AS "madeAt",
       t.mailbox_outcome AS "mailboxOutcome", t.private_outcome AS "privateOutcome", p.name, p.locale,
       a.display AS address, d.name AS domain,
       coalesce((SELECT c.sealed FROM private_contact c WHERE c.organisation_id = p.organisation_id AND c.person_id = p.person_id
         AND c.kind = ${ContactKind.address}), p.private_sealed) AS "privateSealed",
       o.name AS organisation, o.outbound_route_id AS "outboundRouteId", o.notices
     FROM taken t JOIN person p USING (organisation_id, person_id) JOIN organisation o USING (organisation_id)
     LEFT JOIN address a ON a.organisation_id = p.organisation_id AND a.person_id = p.person_id AND a.is_primary
     LEFT JOIN domain d ON d.organisation_id = a.organisation_id AND d.domain_id = a.domain_id
     ORDER BY t.notice_id`,
    [limit],
  )
}

export async function settleNotice(
  sql: Sql,
  { organisationId, noticeId }: Pick<DueNotice, 'organisationId' | 'noticeId'>,
  outcomes: { mailbox: string | null; private: string | null },
): Promise<void> {
  await sql.query(
    `UPDATE account_notice SET mailbox_outcome = coalesce(mailbox_outcome, $3), private_outcome = coalesce(private_outcome, $4)
     WHERE organisation_id = $1 AND notice_id = $2`,
    [organisationId, noticeId, outcomes.mailbox, outcomes.private],
  )
}

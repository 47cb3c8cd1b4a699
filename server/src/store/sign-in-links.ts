/** Table one_time_link, those by which a person signs in: sent to their private address, good once and not for long. */
import { ContactKind, LinkPurpose } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import type { NoticePerson } from './notices.ts'

export interface LinkPerson extends Omit<NoticePerson, 'privateSealed'> {
  /** verified ones; at least one of them is there */
  privateSealed: Buffer | null
  phoneSealed: Buffer | null
  organisationId: Id
  organisation: string
  outboundRouteId: Id | null
  /** organisation.notices */
  notices: unknown
}

/** Null: who has verified neither a private address nor a telephone, has no address, or may not sign in. */
export async function linkPerson(sql: Sql, personId: Id): Promise<LinkPerson | null> {
  const rows = await sql.query<LinkPerson>(
    `SELECT p.person_id AS "personId", p.name, p.locale, a.display AS address, d.name AS domain,
       c.address AS "privateSealed", c.phone AS "phoneSealed", p.organisation_id AS "organisationId", o.name AS organisation,
       o.outbound_route_id AS "outboundRouteId", o.notices
     FROM person p JOIN organisation o USING (organisation_id)
     JOIN LATERAL (SELECT (array_agg(sealed) FILTER (WHERE kind = ${ContactKind.address}))[1] AS address,
         (array_agg(sealed) FILTER (WHERE kind = ${ContactKind.phone}))[1] AS phone
       FROM private_contact k WHERE k.organisation_id = p.organisation_id AND k.person_id = p.person_id
         AND k.verified_at IS NOT NULL HAVING count(*) > 0) c ON true
     JOIN address a ON a.organisation_id = p.organisation_id AND a.person_id = p.person_id AND a.is_primary
     JOIN domain d ON d.organisation_id = a.organisation_id AND d.domain_id = a.domain_id
     WHERE p.person_id = $1 AND p.disabled_at IS NULL`,
    [personId],
  )
  return rows[0] ?? null
}

/** False where the person was given `most` within an hour already. */
export async function insertSignInLink(
  sql: Sql,
  link: { tokenHash: Buffer; organisationId: Id; personId: Id; seconds: number; most: number },
): Promise<boolean> {
  const rows = await sql.query(
    `INSERT INTO one_time_link (token_hash, purpose, organisation_id, person_id, expires_at)
     SELECT $1, ${LinkPurpose.signIn}, $2, $3, now() + make_interval(secs => $4)
     WHERE (SELECT count(*) FROM one_time_link WHERE person_id = $3 AND created_at > now() - interval '1 hour') < $5
     RETURNING 1`,
    [link.tokenHash, link.organisationId, link.personId, link.seconds, link.most],
  )
  return rows.length === 1
}

/** Uses it up, and the person's others with it: whose it was. Null for all but one caller. */
export async function useSignInLink(
  sql: Sql,
  tokenHash: Buffer,
): Promise<{ organisationId: Id; subjectId: Id } | null> {
  const [used] = await sql.query<{ organisationId: Id; subjectId: Id }>(
    `UPDATE one_time_link l SET used_at = now() FROM person p
     WHERE l.token_hash = $1 AND l.purpose = ${LinkPurpose.signIn} AND l.used_at IS NULL AND l.expires_at > now()
       AND p.organisation_id = l.organisation_id AND p.person_id = l.person_id AND p.disabled_at IS NULL
     RETURNING l.organisation_id AS "organisationId", l.person_id AS "subjectId"`,
    [tokenHash],
  )
  if (!used) return null
  await endSignInLinks(sql, used.subjectId)
  return used
}

export async function deleteOldLinks(sql: Sql): Promise<void> {
  await sql.query(
    `DELETE FROM one_time_link WHERE purpose = ${LinkPurpose.signIn} AND expires_at < now() - interval '1 day'`,
  )
}

/** What was sent to an address that is no longer the person's. */
export async function endSignInLinks(sql: Sql, personId: Id): Promise<void> {
  await sql.query('UPDATE one_time_link SET used_at = now() WHERE person_id = $1 AND used_at IS NULL', [personId])
}

/** A person's codes on paper and links that were not used: no longer good. */
export async function endOtherWaysIn(sql: Sql, personId: Id): Promise<void> {
  await sql.query('DELETE FROM emergency_code WHERE person_id = $1', [personId])
  await endSignInLinks(sql, personId)
}

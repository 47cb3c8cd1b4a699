/**
 * Who could get in on the worst day, with the mail system, the directory and the identity provider away: a password known here (their
 * own, or the directory's as it was taken last), a passkey, an unused code on paper, a private address or telephone they confirmed. And who is
 * asked for a private address, how often and when (tables contact_campaign, contact_ask).
 */
import { CredentialKind, PersonKind } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { PROTECTED } from './protected.ts'

/** SQL for person `p`: a way in that needs no password. */
const BESIDE_PASSWORD = `(EXISTS (SELECT FROM emergency_code e WHERE e.person_id = p.person_id AND e.used_at IS NULL)
  OR EXISTS (SELECT FROM private_contact k WHERE k.organisation_id = p.organisation_id AND k.person_id = p.person_id
    AND k.verified_at IS NOT NULL)
  OR EXISTS (SELECT FROM passkey k WHERE k.subject_id = p.person_id))`
/** SQL for person `p`: one of their own, or the directory's while it is remembered. */
const HAS_PASSWORD = `EXISTS (SELECT FROM credential k WHERE k.subject_id = p.person_id AND (k.kind = ${CredentialKind.password}
  OR k.proved_at > now() - make_interval(days => (SELECT (o.sign_in->'ldap'->>'cacheDays')::integer FROM organisation o
    WHERE o.organisation_id = p.organisation_id))))`
/** SQL for person `p`: somebody who signs in and has an emergency mailbox to sign in to. */
export const SIGNS_IN = `p.kind = ${PersonKind.person} AND p.disabled_at IS NULL AND ${PROTECTED}`

/** none: no way in but by the help desk; password: nothing but the password, which may be forgotten. */
export type WaysBack = 'none' | 'password'
export const waysBackOf: Readonly<Record<WaysBack, string>> = {
  none: `(${SIGNS_IN} AND NOT ${HAS_PASSWORD} AND NOT ${BESIDE_PASSWORD})`,
  password: `(${SIGNS_IN} AND ${HAS_PASSWORD} AND NOT ${BESIDE_PASSWORD})`,
}

export interface WaysBackCounts {
  /** who signs in and has an emergency mailbox */
  people: number
  none: number
  password: number
  withCodes: number
  withContact: number
}

export async function countWaysBack(sql: Sql, organisationId: Id): Promise<WaysBackCounts> {
  const [row] = await sql.query<WaysBackCounts>(
    `SELECT count(*)::int AS people,
       count(*) FILTER (WHERE NOT has_password AND NOT beside)::int AS none,
       count(*) FILTER (WHERE has_password AND NOT beside)::int AS password,
       count(*) FILTER (WHERE has_codes)::int AS "withCodes", count(*) FILTER (WHERE has_contact)::int AS "withContact"
     FROM (SELECT ${HAS_PASSWORD} AS has_password, ${BESIDE_PASSWORD} AS beside,
         EXISTS (SELECT FROM emergency_code e WHERE e.person_id = p.person_id AND e.used_at IS NULL) AS has_codes,
         EXISTS (SELECT FROM private_contact k WHERE k.organisation_id = p.organisation_id AND k.person_id = p.person_id
           AND k.verified_at IS NOT NULL) AS has_contact
       FROM person p WHERE p.organisation_id = $1 AND ${SIGNS_IN}) w`,
    [organisationId],
  )
  return row!
}

/** First addresses of people with no way in but by the help desk or something that may be away itself. */
export async function peopleWithoutWay(sql: Sql, organisationId: Id): Promise<string[]> {
  const rows = await sql.query<{ address: string }>(
    `SELECT a.display AS address FROM person p
     JOIN address a ON a.organisation_id = p.organisation_id AND a.person_id = p.person_id AND a.is_primary
     WHERE p.organisation_id = $1 AND ${waysBackOf.none} ORDER BY a.address`,
    [organisationId],
  )
  return rows.map(({ address }) => address)
}

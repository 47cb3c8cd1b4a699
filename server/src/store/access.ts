/**
 * Tables operator, credential, session, sign_in_place, one_time_link, and the people behind sign-in names. Tokens are only ever seen
 * here as SHA-256; expiry is judged by the database's clock.
 */
import { CredentialKind } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { domainOf, HELD } from './pins.ts'
import { APP_PASSWORDS_ONLY, ASKED, HAS_FACTOR } from './second-factor.ts'

export interface Candidate {
  /** null: nobody's name, at a domain of addresses or UPNs of an organisation that has a directory */
  subjectId: Id | null
  /** null: an operator */
  organisationId: Id | null
  credentialId: Id | null
  verifier: string | null
  mustChange: boolean
  /** organisation.sign_in where its people may prove themselves elsewhere; null: not so */
  signIn: unknown
  ldapSealed: Buffer | null
  /** as the directory knows them: the UPN, else the first address, else what was typed */
  directoryName: string
  cachedId: Id | null
  /** the password that their directory last took for right */
  cached: string | null
  /** it is young enough and nobody stopped them (a pin `hold`) */
  cachedCounts: boolean
}

/**
 * Whom a sign-in name means, the best match first: an address, a UPN, an operator's name. One statement, whether the
 * name exists or not. Disabled people and operators are not found.
 */
export function candidatesByName(
  sql: Sql,
  names: { address: string; upn: string; operator: string },
): Promise<Candidate[]> {
  return sql.query<Candidate>(
    `SELECT s.subject_id AS "subjectId", s.organisation_id AS "organisationId",
       c.credential_id AS "credentialId", c.verifier, coalesce(c.must_change, false) AS "mustChange",
       o.sign_in AS "signIn", o.ldap_sealed AS "ldapSealed",
       coalesce(s.upn, (SELECT a.address FROM address a WHERE a.organisation_id = s.organisation_id AND a.person_id = s.subject_id AND a.is_primary), $1) AS "directoryName",
       k.credential_id AS "cachedId", k.verifier AS cached,
       coalesce(k.proved_at > now() - make_interval(days => (o.sign_in->'ldap'->>'cacheDays')::integer), false)
         AND NOT ${HELD({ organisation: 's.organisation_id', person: 's.subject_id', group: 's.group_id' })} AS "cachedCounts"
     FROM (
       SELECT 1 AS rank, p.person_id AS subject_id, p.organisation_id, p.upn, p.group_id FROM address a
         JOIN person p ON p.organisation_id = a.organisation_id AND p.person_id = a.person_id
         WHERE a.address = $1 AND p.disabled_at IS NULL
       UNION ALL
       SELECT 2, person_id, organisation_id, upn, group_id FROM person WHERE upn = $2 AND disabled_at IS NULL
       UNION ALL
       SELECT 3, operator_id, NULL, NULL, NULL FROM operator WHERE name = $3 AND disabled_at IS NULL
       UNION ALL
       SELECT 4, NULL, d.organisation_id, NULL, NULL FROM domain d JOIN organisation own ON own.organisation_id = d.organisation_id
         WHERE d.name = ${domainOf('$1')} AND own.ldap_sealed IS NOT NULL
       UNION ALL
       (SELECT 5, NULL, p.organisation_id, NULL, NULL FROM person p JOIN organisation own ON own.organisation_id = p.organisation_id
         WHERE p.upn IS NOT NULL AND split_part(p.upn, '@', -1) = ${domainOf('$2')} AND own.ldap_sealed IS NOT NULL LIMIT 1)
     ) s LEFT JOIN credential c ON c.subject_id = s.subject_id AND c.kind = ${CredentialKind.password}
     LEFT JOIN organisation o ON o.organisation_id = s.organisation_id AND o.ldap_sealed IS NOT NULL
     LEFT JOIN credential k ON k.subject_id = s.subject_id AND k.kind = ${CredentialKind.cached} AND o.organisation_id IS NOT NULL
     ORDER BY (s.subject_id IS NULL), (c.verifier IS NULL AND o.organisation_id IS NULL), s.rank LIMIT 1`,
    [names.address, names.upn, names.operator],
    'access-candidates',
  )
}

/** codes.ts Role; null: nobody there who may sign in. */
export async function roleOf(sql: Sql, organisationId: Id, personId: Id): Promise<number | null> {
  const rows = await sql.query<{ role: number }>(
    'SELECT role FROM person WHERE organisation_id = $1 AND person_id = $2 AND disabled_at IS NULL',
    [organisationId, personId],
  )
  return rows[0]?.role ?? null
}

export interface Verifier {
  credentialId: Id
  verifier: string
  mustChange: boolean
}

export async function verifierOf(sql: Sql, subjectId: Id): Promise<Verifier | null> {
  const rows = await sql.query<Verifier>(
    `SELECT credential_id AS "credentialId", verifier, must_change AS "mustChange" FROM credential WHERE subject_id = $1 AND kind = ${CredentialKind.password}`,
    [subjectId],
  )
  return rows[0] ?? null
}

/**
 * Is what a person signed in with, the account's password or an app password, still good, and may they still sign in?
 * Where they have a second factor, or are to have one, only app passwords are. A one-time password that waits to be replaced stops both (core/access/verify-person.ts).
 */
export async function credentialHolds(
  sql: Sql,
  who: { organisationId: Id; personId: Id; credentialId: Id },
): Promise<boolean> {
  const rows = await sql.query(
    `SELECT FROM person p
     WHERE p.organisation_id = $1 AND p.person_id = $2 AND p.disabled_at IS NULL
       AND (EXISTS (SELECT FROM credential c WHERE c.credential_id = $3 AND c.subject_id = p.person_id AND NOT c.must_change)
           AND NOT ${APP_PASSWORDS_ONLY('p')}
         OR EXISTS (SELECT FROM app_password a
              WHERE a.app_password_id = $3 AND a.organisation_id = p.organisation_id AND a.person_id = p.person_id)
           AND NOT EXISTS (SELECT FROM credential c
              WHERE c.subject_id = p.person_id AND c.kind = ${CredentialKind.password} AND c.must_change))`,
    [who.organisationId, who.personId, who.credentialId],
    'access-credential-holds',
  )
  return rows.length === 1
}

export interface NewCredential {
  credentialId: Id
  organisationId: Id | null
  subjectId: Id
  verifier: string
  mustChange: boolean
}

/** Replaces the subject's password; when they last signed in stays known. */
export async function replaceCredential(sql: Sql, credential: NewCredential): Promise<void> {
  await sql.query(
    `INSERT INTO credential (credential_id, organisation_id, subject_id, kind, verifier, must_change)
     VALUES ($1, $2, $3, ${CredentialKind.password}, $4, $5)
     ON CONFLICT (subject_id) WHERE kind = ${CredentialKind.password}
     DO UPDATE SET credential_id = excluded.credential_id, verifier = excluded.verifier, must_change = excluded.must_change,
       created_at = now()`,
    [
      credential.credentialId,
      credential.organisationId,
      credential.subjectId,
      credential.verifier,
      credential.mustChange,
    ],
  )
}

/** Is it still the subject's? Nobody replaces it before this transaction ends. */
export async function lockCredential(sql: Sql, subjectId: Id, credentialId: Id): Promise<boolean> {
  const rows = await sql.query('SELECT FROM credential WHERE credential_id = $1 AND subject_id = $2 FOR UPDATE', [
    credentialId,
    subjectId,
  ])
  return rows.length === 1
}

/** False where it was replaced meanwhile: what it proved does not hold any more. */
/** Until the transaction ends nobody signs in by a password of theirs. */
export async function lockCredentialsOf(sql: Sql, subjectId: Id): Promise<void> {
  await sql.query('SELECT 1 FROM credential WHERE subject_id = $1 ORDER BY credential_id FOR UPDATE', [subjectId])
}

export async function credentialUsed(sql: Sql, credentialId: Id): Promise<boolean> {
  const rows = await sql.query('UPDATE credential SET last_used_at = now() WHERE credential_id = $1 RETURNING 1', [
    credentialId,
  ])
  return rows.length === 1
}

// ---------------------------------------------------------------- sessions

export interface NewSession {
  tokenHash: Buffer
  organisationId: Id | null
  subjectId: Id
  isOperator: boolean
  byDirectory: boolean
  byProvider: boolean
  csrf: string
  idleSeconds: number
  choosesPassword: boolean
  clientIp: string | null
  userAgent: string | null
}

export async function insertSession(sql: Sql, session: NewSession): Promise<void> {
  await sql.query(
    `INSERT INTO session (token_hash, organisation_id, subject_id, is_operator, by_directory, csrf, expires_at, client_ip, user_agent, chooses_password, by_provider)
     VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7), $8, $9, $10, $11)`,
    [
      session.tokenHash,
      session.organisationId,
      session.subjectId,
      session.isOperator,
      session.byDirectory,
      session.csrf,
      session.idleSeconds,
      session.clientIp,
      session.userAgent,
      session.choosesPassword,
      session.byProvider,
    ],
  )
}

export interface SessionRow {
  subjectId: Id
  organisationId: Id | null
  isOperator: boolean
  csrf: string
  mustChange: boolean
  choosesPassword: boolean
  byProvider: boolean
  /** the organisation asks for a second factor */
  asked: boolean
  hasFactor: boolean
  /** seconds since the expiry was last moved */
  idle: number
  name: string
  locale: string
  role: number
  organisationName: string | null
}

/** The living session of a token, with whose it is; nothing for an ended one or a disabled account. */
export async function sessionByToken(sql: Sql, tokenHash: Buffer, rpId: string | null): Promise<SessionRow | null> {
  const rows = await sql.query<SessionRow>(
    `SELECT s.subject_id AS "subjectId", s.organisation_id AS "organisationId", s.is_operator AS "isOperator", s.csrf,
            coalesce(c.must_change, false) AND NOT s.by_directory AND NOT s.by_provider AS "mustChange", s.chooses_password AS "choosesPassword", s.by_provider AS "byProvider", extract(epoch FROM now() - s.seen_at)::float8 AS idle,
            coalesce(p.name, op.display) AS name, coalesce(p.locale, op.locale) AS locale, coalesce(p.role, 0) AS role,
            o.name AS "organisationName", coalesce(${ASKED('p', 'o')}, false) AS asked, ${HAS_FACTOR('s.subject_id', '$2')} AS "hasFactor"
     FROM session s
     LEFT JOIN person p ON NOT s.is_operator AND p.organisation_id = s.organisation_id AND p.person_id = s.subject_id AND p.disabled_at IS NULL
     LEFT JOIN operator op ON s.is_operator AND op.operator_id = s.subject_id AND op.disabled_at IS NULL
     LEFT JOIN organisation o ON o.organisation_id = s.organisation_id
     LEFT JOIN credential c ON c.subject_id = s.subject_id AND c.kind = ${CredentialKind.password}
     WHERE s.token_hash = $1 AND s.expires_at > now() AND coalesce(p.person_id, op.operator_id) IS NOT NULL`,
    [tokenHash, rpId],
    'access-session',
  )
  return rows[0] ?? null
}

/** Has it not been ended? Nobody ends it before this transaction is over. */
export async function sessionIsThere(sql: Sql, tokenHash: Buffer): Promise<boolean> {
  const rows = await sql.query('SELECT FROM session WHERE token_hash = $1 AND expires_at > now() FOR SHARE', [
    tokenHash,
  ])
  return rows.length === 1
}

/** Moves a session's end, never beyond its absolute one. */
export async function touchSession(
  sql: Sql,
  tokenHash: Buffer,
  idleSeconds: number,
  longestSeconds: number,
): Promise<void> {
  await sql.query(
    `UPDATE session SET seen_at = now(), expires_at = least(now() + make_interval(secs => $2), created_at + make_interval(secs => $3))
     WHERE token_hash = $1`,
    [tokenHash, idleSeconds, longestSeconds],
  )
}

/** False where it has ended already. */
export async function deleteSession(sql: Sql, tokenHash: Buffer): Promise<boolean> {
  const rows = await sql.query('DELETE FROM session WHERE token_hash = $1 RETURNING 1', [tokenHash])
  return rows.length === 1
}

export async function deleteSessionsOf(sql: Sql, subjectId: Id): Promise<number> {
  const rows = await sql.query<{ gone: number }>(
    'WITH d AS (DELETE FROM session WHERE subject_id = $1 RETURNING 1) SELECT count(*) AS gone FROM d',
    [subjectId],
  )
  return rows[0]!.gone
}

export interface OwnSession {
  id: string
  createdAt: Date
  /** when something was asked for last, to the minute */
  seenAt: Date
  clientIp: string | null
  userAgent: string | null
  isThis: boolean
}

/** What a session is named by: part of the hash, with which nobody signs in. */
const SESSION_ID = "encode(substring(token_hash FOR 12), 'hex')"

/** Living ones of an account, the last used first. */
export function sessionsOf(sql: Sql, subjectId: Id, tokenHash: Buffer): Promise<OwnSession[]> {
  return sql.query<OwnSession>(
    `SELECT ${SESSION_ID} AS id, created_at AS "createdAt", seen_at AS "seenAt", client_ip AS "clientIp",
       user_agent AS "userAgent", token_hash = $2 AS "isThis"
     FROM session WHERE subject_id = $1 AND expires_at > now() ORDER BY token_hash = $2 DESC, seen_at DESC LIMIT 200`,
    [subjectId, tokenHash],
  )
}

/** Ends one of the account's by its id, or (null) all but the one with this hash; how many. */
export async function endSessionsOf(
  sql: Sql,
  subjectId: Id,
  which: { id: string | null; except: Buffer },
): Promise<number> {
  const rows = await sql.query(
    `DELETE FROM session WHERE subject_id = $1 AND token_hash <> $3 AND ($2::text IS NULL OR ${SESSION_ID} = $2) RETURNING 1`,
    [subjectId, which.id, which.except],
  )
  return rows.length
}

export async function deleteEndedSessions(sql: Sql): Promise<void> {
  await sql.query('DELETE FROM session WHERE expires_at <= now()')
}

// ---------------------------------------------------------------- places

/** So long a place is remembered without being used, and so many of one subject: phones change theirs all day. */
const PLACE_DAYS = 90
const PLACES_EACH = 20

export async function isKnownPlace(sql: Sql, place: Buffer): Promise<boolean> {
  const rows = await sql.query('SELECT FROM sign_in_place WHERE place = $1', [place], 'access-place')
  return rows.length === 1
}

/** True where it is new. */
export async function rememberPlace(sql: Sql, place: Buffer, subjectId: Id): Promise<boolean> {
  const rows = await sql.query<{ isNew: boolean }>(
    `INSERT INTO sign_in_place (place, subject_id) VALUES ($1, $2)
     ON CONFLICT (place) DO UPDATE SET subject_id = $2, seen_at = now() RETURNING xmax = 0 AS "isNew"`,
    [place, subjectId],
  )
  if (!rows[0]!.isNew) return false
  await sql.query(
    `DELETE FROM sign_in_place WHERE place IN
       (SELECT place FROM sign_in_place WHERE subject_id = $1 ORDER BY seen_at DESC, place OFFSET $2)`,
    [subjectId, PLACES_EACH],
  )
  return true
}

export async function forgetOldPlaces(sql: Sql): Promise<void> {
  await sql.query('DELETE FROM sign_in_place WHERE seen_at < now() - make_interval(days => $1)', [PLACE_DAYS])
}

// ---------------------------------------------------------------- operators and one-time links

export async function operatorCount(sql: Sql): Promise<number> {
  const rows = await sql.query<{ n: number }>('SELECT count(*) AS n FROM operator WHERE disabled_at IS NULL')
  return rows[0]!.n
}

/** False where the name is taken, by an operator or as somebody's address or UPN. */
export async function insertOperator(
  sql: Sql,
  operator: { operatorId: Id; name: string; display: string; locale: string },
): Promise<boolean> {
  const rows = await sql.query(
    `INSERT INTO operator (operator_id, name, display, locale)
     SELECT $1, $2, $3, $4
     WHERE NOT EXISTS (SELECT FROM address WHERE address = $2) AND NOT EXISTS (SELECT FROM person WHERE upn = $2)
     ON CONFLICT (name) DO NOTHING RETURNING 1`,
    [operator.operatorId, operator.name, operator.display, operator.locale],
  )
  return rows.length === 1
}

export async function setLocale(
  sql: Sql,
  subject: { subjectId: Id; organisationId: Id | null },
  locale: string,
): Promise<void> {
  if (subject.organisationId === null)
    await sql.query('UPDATE operator SET locale = $2 WHERE operator_id = $1', [subject.subjectId, locale])
  else
    await sql.query('UPDATE person SET locale = $3 WHERE organisation_id = $1 AND person_id = $2', [
      subject.organisationId,
      subject.subjectId,
      locale,
    ])
}

/** A new link of a purpose; earlier unused ones of it end. */
export async function insertLink(
  sql: Sql,
  link: { tokenHash: Buffer; purpose: number; seconds: number },
): Promise<void> {
  await sql.query('DELETE FROM one_time_link WHERE purpose = $1 AND used_at IS NULL', [link.purpose])
  await sql.query(
    `INSERT INTO one_time_link (token_hash, purpose, expires_at) VALUES ($1, $2, now() + make_interval(secs => $3))`,
    [link.tokenHash, link.purpose, link.seconds],
  )
}

export async function linkIsValid(sql: Sql, tokenHash: Buffer, purpose: number): Promise<boolean> {
  const rows = await sql.query(
    'SELECT FROM one_time_link WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > now()',
    [tokenHash, purpose],
  )
  return rows.length === 1
}

/** True for exactly one caller. */
export async function useLink(sql: Sql, tokenHash: Buffer, purpose: number): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE one_time_link SET used_at = now() WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > now() RETURNING 1`,
    [tokenHash, purpose],
  )
  return rows.length === 1
}

/**
 * Tables second_factor and half_sign_in: the secret of somebody's authenticator app (sealed), which steps were used, and who has
 * proved the first of two things. Every rule of "once" is one statement here, so that it holds between processes.
 */
import { Role } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

/** What is asked anew stops somebody who knows the password: three codes of a million are right at a time. */
const MOST_WRONG_PER_HOUR = 20
const MOST_TRIES = 5

/** Nobody disabled: a half-open door of theirs stays shut. */
export const MAY_SIGN_IN = (row: string): string =>
  `(EXISTS (SELECT FROM person p WHERE p.organisation_id = ${row}.organisation_id AND p.person_id = ${row}.subject_id AND p.disabled_at IS NULL)
    OR ${row}.organisation_id IS NULL AND EXISTS (SELECT FROM operator x WHERE x.operator_id = ${row}.subject_id AND x.disabled_at IS NULL))`

/** Does the organisation `o` ask the person `p` for a second factor? What people of a role can do is worth more than a mailbox. */
export const ASKED = (p: string, o: string): string =>
  `(coalesce(${o}.sign_in->>'secondFactor', '') = 'required'
    OR ${o}.sign_in->>'secondFactor' = 'requiredForRoles' AND ${p}.role <> ${Role.person})`

/** Has the subject one that counts on the pages? A passkey does at the name it was made at ($n: that name). */
export const HAS_FACTOR = (subject: string, rpId: string): string =>
  `(EXISTS (SELECT FROM second_factor f WHERE f.subject_id = ${subject} AND f.confirmed_at IS NOT NULL)
    OR EXISTS (SELECT FROM passkey k WHERE k.subject_id = ${subject} AND k.rp_id = ${rpId}))`

/** Where mail clients take app passwords only: somebody has a second factor of any kind, or is to have one. */
export const APP_PASSWORDS_ONLY = (p: string): string =>
  `(EXISTS (SELECT FROM second_factor f WHERE f.subject_id = ${p}.person_id AND f.confirmed_at IS NOT NULL)
    OR EXISTS (SELECT FROM passkey k WHERE k.subject_id = ${p}.person_id)
    OR EXISTS (SELECT FROM organisation o WHERE o.organisation_id = ${p}.organisation_id AND ${ASKED(p, 'o')}))`

export async function mailTakesAppPasswordsOnly(sql: Sql, organisationId: Id, personId: Id): Promise<boolean> {
  const rows = await sql.query(
    `SELECT FROM person p WHERE p.organisation_id = $1 AND p.person_id = $2 AND ${APP_PASSWORDS_ONLY('p')}`,
    [organisationId, personId],
    'app-passwords-only',
  )
  return rows.length === 1
}

export interface Factors {
  app: boolean
  passkey: boolean
}

/** What can be asked for as the second step, on pages of this name (null: where no passkey works). */
export async function factorsOf(sql: Sql, subjectId: Id, rpId: string | null): Promise<Factors> {
  const rows = await sql.query<Factors>(
    `SELECT EXISTS (SELECT FROM second_factor WHERE subject_id = $1 AND confirmed_at IS NOT NULL) AS app,
       EXISTS (SELECT FROM passkey WHERE subject_id = $1 AND rp_id = $2) AS passkey`,
    [subjectId, rpId],
    'factors-of',
  )
  return rows[0]!
}

/** Of any kind, whatever name the pages had. */
export async function hasAnyFactor(sql: Sql, subjectId: Id): Promise<boolean> {
  const rows = await sql.query(
    `SELECT WHERE EXISTS (SELECT FROM second_factor WHERE subject_id = $1 AND confirmed_at IS NOT NULL)
       OR EXISTS (SELECT FROM passkey WHERE subject_id = $1)`,
    [subjectId],
  )
  return rows.length === 1
}

export interface SecondFactorRow {
  sealed: Buffer
  confirmedAt: Date | null
}

export async function secondFactorOf(sql: Sql, subjectId: Id): Promise<SecondFactorRow | null> {
  const rows = await sql.query<SecondFactorRow>(
    'SELECT secret_sealed AS sealed, confirmed_at AS "confirmedAt" FROM second_factor WHERE subject_id = $1',
    [subjectId],
    'second-factor-of',
  )
  return rows[0] ?? null
}

/** In place of one that was never confirmed; false where one is in use. */
export async function offerSecondFactor(
  sql: Sql,
  one: { subjectId: Id; organisationId: Id | null; sealed: Buffer },
): Promise<boolean> {
  const rows = await sql.query(
    `INSERT INTO second_factor (subject_id, organisation_id, secret_sealed) VALUES ($1, $2, $3)
     ON CONFLICT (subject_id) DO UPDATE SET secret_sealed = excluded.secret_sealed, created_at = now()
       WHERE second_factor.confirmed_at IS NULL RETURNING 1`,
    [one.subjectId, one.organisationId, one.sealed],
  )
  return rows.length === 1
}

/** False where it is confirmed already, or another secret was offered meanwhile. */
export async function confirmSecondFactor(sql: Sql, subjectId: Id, sealed: Buffer, step: number): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE second_factor SET confirmed_at = now(), last_step = $3
     WHERE subject_id = $1 AND secret_sealed = $2 AND confirmed_at IS NULL RETURNING 1`,
    [subjectId, sealed, step],
  )
  return rows.length === 1
}

/** True for one caller alone: a step counts once, and none before it counts any more. */
export async function useStep(sql: Sql, subjectId: Id, sealed: Buffer, step: number): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE second_factor SET last_step = $3, wrong = 0
     WHERE subject_id = $1 AND secret_sealed = $2 AND confirmed_at IS NOT NULL AND last_step < $3 RETURNING 1`,
    [subjectId, sealed, step],
  )
  return rows.length === 1
}

/** Counts a guess before it is looked at; false: there were too many within an hour, from wherever. */
export async function countGuess(sql: Sql, subjectId: Id): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE second_factor SET
       wrong = CASE WHEN wrong_since > now() - interval '1 hour' THEN wrong + 1 ELSE 1 END,
       wrong_since = CASE WHEN wrong_since > now() - interval '1 hour' THEN wrong_since ELSE now() END
     WHERE subject_id = $1 AND (wrong < ${MOST_WRONG_PER_HOUR} OR wrong_since <= now() - interval '1 hour') RETURNING 1`,
    [subjectId],
  )
  return rows.length === 1
}

/** True where there was one in use. What is half open with it ends as well. */
export async function deleteSecondFactor(sql: Sql, subjectId: Id): Promise<boolean> {
  const rows = await sql.query<{ was: boolean }>(
    'DELETE FROM second_factor WHERE subject_id = $1 RETURNING confirmed_at IS NOT NULL AS was',
    [subjectId],
  )
  await deleteHalfSignIns(sql, subjectId)
  return rows[0]?.was ?? false
}

export interface HalfSignIn {
  subjectId: Id
  organisationId: Id | null
  /** the password that was proved; null: a link to a private address */
  credentialId: Id | null
  /** how the first was proved, as it stands in the audit; null: a password kept here */
  proof: string | null
  choosesPassword: boolean
}

export async function insertHalfSignIn(
  sql: Sql,
  half: HalfSignIn & { tokenHash: Buffer; seconds: number },
): Promise<void> {
  await sql.query(
    `INSERT INTO half_sign_in (token_hash, organisation_id, subject_id, credential_id, proof, chooses_password, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))`,
    [
      half.tokenHash,
      half.organisationId,
      half.subjectId,
      half.credentialId,
      half.proof,
      half.choosesPassword,
      half.seconds,
    ],
  )
}

/** Whose it is, without counting a try; null as for tryHalfSignIn. */
export async function halfSignInOf(sql: Sql, tokenHash: Buffer): Promise<Id | null> {
  const rows = await sql.query<{ subjectId: Id }>(
    `SELECT subject_id AS "subjectId" FROM half_sign_in h
     WHERE token_hash = $1 AND expires_at > now() AND tries < ${MOST_TRIES} AND ${MAY_SIGN_IN('h')}`,
    [tokenHash],
  )
  return rows[0]?.subjectId ?? null
}

/** One try of the few it has; null: there is none, it ran out, or the person may not sign in any more. */
export async function tryHalfSignIn(sql: Sql, tokenHash: Buffer): Promise<HalfSignIn | null> {
  const rows = await sql.query<HalfSignIn>(
    `UPDATE half_sign_in h SET tries = tries + 1
     WHERE token_hash = $1 AND expires_at > now() AND tries < ${MOST_TRIES} AND ${MAY_SIGN_IN('h')}
     RETURNING subject_id AS "subjectId", organisation_id AS "organisationId", credential_id AS "credentialId",
       proof, chooses_password AS "choosesPassword"`,
    [tokenHash],
  )
  return rows[0] ?? null
}

/** True for one caller alone. */
export async function endHalfSignIn(sql: Sql, tokenHash: Buffer): Promise<boolean> {
  const rows = await sql.query('DELETE FROM half_sign_in WHERE token_hash = $1 RETURNING 1', [tokenHash])
  return rows.length === 1
}

export async function deleteHalfSignIns(sql: Sql, subjectId: Id): Promise<void> {
  await sql.query('DELETE FROM half_sign_in WHERE subject_id = $1', [subjectId])
}

export async function deleteOldHalfSignIns(sql: Sql): Promise<void> {
  await sql.query('DELETE FROM half_sign_in WHERE expires_at < now()')
}

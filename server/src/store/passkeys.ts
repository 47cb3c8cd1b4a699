/**
 * Tables passkey and passkey_challenge. Every rule of "once" and of the counter is one statement here, so that it holds between
 * processes; expiry is judged by the database's clock.
 */
import { CredentialKind, type PasskeyPurpose } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'
import { MAY_SIGN_IN } from './second-factor.ts'

/** Waiting for an answer: more make the oldest worthless, of that network or of all. */
export const MOST_OF_NETWORK = 300
export const MOST_OF_ALL = 20_000

export interface Challenge {
  hash: Buffer
  holderHash: Buffer
  purpose: PasskeyPurpose
}

export async function insertChallenge(
  sql: Sql,
  one: Challenge & { network: string; seconds: number },
  most: { ofNetwork: number; ofAll: number } = { ofNetwork: MOST_OF_NETWORK, ofAll: MOST_OF_ALL },
): Promise<void> {
  await sql.query(
    `WITH surplus AS (
       (SELECT challenge_hash FROM passkey_challenge WHERE purpose = $3 AND network = $4 ORDER BY expires_at DESC, challenge_hash OFFSET $6)
       UNION (SELECT challenge_hash FROM passkey_challenge WHERE purpose = $3 ORDER BY expires_at DESC, challenge_hash OFFSET $7)
     ), gone AS (DELETE FROM passkey_challenge c USING surplus s WHERE c.challenge_hash = s.challenge_hash)
     INSERT INTO passkey_challenge (challenge_hash, holder_hash, purpose, network, expires_at)
     VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))`,
    [one.hash, one.holderHash, one.purpose, one.network, one.seconds, most.ofNetwork - 1, most.ofAll - 1],
  )
}

/** True for one caller alone: the one who holds it, before its end. Anybody else's stays. */
export async function takeChallenge(sql: Sql, { hash, holderHash, purpose }: Challenge): Promise<boolean> {
  const rows = await sql.query<{ living: boolean }>(
    `DELETE FROM passkey_challenge WHERE challenge_hash = $1 AND holder_hash = $2 AND purpose = $3
     RETURNING expires_at > now() AS living`,
    [hash, holderHash, purpose],
  )
  return rows[0]?.living ?? false
}

export async function deleteOldChallenges(sql: Sql): Promise<void> {
  await sql.query('DELETE FROM passkey_challenge WHERE expires_at < now()')
}

export interface PasskeyRow {
  id: Id
  name: string
  isBackedUp: boolean
  createdAt: Date
  lastUsedAt: Date | null
  rpId: string
}

const COLUMNS = `passkey_id AS id, name, is_backed_up AS "isBackedUp", created_at AS "createdAt", last_used_at AS "lastUsedAt", rp_id AS "rpId"`

export function passkeysOf(sql: Sql, subjectId: Id): Promise<PasskeyRow[]> {
  return sql.query<PasskeyRow>(`SELECT ${COLUMNS} FROM passkey WHERE subject_id = $1 ORDER BY created_at, passkey_id`, [
    subjectId,
  ])
}

/** What a browser is told, so that it offers those and no others. */
export function credentialsOf(
  sql: Sql,
  subjectId: Id,
  rpId: string,
): Promise<{ credential: Buffer; transports: string[] }[]> {
  return sql.query(
    'SELECT credential, transports FROM passkey WHERE subject_id = $1 AND rp_id = $2 ORDER BY created_at',
    [subjectId, rpId],
  )
}

export interface NewPasskey {
  id: Id
  organisationId: Id | null
  subjectId: Id
  rpId: string
  credential: Buffer
  publicKey: Buffer
  counter: number
  transports: string[]
  name: string
  isBackedUp: boolean
}

/** Null where this authenticator's key is somebody's already. */
export async function insertPasskey(sql: Sql, one: NewPasskey): Promise<PasskeyRow | null> {
  const rows = await sql.query<PasskeyRow>(
    `INSERT INTO passkey (passkey_id, organisation_id, subject_id, rp_id, credential, public_key, counter, transports, name, is_backed_up)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (credential) DO NOTHING RETURNING ${COLUMNS}`,
    [
      ...[one.id, one.organisationId, one.subjectId, one.rpId, one.credential, one.publicKey, one.counter],
      ...[one.transports, one.name, one.isBackedUp],
    ],
  )
  return rows[0] ?? null
}

export interface KnownPasskey {
  id: Id
  subjectId: Id
  organisationId: Id | null
  publicKey: Buffer
  name: string
  counter: number
  /** a one-time password of theirs waits to be replaced */
  mustChange: boolean
}

/** Nothing of who may not sign in, nor of one that was made at another name of the pages. */
export async function passkeyByCredential(sql: Sql, credential: Buffer, rpId: string): Promise<KnownPasskey | null> {
  const rows = await sql.query<KnownPasskey>(
    `SELECT k.passkey_id AS id, k.subject_id AS "subjectId", k.organisation_id AS "organisationId", k.public_key AS "publicKey",
       k.name, k.counter::float8 AS counter, coalesce(c.must_change, false) AS "mustChange"
     FROM passkey k LEFT JOIN credential c ON c.subject_id = k.subject_id AND c.kind = ${CredentialKind.password}
     WHERE k.credential = $1 AND k.rp_id = $2 AND ${MAY_SIGN_IN('k')}`,
    [credential, rpId],
  )
  return rows[0] ?? null
}

/**
 * Counts a use. `back`: its counter did not move on, so that somebody may have a copy; `gone`: removed meanwhile, or whoever it is
 * may not sign in any more. Authenticators that count nothing say 0 each time.
 */
export async function usePasskey(
  sql: Sql,
  id: Id,
  used: { counter: number; isBackedUp: boolean },
): Promise<'used' | 'back' | 'gone'> {
  const rows = await sql.query<{ moved: boolean }>(
    `WITH one AS (SELECT passkey_id, (counter = 0 AND $2 = 0) OR $2 > counter AS moved FROM passkey k
       WHERE passkey_id = $1 AND ${MAY_SIGN_IN('k')} FOR UPDATE),
     did AS (UPDATE passkey k SET counter = $2, is_backed_up = $3, last_used_at = now() FROM one
       WHERE k.passkey_id = one.passkey_id AND one.moved)
     SELECT moved FROM one`,
    [id, used.counter, used.isBackedUp],
  )
  return rows.length === 0 ? 'gone' : rows[0]!.moved ? 'used' : 'back'
}

/** One of theirs, or (null) all; their names. */
export async function deletePasskeys(sql: Sql, subjectId: Id, id: Id | null): Promise<string[]> {
  const rows = await sql.query<{ name: string }>(
    'DELETE FROM passkey WHERE subject_id = $1 AND ($2::uuid IS NULL OR passkey_id = $2) RETURNING name',
    [subjectId, id],
  )
  return rows.map(({ name }) => name)
}

/** Made at a name that the pages do not have any more: nobody can use them. */
export async function countForeignPasskeys(sql: Sql, rpId: string | null): Promise<number> {
  const [row] = await sql.query<{ count: number }>(
    'SELECT count(*) AS count FROM passkey WHERE $1::text IS NULL OR rp_id <> $1',
    [rpId],
  )
  return row!.count
}

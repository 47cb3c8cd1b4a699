/**
 * Browser sessions. The cookie holds 32 random bytes, the database only their SHA-256; signing in always makes a new
 * token and ends the one that was presented (session fixation); an hour's silence is nothing, twelve end it, a week ends
 * it in any case. A session is looked up on every request: an ended one is ended everywhere at once.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Database, Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import { Role, wordOf } from '../../platform/codes.ts'
import { deleteSession, insertSession, sessionByToken, touchSession } from '../../store/access.ts'
import type { SessionRow } from '../../store/access.ts'
import type { Ability, RoleWord } from './abilities.ts'
import { abilitiesBeforeChange, roleAbilities } from './abilities.ts'

export const IDLE_SECONDS = 12 * 3600
export const LONGEST_SECONDS = 7 * 24 * 3600
/** The end is moved at most this often: reading mail does not write a row per click. */
const TOUCH_AFTER_SECONDS = 60

export interface Session {
  kind: 'person' | 'operator'
  subjectId: Id
  organisationId: Id | null
  organisationName: string | null
  name: string
  locale: string
  role: RoleWord
  abilities: readonly Ability[]
  mustChangePassword: boolean
  /** signed in by an emergency code: the new password is chosen without the one before */
  choosesPassword: boolean
  /** signed in by the organisation's identity provider, which asks for a second factor itself: ours is not asked for */
  byProvider: boolean
  /** their organisation (or the installation, of operators) asks for a second factor, and there is none yet */
  lacksSecondFactor: boolean
  csrf: string
  /** of its token: it names the session, and signs nobody in */
  tokenHash: Buffer
  /** for audit rows: 'person:<id>' or 'operator:<id>' */
  actor: string
}

export interface Visitor {
  clientIp: string | null
  userAgent: string | null
}

export const hashOfToken = (token: string): Buffer => createHash('sha256').update(token).digest()
const TOKEN = /^[A-Za-z0-9_-]{43}$/

export const actorOf = (one: { subjectId: Id; organisationId: Id | null }): string =>
  `${one.organisationId === null ? 'operator' : 'person'}:${one.subjectId}`

/** While a one-time password waits to be replaced, nothing else is set up. */
export function checkChosen(session: Pick<Session, 'mustChangePassword'>): void {
  if (session.mustChangePassword) throw new WireError('password-change-needed')
}

/** What outlasts a session (app passwords, a private address) is for who is in entirely. */
export function checkEntered(session: Pick<Session, 'mustChangePassword' | 'lacksSecondFactor'>): void {
  checkChosen(session)
  if (session.lacksSecondFactor) throw new WireError('second-factor-missing')
}

export interface FactorRules {
  /** name of the pages that passkeys are made at; null: none */
  rpId: string | null
  /** of operators; of people their organisation says it */
  operatorsNeedOne: boolean
}

function present(row: SessionRow, tokenHash: Buffer, rules: FactorRules): Session {
  const kind = row.isOperator ? 'operator' : 'person'
  const role: RoleWord = row.isOperator ? 'operator' : wordOf(Role, row.role)
  const mustChange = row.mustChange || row.choosesPassword
  const isAsked = row.isOperator ? rules.operatorsNeedOne : row.asked && !row.byProvider
  const lacksSecondFactor = isAsked && !row.hasFactor
  return {
    kind,
    subjectId: row.subjectId,
    organisationId: row.organisationId,
    organisationName: row.organisationName,
    name: row.name,
    locale: row.locale,
    role,
    abilities: mustChange || lacksSecondFactor ? abilitiesBeforeChange : roleAbilities[role],
    mustChangePassword: mustChange,
    choosesPassword: row.choosesPassword,
    byProvider: row.byProvider,
    lacksSecondFactor,
    csrf: row.csrf,
    tokenHash,
    actor: actorOf(row),
  }
}

/** Makes a session and gives the cookie's value; the one presented, if any, ends. */
export async function beginSession(
  sql: Sql,
  subject: {
    subjectId: Id
    organisationId: Id | null
    byDirectory?: boolean
    byProvider?: boolean
    choosesPassword?: boolean
  },
  visitor: Visitor,
  presented: string | undefined,
): Promise<string> {
  if (presented && TOKEN.test(presented)) await deleteSession(sql, hashOfToken(presented))
  const token = randomBytes(32).toString('base64url')
  await insertSession(sql, {
    tokenHash: hashOfToken(token),
    organisationId: subject.organisationId,
    subjectId: subject.subjectId,
    isOperator: subject.organisationId === null,
    byDirectory: subject.byDirectory ?? false,
    byProvider: subject.byProvider ?? false,
    csrf: randomBytes(24).toString('base64url'),
    idleSeconds: IDLE_SECONDS,
    clientIp: visitor.clientIp,
    choosesPassword: subject.choosesPassword ?? false,
    userAgent: visitor.userAgent?.replaceAll('\0', '').slice(0, 300) ?? null,
  })
  return token
}

export async function findSession(
  db: Database,
  token: string | undefined,
  rules: FactorRules,
): Promise<Session | null> {
  if (!token || !TOKEN.test(token)) return null
  const hash = hashOfToken(token)
  const row = await sessionByToken(db, hash, rules.rpId)
  if (!row) return null
  if (row.idle > TOUCH_AFTER_SECONDS) await touchSession(db, hash, IDLE_SECONDS, LONGEST_SECONDS)
  return present(row, hash, rules)
}

export async function endSession(sql: Sql, token: string | undefined): Promise<void> {
  if (token && TOKEN.test(token)) await deleteSession(sql, hashOfToken(token))
}

/** Compares without telling by time how much was right. */
export function csrfMatches(session: Session, presented: string | undefined): boolean {
  if (presented === undefined) return false
  const [a, b] = [Buffer.from(session.csrf), Buffer.from(presented)]
  return a.length === b.length && timingSafeEqual(a, b)
}

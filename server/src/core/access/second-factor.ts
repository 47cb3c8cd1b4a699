/**
 * Two-step sign-in: after the password a code of an authenticator app, or a passkey (passkeys.ts). Whoever has proved the first only holds a token of a few
 * minutes and five tries, which is no session and opens nothing. Whether somebody has a second factor shows after the right
 * password alone. Emergency codes on paper go without it: they are for the day on which the telephone is gone too.
 *
 * Guesses have the brakes of passwords, under a name of their own for each person, and are counted in the database as well:
 * other networks and other processes do not begin anew.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../../platform/clock.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import { NIL_ID } from '../../platform/ids.ts'
import type { Keys } from '../../platform/keys.ts'
import { credentialUsed, endSessionsOf, lockCredentialsOf, sessionIsThere } from '../../store/access.ts'
import { deletePasskeys } from '../../store/passkeys.ts'
import * as store from '../../store/second-factor.ts'
import { appendAudit } from '../audit/index.ts'
import { networkOf } from './delays.ts'
import type { Guard } from './guard.ts'
import type { PasskeyPlace } from './passkey-place.ts'
import { actorOf, beginSession, checkChosen, hashOfToken, type Session, type Visitor } from './sessions.ts'
import { tellOwner } from './tell-owner.ts'
import { base32, otpauthUri, SECRET_BYTES, stepOf } from './totp.ts'

export const HALF_SECONDS = 300
const ISSUER = 'Holdfast'

/** The first was right; `token` is the half-open sign-in's cookie. */
export class SecondFactorNeeded extends WireError {
  readonly token: string
  constructor(token: string, factors: store.Factors) {
    // Said after the right password alone: which of them can be asked for.
    super('second-factor-needed', [factors.app ? 'app' : '', factors.passkey ? 'passkey' : ''].join(' ').trim())
    this.token = token
  }
}

export interface SecondFactor {
  /** since when; null: there is none */
  since(session: Session): Promise<Date | null>
  /** A secret for the app, good for nothing until it is confirmed. Throws what signIn throws, and conflict. */
  offer(wish: {
    session: Session
    current: string
    account: string
    visitor: Visitor
  }): Promise<{ secret: string; uri: string }>
  /** Ends the account's other sessions: they have proved less. `token`: this one's. Throws not-found, conflict, sign-in-failed. */
  confirm(wish: { session: Session; token: string; code: string; visitor: Visitor }): Promise<void>
  end(wish: { session: Session; current: string; visitor: Visitor }): Promise<void>
  /** The second step. Gives the cookie's value. Throws sign-in-failed, signed-out (begin anew), sign-in-slow-down. */
  signIn(attempt: {
    half: string | undefined
    code: string
    visitor: Visitor
    presented?: string | undefined
  }): Promise<string>
}

const placeOfSecret = (subjectId: Id): string => `second_factor.secret_sealed:${subjectId}`

/**
 * After the right password only, in the transaction that would begin the session. What it gives is to be thrown once that is
 * committed, so that the half-open sign-in stays; null: there is no second factor.
 */
export async function askSecondFactor(
  sql: Sql,
  half: store.HalfSignIn,
  place: PasskeyPlace | null,
): Promise<SecondFactorNeeded | null> {
  const factors = await store.factorsOf(sql, half.subjectId, place?.rpId ?? null)
  if (!factors.app && !factors.passkey) return null
  const token = randomBytes(32).toString('base64url')
  await store.insertHalfSignIn(sql, { ...half, tokenHash: hashOfToken(token), seconds: HALF_SECONDS })
  return new SecondFactorNeeded(token, factors)
}

/** Both were right: the session, in the transaction that used the second one up. Throws sign-in-failed, signed-out. */
export async function enterBySecond(
  sql: Sql,
  {
    half,
    token,
    factor,
    visitor,
    presented,
  }: {
    half: store.HalfSignIn
    token: string
    factor: 'authenticator app' | 'passkey'
    visitor: Visitor
    presented: string | undefined
  },
): Promise<string> {
  // Used already, here or in another process.
  if (!(await store.endHalfSignIn(sql, hashOfToken(token)))) throw new WireError('sign-in-failed')
  if (half.credentialId !== null && !(await credentialUsed(sql, half.credentialId)))
    throw new WireError('signed-out', 'begin again with your password')
  const actor = actorOf(half)
  const byDirectory = half.proof === 'directory' || half.proof === 'remembered'
  const session = await beginSession(sql, { ...half, byDirectory }, visitor, presented)
  await appendAudit(sql, {
    organisationId: half.organisationId ?? NIL_ID,
    actor,
    action: 'signed-in',
    subject: actor,
    detail: {
      clientIp: visitor.clientIp,
      by: `${half.choosesPassword ? 'link' : 'password'} and ${factor}`,
      ...(byDirectory ? { proof: half.proof } : {}),
    },
  })
  return session
}

/** The app and all passkeys, taken away by somebody else, after a reset: audited where there were some. */
export async function removeSecondFactor(
  sql: Sql,
  whose: { subjectId: Id; organisationId: Id | null },
  actor: string,
  now: number,
): Promise<void> {
  const audited = (action: 'second-factor-removed' | 'passkey-removed', detail?: { name: string }) =>
    appendAudit(sql, {
      organisationId: whose.organisationId ?? NIL_ID,
      ...{ actor, action, subject: actorOf(whose) },
      ...(detail && { detail }),
    })
  const hadApp = await store.deleteSecondFactor(sql, whose.subjectId)
  if (hadApp) await audited('second-factor-removed')
  const passkeys = await deletePasskeys(sql, whose.subjectId, null)
  for (const name of passkeys) await audited('passkey-removed', { name })
  if (hadApp || passkeys.length > 0) await tellOwner(sql, { ...whose, kind: 'second-factor-removed', actor }, now)
}

export function createSecondFactor(deps: {
  db: Database
  clock: Clock
  keys: () => Keys
  guard: Pick<Guard, 'attempt'>
  /** throws where it is not the account's password; which one it is */
  verifyAgain(session: Session, password: string, visitor: Visitor): Promise<Id>
}): SecondFactor {
  const { db, clock, keys } = deps

  /** The step of a right code, braked and counted. Throws sign-in-failed, sign-in-slow-down. */
  async function prove(subjectId: Id, code: string, visitor: Visitor): Promise<{ sealed: Buffer; step: number }> {
    const origin = { name: `second factor ${subjectId}`, network: networkOf(visitor.clientIp ?? '') }
    const right = await deps.guard.attempt(origin, async () => {
      if (!(await store.countGuess(db, subjectId)))
        throw new WireError('sign-in-slow-down', 'try again in 3600 seconds')
      const one = await store.secondFactorOf(db, subjectId)
      if (!one) return null
      const step = stepOf(keys().open(placeOfSecret(subjectId), one.sealed), code, clock.now())
      return step === null ? null : { sealed: one.sealed, step }
    })
    if (right === null) throw new WireError('sign-in-failed', 'the code is not right')
    return right
  }

  const audited = (sql: Sql, session: Session, action: 'second-factor-made' | 'second-factor-removed') =>
    appendAudit(sql, {
      organisationId: session.organisationId ?? NIL_ID,
      actor: session.actor,
      action,
      subject: session.actor,
    })

  return {
    since: async ({ subjectId }) => (await store.secondFactorOf(db, subjectId))?.confirmedAt ?? null,

    async offer({ session, current, account, visitor }) {
      checkChosen(session)
      await deps.verifyAgain(session, current, visitor)
      const secret = randomBytes(SECRET_BYTES)
      const { subjectId, organisationId } = session
      const sealed = keys().seal(placeOfSecret(subjectId), secret)
      if (!(await store.offerSecondFactor(db, { subjectId, organisationId, sealed })))
        throw new WireError('conflict', 'two-step sign-in is on already')
      return { secret: base32(secret), uri: otpauthUri(secret, { issuer: ISSUER, account }) }
    },

    async confirm({ session, token, code, visitor }) {
      checkChosen(session)
      const offered = await store.secondFactorOf(db, session.subjectId)
      if (!offered) throw new WireError('not-found')
      // Before a guess is counted: who holds a stolen session learns nothing of the codes.
      if (offered.confirmedAt !== null) throw new WireError('conflict', 'two-step sign-in is on already')
      const { sealed, step } = await prove(session.subjectId, code, visitor)
      await db.transaction(async (sql) => {
        // Sign-ins by the password alone that are under way are over before it is asked for, or see that it is.
        await lockCredentialsOf(sql, session.subjectId)
        // A reset was faster: whoever confirms here is out, and must leave no factor of theirs behind.
        if (!(await sessionIsThere(sql, session.tokenHash))) throw new WireError('signed-out')
        if (!(await store.confirmSecondFactor(sql, session.subjectId, sealed, step)))
          throw new WireError('conflict', 'begin again: this secret is not the last one any more')
        await audited(sql, session, 'second-factor-made')
        // Whoever is in elsewhere came in by the password alone, and could turn it off again.
        await endSessionsOf(sql, session.subjectId, { id: null, except: hashOfToken(token) })
      })
    },

    async end({ session, current, visitor }) {
      checkChosen(session)
      await deps.verifyAgain(session, current, visitor)
      await db.transaction(async (sql) => {
        if (!(await store.deleteSecondFactor(sql, session.subjectId))) throw new WireError('not-found')
        await audited(sql, session, 'second-factor-removed')
      })
    },

    async signIn({ half: token, code, visitor, presented }) {
      const tokenHash = hashOfToken(token ?? '')
      const half = await store.tryHalfSignIn(db, tokenHash)
      if (!half) throw new WireError('signed-out', 'begin again with your password')
      const { sealed, step } = await prove(half.subjectId, code, visitor)
      return db.transaction(async (sql) => {
        // Used already, here or in another process, or replaced meanwhile.
        if (!(await store.useStep(sql, half.subjectId, sealed, step)))
          throw new WireError('sign-in-failed', 'the code is not right')
        return enterBySecond(sql, { half, token: token ?? '', factor: 'authenticator app', visitor, presented })
      })
    },
  }
}

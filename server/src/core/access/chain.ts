/**
 * Who is it: the one whose name and password these are, after the same work and the same brakes for everybody. At the door of a
 * protocol an app password is looked for first, on the pages an emergency code, for strangers too; what is neither goes the way
 * of a password (prove.ts), whoever it is. No directory ever sees what has the form of a code or of an app password.
 */
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import { NIL_ID } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Sql } from '../../platform/db/database.ts'
import { candidatesByName, type Candidate } from '../../store/access.ts'
import { codeIsGood } from '../../store/emergency-codes.ts'
import { findAppPassword, lettersOf, type AppProtocolWord } from './app-passwords.ts'
import { networkOf } from './delays.ts'
import { codeOf, hashOfCode } from './emergency-codes.ts'
import type { Guard, Origin } from './guard.ts'
import { foldSignInName } from './names.ts'
import type { Prove, Proof } from './prove.ts'

export interface Attempt {
  name: string
  password: string
  clientIp: string | null
  /** null: the web pages, where no app password is taken */
  protocol: AppProtocolWord | null
}

export interface Found {
  subjectId: Id
  organisationId: Id | null
  /** of the account's password; null: there is none here */
  credentialId: Id | null
  mustChange: boolean
  by: Proof['by'] | 'app' | 'code'
}

export interface Proved {
  found: Found
  /** the app password it was; null: none */
  app: { id: Id; name: string } | null
  /** the emergency code it was, not used up yet */
  code: Buffer | null
  origin: Origin
}

/** Throws sign-in-failed, and what the guard throws. `isWelcome`: who is not gets the answer of a wrong password. */
export type Chain = (attempt: Attempt, isWelcome: (one: Found) => boolean) => Promise<Proved>

export function createChain(deps: {
  db: Sql
  log: Log
  guard: { attempt: Guard['attempt'] }
  prove: Prove
  done: (outcome: 'good' | 'failed') => void
}): Chain {
  const { db, log, guard, prove, done } = deps

  async function bySomethingElse(
    one: Candidate | undefined,
    { password, protocol }: Attempt,
  ): Promise<Pick<Proved, 'app' | 'code'> | null> {
    const subjectId = one?.subjectId ?? null
    const whose = one && subjectId !== null ? { organisationId: one.organisationId, subjectId } : undefined
    if (protocol !== null) {
      const app = await findAppPassword(db, whose, password, protocol)
      return app && { app, code: null }
    }
    const plain = codeOf(password)
    if (plain === null) return null
    // Asked for nobody's as well: how long it takes tells nothing.
    const code = hashOfCode(subjectId ?? NIL_ID, plain)
    return (await codeIsGood(db, subjectId ?? NIL_ID, code)) ? { app: null, code } : null
  }

  async function check(
    one: Candidate | undefined,
    attempt: Attempt,
    network: string,
  ): Promise<Omit<Proved, 'origin'> | null> {
    const other = await bySomethingElse(one, attempt)
    if (other && one && one.subjectId !== null) {
      const { subjectId, organisationId, credentialId, mustChange } = one
      const by = other.app ? 'app' : 'code'
      return { found: { subjectId, organisationId, credentialId, mustChange, by }, ...other }
    }
    // A code that was used, an app password that was revoked: a phone that goes on trying must not lock its owner's account in
    // the directory, and none of them is anybody's business there.
    const isOurs = lettersOf(attempt.password) !== null || codeOf(attempt.password) !== null
    const proof = await prove(one && isOurs ? { ...one, ldapSealed: null } : one, attempt.password, network)
    return proof && { found: proof, app: null, code: null }
  }

  return async (attempt, isWelcome) => {
    const folded = foldSignInName(attempt.name)
    // What cannot be a name takes the same way, under one shared key.
    const origin = { name: folded?.operator ?? '', network: networkOf(attempt.clientIp ?? '') }
    const proved = await guard.attempt(origin, async () => {
      const [one] = await candidatesByName(db, folded ?? { address: '', upn: '', operator: '' })
      const result = await check(one, attempt, origin.network)
      return result && isWelcome(result.found) ? result : null
    })
    done(proved ? 'good' : 'failed')
    if (proved) return { ...proved, origin }
    log.info({ clientIp: attempt.clientIp }, 'sign-in refused')
    throw new WireError('sign-in-failed')
  }
}

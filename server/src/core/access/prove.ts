/**
 * Is this the password of whom the name means? A password of their own here comes first; where it is not that one, and their
 * organisation has a directory, the directory is asked, and what it took for right is remembered as a hash. While it cannot
 * be asked the remembered one counts, if it is young enough and nobody stopped the person (a pin `hold`).
 *
 * What the directory says of a password holds for the remembered one too: when it refuses the same password, that is
 * forgotten at once, and where it closed the account in any case. Another wrong password proves nothing about the remembered
 * one: whoever types nonsense for somebody must not take their sign-in for the next outage away.
 *
 * A refusal costs the same work whoever the name means, or nobody: one hash, or two and a question at the directory where
 * the name's domain is of an organisation that has one.
 */
import { randomBytes } from 'node:crypto'
import type { LdapDirectory } from '../../clients/ldap/ask.ts'
import type { Answer } from '../../clients/ldap/answer.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import { newId, type Id } from '../../platform/ids.ts'
import type { Keys } from '../../platform/keys.ts'
import type { Log } from '../../platform/log.ts'
import type { Candidate } from '../../store/access.ts'
import {
  cachedOf,
  cachePassword,
  closedByDirectory,
  forgetOneCached,
  provedAgain,
} from '../../store/cached-passwords.ts'
import { signInDirectory } from '../directory/index.ts'
import type { Directories } from './directories.ts'
import type { Passwords } from './passwords.ts'

/** Others may prove another one at the same time. */
const MOST_TRIES = 5

export interface Proof {
  subjectId: Id
  organisationId: Id | null
  /** the one that was proved */
  credentialId: Id
  mustChange: boolean
  /** own: a password kept here; directory: it said so just now; remembered: it said so before */
  by: 'own' | 'directory' | 'remembered'
}

export interface ProveDeps {
  db: Sql
  clock: Clock
  log: Log
  passwords: Passwords
  directories: Directories
  keys: () => Keys
}

/** Null: no. */
export type Prove = (one: Candidate | undefined, password: string, network: string) => Promise<Proof | null>

export function createProve({ db, clock, log, passwords, directories, keys }: ProveDeps): Prove {
  async function ask(one: Candidate, password: string, network: string): Promise<Answer> {
    let directory: LdapDirectory
    try {
      const { signIn, ldapSealed } = one
      directory = signInDirectory({ organisationId: one.organisationId!, signIn, ldapSealed: ldapSealed! }, keys())
    } catch (error) {
      const reason = (error as Error).message
      log.warn({ organisationId: one.organisationId, reason }, 'the directory cannot be asked')
      return { verdict: 'unavailable', reason }
    }
    // Nobody of ours: the same steps, but what was typed is not told to a directory that may be somebody else's.
    const typed = one.subjectId === null ? randomBytes(12).toString('hex') : password.normalize('NFC')
    const question = { name: one.directoryName, password: typed, network }
    return directories.ask(one.organisationId!, directory, question)
  }

  const proof = (one: Candidate, credentialId: Id | null, by: Proof['by']): Proof | null =>
    one.subjectId === null || credentialId === null
      ? null
      : {
          subjectId: one.subjectId,
          organisationId: one.organisationId,
          credentialId,
          mustChange: by === 'own' && one.mustChange,
          by,
        }

  /** Gives the id under which it is kept: one for all who prove the same password at the same time. */
  async function remember(one: Candidate, password: string, network: string, isSame: boolean): Promise<Id | null> {
    const { subjectId, organisationId } = one
    if (subjectId === null || organisationId === null) return null
    let seen = one.cachedId
    if (isSame && seen !== null && (await provedAgain(db, seen))) return seen
    const verifier = await passwords.hash(password)
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const credentialId = newId(clock.now())
      if (await cachePassword(db, { credentialId, organisationId, subjectId, verifier }, seen)) return credentialId
      const now = await cachedOf(db, subjectId)
      const isIt = now !== null && (await passwords.verify(now.verifier, password, network))
      if (isIt && (await provedAgain(db, now.credentialId))) return now.credentialId
      seen = now?.credentialId ?? null
    }
    throw new WireError('too-busy')
  }

  async function askDirectory(one: Candidate, password: string, network: string): Promise<Proof | null> {
    const first = await passwords.verify(one.verifier ?? one.cached, password, network)
    if (first && one.verifier !== null) return proof(one, one.credentialId, 'own')
    const answer = await ask(one, password, network)
    const isCached = first || (await passwords.verify(one.verifier === null ? null : one.cached, password, network))
    if (answer.verdict === 'good') return proof(one, await remember(one, password, network, isCached), 'directory')
    if (answer.verdict === 'unavailable')
      return isCached && one.cachedCounts ? proof(one, one.cachedId, 'remembered') : null
    // An account is locked by whoever guesses at it, and an entry is not found by a replica that is half restored: that says
    // nothing about the password.
    const saysNothing = ['locked', 'not-found', 'ambiguous'].includes(answer.verdict)
    if (answer.verdict === 'disabled' && one.subjectId !== null) await closedByDirectory(db, one.subjectId)
    else if (isCached && !saysNothing && one.cachedId !== null) await forgetOneCached(db, one.cachedId)
    log.info(
      { organisationId: one.organisationId, subjectId: one.subjectId, verdict: answer.verdict },
      'refused by the directory',
    )
    return null
  }

  return async (one, password, network) => {
    if (one && one.signIn !== null && one.ldapSealed !== null) return askDirectory(one, password, network)
    const isRight = await passwords.verify(one?.verifier ?? null, password, network)
    return isRight && one ? proof(one, one.credentialId, 'own') : null
  }
}

/**
 * Name and password on connections without a session: the account's password or an app password of the protocol. Both take
 * the way of signing in on the pages, with the same brakes.
 *
 * Where the account's password is a one-time one that waits to be replaced, app passwords wait too. An admin gives such a
 * password because somebody forgot theirs, or because the account is in a stranger's hands; in the second case an app
 * password may be the stranger's. Until the person has signed in themselves, seen the list and revoked what is not theirs,
 * not sending is the smaller harm, and it costs the others a minute.
 */
import type { Database } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import * as store from '../../store/access.ts'
import { appPasswordUsed } from '../../store/app-passwords.ts'
import { mailTakesAppPasswordsOnly } from '../../store/second-factor.ts'
import { appendAudit } from '../audit/index.ts'
import { placeText, type AppProtocolWord } from './app-passwords.ts'
import type { Attempt, Chain } from './chain.ts'
import type { Origin } from './guard.ts'

/** A person who proved name and password on a connection that has no session of ours. */
export interface SignedPerson {
  organisationId: Id
  personId: Id
  /** the password they proved: the account's, or an app password */
  credentialId: Id
}

export interface PersonAttempt extends Attempt {
  clientIp: string
  protocol: AppProtocolWord
}

export function createVerifyPerson(deps: {
  db: Database
  prove: Chain
  remember(origin: Origin, subjectId: Id): Promise<boolean>
}): (attempt: PersonAttempt) => Promise<SignedPerson> {
  const { db } = deps
  return async (attempt) => {
    const { found, app, origin } = await deps.prove(attempt, ({ organisationId }) => organisationId !== null)
    const { subjectId, organisationId } = found
    const credentialId = app?.id ?? found.credentialId
    if (organisationId === null || credentialId === null) throw new WireError('sign-in-failed')
    const isNewPlace = await deps.remember(origin, subjectId)
    if (found.mustChange)
      throw new WireError(
        'password-change-needed',
        app
          ? 'sign in on the web pages and choose one; this app password works again then'
          : 'sign in on the web pages and choose one, then use it here',
      )
    // A mail client cannot ask for a second factor: the main password alone would be the way around it.
    if (!app && (await mailTakesAppPasswordsOnly(db, organisationId, subjectId)))
      throw new WireError('app-password-needed')
    await db.transaction(async (sql) => {
      if (found.credentialId !== null && !(await store.credentialUsed(sql, found.credentialId)) && !app)
        throw new WireError('sign-in-failed')
      if (app) await appPasswordUsed(sql, app.id, placeText(origin.network))
      // Clients sign in each time they connect: what tells an admin something is from where they do it first.
      if (isNewPlace)
        await appendAudit(sql, {
          organisationId,
          actor: `person:${subjectId}`,
          action: 'signed-in',
          subject: `person:${subjectId}`,
          detail: {
            clientIp: attempt.clientIp,
            by: 'mail client',
            ...(app ? { appPassword: app.name } : {}),
            ...(found.by === 'directory' || found.by === 'remembered' ? { proof: found.by } : {}),
          },
        })
    })
    return { organisationId, personId: subjectId, credentialId }
  }
}

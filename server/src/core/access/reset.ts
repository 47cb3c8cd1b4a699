/**
 * The help desk lets somebody back in: a one-time password, after it was made sure who asks. How that was done is asked for and
 * recorded (audit), because here attackers ring up. Help desk and admins may do it for people whose role is not above their
 * own, and nobody for themselves; operators for everybody.
 */
import { IdentityCheck, Role, wordOf } from '../../platform/codes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database, Sql } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import { roleOf } from '../../store/access.ts'
import { appendAudit } from '../audit/index.ts'
import type { Access } from './access.ts'
import type { RoleWord } from './abilities.ts'
import { oneTimePassword } from './passwords.ts'
import { removeSecondFactor } from './second-factor.ts'
import type { Session } from './sessions.ts'

/** Whose ways in each role may replace. */
const mayReset: Record<RoleWord, readonly (keyof typeof Role)[]> = {
  person: [],
  auditor: [],
  helpdesk: ['person'],
  admin: ['person', 'helpdesk', 'auditor', 'admin'],
  operator: ['person', 'helpdesk', 'auditor', 'admin'],
}

export interface Reset {
  organisationId: Id
  personId: Id
  by: Pick<Session, 'actor' | 'role' | 'subjectId'>
  identity: IdentityCheck
  note: string
  /** the authenticator app is gone too */
  endsSecondFactor?: boolean
}

/** Touching what somebody gets in by is for who is not below them. Throws not-found, and forbidden with what to do. */
export async function checkMayHelp(
  sql: Sql,
  { organisationId, personId }: { organisationId: Id; personId: Id },
  by: RoleWord,
): Promise<void> {
  const role = await roleOf(sql, organisationId, personId)
  if (role === null) throw new WireError('not-found')
  if (!mayReset[by].includes(wordOf(Role, role)))
    throw new WireError('forbidden', 'an administrator has to do this for somebody who may do as much as you')
}

/** The one-time password, which is shown once. Throws not-found, and forbidden with what to do. */
export function resetPassword(
  { db, access, clock }: { db: Database; access: Pick<Access, 'setPassword'>; clock: Pick<Clock, 'now'> },
  { organisationId, personId, by, identity, note, endsSecondFactor = false }: Reset,
): Promise<string> {
  const password = oneTimePassword()
  return db.transaction(async (sql: Sql) => {
    if (by.subjectId === personId) throw new WireError('forbidden', 'choose a new password of your own yourself')
    await checkMayHelp(sql, { organisationId, personId }, by.role)
    await access.setPassword(sql, { subjectId: personId, organisationId }, password, {
      mustChange: true,
      actor: by.actor,
    })
    if (endsSecondFactor) await removeSecondFactor(sql, { subjectId: personId, organisationId }, by.actor, clock.now())
    await appendAudit(sql, {
      organisationId,
      actor: by.actor,
      action: 'password-reset',
      subject: `person:${personId}`,
      detail: { identity: wordOf(IdentityCheck, identity), ...(note === '' ? {} : { reason: note }) },
    })
    return password
  })
}

/**
 * Whose organisation: the one place that decides. An operator sees every organisation, everybody else their own; a
 * foreign one answers like one that does not exist.
 */
import type { Session } from '../../core/access/index.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import { isId } from '../../platform/ids.ts'

export type Scope = { organisationId: Id }

export function scopeOf(
  session: Session,
  org: string,
  exists: (organisationId: Id) => Promise<boolean>,
): Promise<Scope> {
  return decide(session, org.toLowerCase(), exists)
}

async function decide(
  session: Session,
  organisationId: string,
  exists: (organisationId: Id) => Promise<boolean>,
): Promise<Scope> {
  if (!isId(organisationId)) throw new WireError('not-found')
  if (session.kind === 'operator' ? !(await exists(organisationId)) : session.organisationId !== organisationId)
    throw new WireError('not-found')
  return { organisationId }
}

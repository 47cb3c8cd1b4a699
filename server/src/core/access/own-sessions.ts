/**
 * Where somebody is signed in, and ending it elsewhere: a telephone that was lost, a computer at a hotel. The session that asks
 * stays: it is ended by signing out.
 */
import type { Database } from '../../platform/db/database.ts'
import { NIL_ID } from '../../platform/ids.ts'
import { endSessionsOf, sessionsOf, type OwnSession } from '../../store/access.ts'
import { appendAudit } from '../audit/index.ts'
import { hashOfToken, type Session } from './sessions.ts'

export type { OwnSession } from '../../store/access.ts'

export interface OwnSessions {
  list(asked: { session: Session; token: string }): Promise<OwnSession[]>
  /** One by its id, or all others; how many were ended. An ended one is ended everywhere at the next request. */
  end(asked: { session: Session; token: string; id: string | null }): Promise<number>
}

export function createOwnSessions({ db }: { db: Database }): OwnSessions {
  return {
    list: ({ session, token }) => sessionsOf(db, session.subjectId, hashOfToken(token)),
    end: ({ session, token, id }) =>
      db.transaction(async (sql) => {
        const ended = await endSessionsOf(sql, session.subjectId, { id, except: hashOfToken(token) })
        if (ended > 0)
          await appendAudit(sql, {
            organisationId: session.organisationId ?? NIL_ID,
            actor: session.actor,
            action: 'sessions-revoked',
            subject: session.actor,
            detail: { sessionsEnded: ended },
          })
        return ended
      }),
  }
}

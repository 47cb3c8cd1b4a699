/**
 * A primary that takes mail for anybody shows nothing by taking it (promise 7). Now and then a probe also asks for a
 * recipient nobody can have: taken, the route is marked, nothing is learned from it and what was learned before is not
 * trusted; refused for good, the mark goes. Anything else (greylisting, no answer) says nothing and changes nothing.
 */
import { randomBytes } from 'node:crypto'
import type { ProbeResult } from '../../clients/smtp/probe.ts'
import type { Database } from '../../platform/db/database.ts'
import type { Id } from '../../platform/ids.ts'
import { bumpDirectory } from '../../store/directory.ts'
import { writeAcceptsAll } from '../../store/routes.ts'
import { appendAudit } from '../audit/index.ts'

/** Every so many probes of a route, beginning with the first: enough to notice, too few to look like guessing. */
export const STRANGER_EVERY = 25

/** An address that no directory has. */
export const strangerAt = (domain: string): string => `no-such-person-${randomBytes(8).toString('hex')}@${domain}`

/** Does it take everybody? Not if it refuses the stranger or even the probe's own recipient. null: it does not say. */
export function takesAll({ stage, ok, code = 0, strangerCode }: ProbeResult): boolean | null {
  const said = strangerCode ?? (stage === 'rcpt' && !ok ? code : 0)
  if (said >= 200 && said < 300) return true
  return said >= 500 && said < 600 ? false : null
}

/** Stores what was found, with its age; a change is told to every process and to the audit. */
export async function noteAcceptsAll(
  db: Database,
  { organisationId, routeId }: { organisationId: Id; routeId: Id },
  acceptsAll: boolean,
): Promise<void> {
  await db.transaction(async (sql) => {
    const { before } = await writeAcceptsAll(sql, organisationId, routeId, acceptsAll)
    if (before === acceptsAll || (before === null && !acceptsAll)) return
    await appendAudit(sql, {
      organisationId,
      actor: 'engine',
      action: acceptsAll ? 'accept-all-found' : 'accept-all-over',
      subject: `route:${routeId}`,
    })
    await bumpDirectory(sql)
  })
}

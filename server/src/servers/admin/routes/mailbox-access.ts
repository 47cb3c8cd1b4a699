/** /organisations/:org/mailbox-access and /me/mailbox-access. Who may what is core/four-eyes. */
import type { AccessRow } from '../../../core/four-eyes/index.ts'
import { namesOf } from '../../../core/trace/index.ts'
import { WireError } from '../../../platform/errors.ts'
import { isId, type Id } from '../../../platform/ids.ts'
import type { Session } from '../../../core/access/index.ts'
import type { AdminDeps, Handlers } from '../handler.ts'
import { presentAccess } from '../present-access.ts'

type Who = Pick<Session, 'actor' | 'kind'>

async function present(deps: AdminDeps, organisationId: Id, rows: readonly AccessRow[], who: Who) {
  const names = await namesOf(
    deps.db,
    organisationId,
    rows.flatMap(({ decidedBy, overBy }) => [decidedBy, overBy]),
  )
  return rows.map((row) => presentAccess(row, who, names))
}

const one = async (deps: AdminDeps, row: AccessRow, who: Who) =>
  (await present(deps, row.organisationId, [row], who))[0]!

export const mailboxAccessHandlers: Handlers<
  | 'listMailboxAccess'
  | 'askMailboxAccess'
  | 'approveMailboxAccess'
  | 'declineMailboxAccess'
  | 'endMailboxAccess'
  | 'readOwnMailboxAccess'
> = {
  async listMailboxAccess({ deps, organisationId, query, session }) {
    const before = query.after ?? null
    if (before !== null && !isId(before)) throw new WireError('bad-request', 'after: not an id')
    const rows = await deps.fourEyes.list(organisationId, { before, limit: query.limit })
    const next = rows.length === query.limit ? rows.at(-1)!.accessId : null
    return { items: await present(deps, organisationId, rows, session), next }
  },
  async askMailboxAccess({ deps, organisationId, body, session }) {
    const { person: mailboxId, purpose, reason, minutes } = body
    const wish = { organisationId, mailboxId, by: session, purpose, reason, minutes }
    return one(deps, await deps.fourEyes.ask(wish), session)
  },
  async approveMailboxAccess({ deps, organisationId, params, body, session }) {
    const which = { organisationId, accessId: params.access }
    return one(deps, await deps.fourEyes.decide(which, session, { approve: true, note: body.note }), session)
  },
  async declineMailboxAccess({ deps, organisationId, params, body, session }) {
    const which = { organisationId, accessId: params.access }
    return one(deps, await deps.fourEyes.decide(which, session, { approve: false, note: body.note }), session)
  },
  async endMailboxAccess({ deps, organisationId, params, session }) {
    return one(deps, await deps.fourEyes.end({ organisationId, accessId: params.access }, session), session)
  },
  async readOwnMailboxAccess({ deps, session }) {
    const { organisationId, subjectId: personId } = session
    if (session.kind !== 'person' || organisationId === null) return { lent: [], mine: [] }
    const lent = await deps.fourEyes.lentTo({ organisationId, personId })
    const mine = await deps.fourEyes.toMailbox(organisationId, personId)
    return {
      lent: lent.map(({ accessId, id, name, reason, until }) => ({
        ...{ id: accessId, mailboxId: id, name, reason, until: until.toISOString() },
      })),
      mine: await present(deps, organisationId, mine, session),
    }
  },
}

/** Queue, parking, trace, people, audit. */
import { appendAudit, readAudit } from '../../../core/audit/index.ts'
import type { AuditRow } from '../../../core/audit/index.ts'
import type { DeliveryAct, PersonRow } from '../../../core/trace/index.ts'
import {
  actOnDelivery,
  assignParked,
  listParked,
  listPeople,
  namesOf,
  pageOf,
  readQueue,
  findRefusals,
  readTrace,
  searchTrace,
} from '../../../core/trace/index.ts'
import type { ParkedRow } from '../../../core/trace/index.ts'
import { WireError } from '../../../platform/errors.ts'
import { NIL_ID, type Id } from '../../../platform/ids.ts'
import type { Session } from '../../../core/access/index.ts'
import { listStandIns, type StandInRow } from '../../../core/lists/index.ts'
import type { AdminDeps, Handlers } from '../handler.ts'
import {
  presentAudit,
  presentStandIn,
  presentMessage,
  presentParked,
  presentPerson,
  presentQueueItem,
  presentRefusal,
  presentTrace,
} from '../present.ts'
import { keyOf } from './board.ts'

async function refusals(
  deps: AdminDeps,
  organisationId: Id,
  query: { q?: string | undefined; after?: string | undefined; limit: number },
) {
  const { items, next } = await findRefusals(deps.db, {
    organisationId,
    q: query.q ?? '',
    after: keyOf(query.after),
    limit: query.limit,
  })
  return { items: items.map(presentRefusal), next }
}

type ActCall = { deps: AdminDeps; organisationId: Id; params: { delivery: string }; session: Session }
const act =
  (what: DeliveryAct) =>
  async (call: ActCall): Promise<undefined> => {
    const { deps, organisationId, params, session } = call
    await actOnDelivery(deps.db, { organisationId, deliveryId: params.delivery, act: what, actor: session.actor })
    return undefined
  }

export const mailHandlers: Handlers<
  | 'listQueue'
  | 'retryDelivery'
  | 'cancelDelivery'
  | 'listParking'
  | 'parkedSeen'
  | 'parkedRelease'
  | 'parkedAssign'
  | 'parkedDrop'
  | 'searchTrace'
  | 'readTrace'
  | 'listRefusals'
  | 'listStrayRefusals'
  | 'listPeople'
  | 'listStandIns'
  | 'readAudit'
> = {
  async listQueue({ deps, organisationId, query }) {
    const page = await readQueue(deps.db, {
      organisationId,
      state: query.state || 'open',
      routeId: query.route || null,
      q: query.q?.trim() || null,
      after: keyOf(query.after),
      limit: query.limit,
    })
    return { items: page.items.map(presentQueueItem), next: page.next }
  },
  retryDelivery: act('retry'),
  cancelDelivery: act('cancel'),
  async listParking({ deps, organisationId, query }) {
    const page = await pageOf(
      query.limit,
      (row: ParkedRow) => row.deliveryId,
      (limit) => listParked(deps.db, organisationId, keyOf(query.after), limit),
    )
    const names = await namesOf(
      deps.db,
      organisationId,
      page.items.map((row) => row.seenBy),
    )
    const items = page.items.map((row) => presentParked(row, names))
    return { items, next: page.next }
  },
  parkedSeen: act('seen'),
  parkedRelease: act('release'),
  parkedAssign: ({ deps, organisationId, params, body, session }) =>
    assignParked(deps, {
      organisationId,
      deliveryId: params.delivery,
      address: body.address,
      actor: session.actor,
    }),
  parkedDrop: act('drop'),
  async searchTrace({ deps, organisationId, query }) {
    const { items, next, searchedTo } = await searchTrace(deps.db, {
      organisationId,
      q: query.q ?? '',
      after: keyOf(query.after),
      limit: query.limit,
    })
    return {
      items: items.map(presentMessage),
      next,
      searchedTo: searchedTo === null ? null : new Date(searchedTo).toISOString(),
    }
  },
  listRefusals: ({ deps, organisationId, query }) => refusals(deps, organisationId, query),
  listStrayRefusals: ({ deps, query }) => refusals(deps, NIL_ID, query),
  async readTrace({ deps, organisationId, params, session }) {
    const trace = await readTrace(deps.db, organisationId, params.message)
    if (!trace) throw new WireError('not-found')
    // Whose mail was looked at stays known; pages that renew themselves do not fill the chain.
    if (firstLook(`${session.subjectId} ${params.message}`))
      await appendAudit(deps.db, {
        organisationId,
        actor: session.actor,
        action: 'trace-read',
        subject: `message:${params.message}`,
      })
    return presentTrace(trace)
  },
  async listPeople({ deps, organisationId, query }) {
    const page = await pageOf(
      query.limit,
      (row: PersonRow) => row.id,
      (limit) =>
        listPeople(deps.db, organisationId, {
          ...{ q: query.q?.trim() || null, after: keyOf(query.after), limit, ways: query.ways },
        }),
    )
    const names = await namesOf(
      deps.db,
      organisationId,
      page.items.map(({ decidedAuthor }) => decidedAuthor),
    )
    return { items: page.items.map((row) => presentPerson(row, names)), next: page.next }
  },
  async listStandIns({ deps, organisationId, query }) {
    const page = await pageOf(
      query.limit,
      (row: StandInRow) => row.id,
      (limit) => listStandIns(deps.db, organisationId, keyOf(query.after), limit),
    )
    return { items: page.items.map(presentStandIn), next: page.next }
  },
  async readAudit({ deps, organisationId, query }) {
    const before = query.after ? Number(query.after) : null
    if (before !== null && !(Number.isSafeInteger(before) && before > 0))
      throw new WireError('bad-request', 'after: not a key of this list')
    const page = await pageOf(
      query.limit,
      (row: AuditRow) => String(row.seq),
      (limit) => readAudit(deps.db, organisationId, before, limit),
    )
    const names = await namesOf(
      deps.db,
      organisationId,
      page.items.flatMap((row) => [row.actor, row.subject]),
    )
    return { items: page.items.map((row) => presentAudit(row, names)), next: page.next }
  },
}

const MOST_LOOKS = 10_000
const looks = new Set<string>()
function firstLook(key: string): boolean {
  if (looks.has(key)) return false
  looks.add(key)
  if (looks.size > MOST_LOOKS) looks.clear()
  return true
}

/** /organisations, routes, pins, returns. */
import { pinsOf, pinTargets, type PinRow, type RouteOverview } from '../../../core/continuity/index.ts'
import { ledgerPage, returnEvents } from '../../../core/return/index.ts'
import type { LedgerRow, ReturnEventRow } from '../../../core/return/index.ts'
import { namesOf, organisations, pageOf } from '../../../core/trace/index.ts'
import { Pin, PinTarget, wordOf } from '../../../platform/codes.ts'
import { WireError } from '../../../platform/errors.ts'
import type { Id } from '../../../platform/ids.ts'
import { isId } from '../../../platform/ids.ts'
import type { AdminDeps, Handlers } from '../handler.ts'
import { iso, isoOrNull, presentLedger } from '../present.ts'

export function keyOf(after: string | undefined): Id | null {
  if (after === undefined || after === '') return null
  if (!isId(after)) throw new WireError('bad-request', 'after: not a key of this list')
  return after
}

async function presentEvent(deps: AdminDeps, organisationId: Id, names: Map<Id, string>, row: ReturnEventRow) {
  const numbers = await deps.continuity.returnNumbers(
    { organisationId, routeId: row.routeId, returnEventId: row.returnEventId },
    row.finishedAt !== null,
  )
  // What is open now belongs to the open event.
  const [pending, unsure] = row.finishedAt === null ? [numbers.pending, numbers.unsure] : [0, 0]
  return {
    id: row.returnEventId,
    routeId: row.routeId,
    routeName: names.get(row.routeId) ?? '',
    startedAt: iso(row.beganAt),
    returningAt: isoOrNull(row.recoveringAt),
    endedAt: isoOrNull(row.finishedAt),
    total: numbers.home + numbers.refused + numbers.cancelled + pending + unsure,
    home: numbers.home,
    pending,
    unsure,
    refused: numbers.refused,
    cancelled: numbers.cancelled,
  }
}

async function presentRoutes(deps: AdminDeps, organisationId: Id, routes: RouteOverview[]) {
  const names = await namesOf(
    deps.db,
    organisationId,
    routes.map(({ pin }) => pin?.author ?? null),
  )
  return routes.map((route) => {
    const author = route.pin?.author ?? ''
    return {
      ...route,
      pin: route.pin && { ...route.pin, reason: route.pin.reason ?? '', author: names.get(author) ?? author },
    }
  })
}

async function presentPins(deps: AdminDeps, organisationId: Id, pins: PinRow[]) {
  const names = await namesOf(
    deps.db,
    organisationId,
    pins.map(({ author }) => author),
  )
  return pins.map((pin) => ({
    target: wordOf(PinTarget, pin.target),
    targetId: pin.targetId,
    name: pin.name,
    kind: wordOf(Pin, pin.pin),
    reason: pin.reason,
    author: names.get(pin.author) ?? pin.author,
    since: iso(pin.since),
    until: isoOrNull(pin.until),
    version: pin.version,
  }))
}

export const boardHandlers: Handlers<
  'listOrganisations' | 'listRoutes' | 'pinRoute' | 'listPins' | 'pinTarget' | 'listReturns' | 'readLedger'
> = {
  listOrganisations: ({ deps, session }) => organisations(deps.db, session.organisationId),
  listRoutes: async ({ deps, organisationId }) =>
    presentRoutes(deps, organisationId, await deps.continuity.overview(organisationId)),
  async pinRoute({ deps, organisationId, params, body, session }) {
    await deps.continuity.pins.pinRoute({
      organisationId,
      routeId: params.route,
      pin: body.pin,
      reason: body.reason,
      until: body.until ? new Date(body.until) : null,
      actor: session.actor,
      version: body.version,
    })
    const after = (await deps.continuity.overview(organisationId)).find((route) => route.id === params.route)
    if (!after) throw new WireError('not-found')
    return (await presentRoutes(deps, organisationId, [after]))[0]!
  },
  async listPins({ deps, organisationId }) {
    const [pins, targets] = await Promise.all([pinsOf(deps.db, organisationId), pinTargets(deps.db, organisationId)])
    return {
      pins: await presentPins(deps, organisationId, pins),
      targets: targets.map((one) => ({ ...one, target: wordOf(PinTarget, one.target) })),
    }
  },
  async pinTarget({ deps, organisationId, params, body, session }) {
    const pin = await deps.continuity.pins.pinTarget({
      organisationId,
      target: params.target,
      targetId: params.id,
      pin: body.pin,
      reason: body.reason,
      until: body.until ? new Date(body.until) : null,
      actor: session.actor,
      version: body.version,
    })
    return { pin: pin && (await presentPins(deps, organisationId, [pin]))[0]! }
  },
  async listReturns({ deps, organisationId, query }) {
    const page = await pageOf(
      query.limit,
      (row: ReturnEventRow) => row.returnEventId,
      (limit) => returnEvents(deps.db, organisationId, { before: keyOf(query.after), limit }),
    )
    const names = new Map((await deps.continuity.overview(organisationId)).map((route) => [route.id, route.name]))
    return {
      items: await Promise.all(page.items.map((row) => presentEvent(deps, organisationId, names, row))),
      next: page.next,
    }
  },
  async readLedger({ deps, organisationId, params, query }) {
    const page = await pageOf(
      query.limit,
      (row: LedgerRow) => row.ledgerId,
      (limit) => ledgerPage(deps.db, organisationId, params.event, { after: keyOf(query.after), limit }),
    )
    return { items: page.items.map(presentLedger), next: page.next }
  },
}

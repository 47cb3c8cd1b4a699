/** /organisations/:org/notices. */
import { routeNotices, suppressNotices, tellPeople } from '../../../core/notices/index.ts'
import { namesOf } from '../../../core/trace/index.ts'
import { WireError } from '../../../platform/errors.ts'
import type { Id } from '../../../platform/ids.ts'
import type { AdminDeps, Handlers } from '../handler.ts'
import { presentNotices } from '../present-notices.ts'

async function list(deps: AdminDeps, organisationId: Id) {
  const all = (await routeNotices(deps, organisationId)).map(presentNotices)
  const names = await namesOf(
    deps.db,
    organisationId,
    all.map(({ outage }) => outage?.toldBy ?? null),
  )
  return all.map(({ outage, ...rest }) => ({
    ...rest,
    outage: outage && { ...outage, toldBy: outage.toldBy && (names.get(outage.toldBy) ?? outage.toldBy) },
  }))
}

async function one(deps: AdminDeps, organisationId: Id, routeId: Id) {
  const found = (await list(deps, organisationId)).find((each) => each.routeId === routeId)
  if (!found) throw new WireError('not-found')
  return found
}

export const noticeHandlers: Handlers<'listNotices' | 'sendNotices' | 'suppressNotices'> = {
  listNotices: ({ deps, organisationId }) => list(deps, organisationId),
  async sendNotices({ deps, organisationId, params, body, session }) {
    await tellPeople(deps, {
      ...{ organisationId, routeId: params.route, actor: session.actor },
      ownText: body.text ?? null,
    })
    return one(deps, organisationId, params.route)
  },
  async suppressNotices({ deps, organisationId, params, session }) {
    await suppressNotices(deps, { organisationId, routeId: params.route, actor: session.actor })
    return one(deps, organisationId, params.route)
  },
}

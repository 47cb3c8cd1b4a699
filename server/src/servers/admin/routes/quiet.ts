/** Quiet times and what they hold. The provider's own are seen by every organisation's admins, and changed by operators only. */
import {
  dropWindow,
  extendWindow,
  heldPage,
  listWindows,
  releaseDelivery,
  releaseWindow,
  setWindow,
  type HeldRow,
  type WindowView,
} from '../../../core/quiet/index.ts'
import { pageOf } from '../../../core/trace/index.ts'
import type { Session } from '../../../core/access/index.ts'
import { WireError } from '../../../platform/errors.ts'
import { NIL_ID, type Id } from '../../../platform/ids.ts'
import type { AdminDeps, Handlers } from '../handler.ts'
import { presentHeld, presentWindow } from '../present-quiet.ts'
import { keyOf } from './board.ts'

interface Call {
  deps: AdminDeps
  organisationId: Id
  session: Session
}
interface OfWindow extends Call {
  params: { window: string }
}

/** Whom the provider exempts may be another organisation's people. */
const shown = (window: WindowView, { session }: Pick<Call, 'session'>) => {
  const view = presentWindow(window)
  if (!window.isProviders || session.kind === 'operator' || view.plan === null) return view
  const nobody = { senders: [], recipients: [], subjects: [], priorities: [] }
  return { ...view, setBy: '', plan: { ...view.plan, exempt: nobody } }
}

async function find({ deps, organisationId }: Call, windowId: Id): Promise<WindowView> {
  const found = (await listWindows(deps.db, organisationId)).find(({ id }) => id === windowId)
  if (!found) throw new WireError('not-found')
  return found
}

/** Whose window it is; nobody but an operator touches the provider's. */
async function owner(call: OfWindow): Promise<{ organisationId: Id; windowId: Id; actor: string }> {
  const { id, isProviders } = await find(call, call.params.window)
  if (isProviders) mayBeProviders(call)
  return { organisationId: isProviders ? NIL_ID : call.organisationId, windowId: id, actor: call.session.actor }
}

function mayBeProviders({ session }: Pick<Call, 'session'>): void {
  if (session.kind !== 'operator') throw new WireError('forbidden', 'this quiet time is the provider’s')
}

const after = async (call: Call, windowId: Id) => shown(await find(call, windowId), call)

export const quietHandlers: Handlers<
  | 'listQuiet'
  | 'createQuiet'
  | 'changeQuiet'
  | 'removeQuiet'
  | 'releaseQuiet'
  | 'extendQuiet'
  | 'listHeld'
  | 'releaseHeld'
> = {
  listQuiet: async (call) =>
    (await listWindows(call.deps.db, call.organisationId)).map((window) => shown(window, call)),
  async createQuiet(call) {
    const { provider, targetId, ...wish } = call.body
    if (provider) mayBeProviders(call)
    const organisationId = provider ? NIL_ID : call.organisationId
    const id = await setWindow(call.deps, {
      ...wish,
      targetId: targetId ?? null,
      organisationId,
      windowId: null,
      actor: call.session.actor,
    })
    return after(call, id)
  },
  async changeQuiet(call) {
    const { provider, targetId, ...wish } = call.body
    const one = await owner(call)
    if (provider !== (one.organisationId === NIL_ID))
      throw new WireError('bad-request', 'provider: whose a quiet time is does not change; make another one')
    await setWindow(call.deps, { ...wish, ...one, targetId: targetId ?? null })
    return after(call, one.windowId)
  },
  async removeQuiet(call) {
    await dropWindow(call.deps, await owner(call))
    return undefined
  },
  async releaseQuiet(call) {
    const one = await owner(call)
    await releaseWindow(call.deps, one)
    return after(call, one.windowId)
  },
  async extendQuiet(call) {
    const one = await owner(call)
    await extendWindow(call.deps, { ...one, until: new Date(call.body.until) })
    return after(call, one.windowId)
  },
  async listHeld({ deps, organisationId, query }) {
    const windowId = query.window || null
    const page = await pageOf(
      query.limit,
      (row: HeldRow) => row.deliveryId,
      (limit) => heldPage(deps.db, organisationId, { after: keyOf(query.after), limit, windowId }),
    )
    return { items: page.items.map(presentHeld), next: page.next }
  },
  async releaseHeld({ deps, organisationId, params, session }) {
    await releaseDelivery(deps, { organisationId, deliveryId: params.delivery, actor: session.actor })
    return undefined
  },
}

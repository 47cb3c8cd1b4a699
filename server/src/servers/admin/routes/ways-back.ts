/** /organisations/:org/ways-back. */
import { beginCampaign, campaignStanding, stopCampaign, waysBackCounts } from '../../../core/ways-back/index.ts'
import { namesOf } from '../../../core/trace/index.ts'
import type { Id } from '../../../platform/ids.ts'
import type { AdminDeps, Handlers } from '../handler.ts'
import { iso, isoOrNull } from '../present.ts'

async function standing({ db }: AdminDeps, organisationId: Id) {
  const counts = await waysBackCounts(db, organisationId)
  const campaign = await campaignStanding(db, organisationId)
  if (!campaign) return { ...counts, campaign }
  const { startedBy, startedAt, stoppedAt } = campaign
  const names = await namesOf(db, organisationId, [startedBy])
  return {
    ...counts,
    campaign: {
      ...campaign,
      startedBy: names.get(startedBy) ?? startedBy,
      startedAt: iso(startedAt),
      stoppedAt: isoOrNull(stoppedAt),
    },
  }
}

export const waysBackHandlers: Handlers<'readWaysBack' | 'beginContactCampaign' | 'stopContactCampaign'> = {
  readWaysBack: ({ deps, organisationId }) => standing(deps, organisationId),
  async beginContactCampaign({ deps, organisationId, body, session }) {
    await beginCampaign(deps, { organisationId, ...body, actor: session.actor })
    return standing(deps, organisationId)
  },
  async stopContactCampaign({ deps, organisationId, session }) {
    await stopCampaign(deps.db, { organisationId, actor: session.actor })
    return standing(deps, organisationId)
  },
}

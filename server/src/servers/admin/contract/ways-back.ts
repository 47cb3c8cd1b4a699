/** Who would have no way back in on the worst day, and the campaign that asks people for a private address. */
import { z } from 'zod'
import { LEAST_EVERY_DAYS, MOST_EVERY_DAYS, MOST_TIMES } from '../../../core/ways-back/index.ts'
import { operation } from './operation.ts'
import { count, id, name, time } from './words.ts'

const none = z.strictObject({})
const campaign = name(
  'ContactCampaign',
  z.strictObject({
    startedAt: time,
    startedBy: z.string(),
    everyDays: count,
    times: count,
    stoppedAt: time.nullable(),
    /** of those without a confirmed address: asked at least once; as often as anybody is; with no way to their mailbox; not yet */
    asked: count,
    exhausted: count,
    unreachable: count,
    left: count,
  }),
)
const standing = name(
  'WaysBack',
  z.strictObject({
    /** who signs in and has an emergency mailbox */
    people: count,
    /** no password known here, no code on paper, no confirmed private address */
    none: count,
    /** nothing but a password */
    password: count,
    withCodes: count,
    withContact: count,
    /** the latest */
    campaign: campaign.nullable(),
  }),
)
const wish = name(
  'ContactCampaignWish',
  z.strictObject({
    everyDays: z.number().int().min(LEAST_EVERY_DAYS).max(MOST_EVERY_DAYS).default(7),
    times: z.number().int().min(1).max(MOST_TIMES).default(4),
  }),
)

const base = { params: z.strictObject({ org: id }), query: none, body: null, answer: standing }
export const waysBackOperations = {
  readWaysBack: operation({
    ...base,
    id: 'readWaysBack',
    method: 'GET',
    path: '/organisations/:org/ways-back',
    ability: 'people:see',
    summary: 'Who could sign in with the mail system, the directory and the identity provider away; who is being asked',
  }),
  beginContactCampaign: operation({
    ...base,
    id: 'beginContactCampaign',
    method: 'POST',
    path: '/organisations/:org/ways-back/campaign',
    ability: 'people:act',
    summary: 'Ask everybody without a confirmed private address for one, by mail to their mailbox, with reminders',
    body: wish,
  }),
  stopContactCampaign: operation({
    ...base,
    id: 'stopContactCampaign',
    method: 'DELETE',
    path: '/organisations/:org/ways-back/campaign',
    ability: 'people:act',
    summary: 'Ask nobody any more',
  }),
}

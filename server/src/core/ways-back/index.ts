/**
 * Ways back in, looked at beforehand: who would have none on the worst day, and the campaign that asks people for a private address
 * (campaign.ts begins and ends it, asking.ts writes, in the words of words.ts). docs/decisions/0044.
 */
export { countWaysBack as waysBackCounts, type WaysBack, type WaysBackCounts } from '../../store/ways-back.ts'
export { createAsking, type Asking } from './asking.ts'
export {
  beginCampaign,
  campaignStanding,
  isAskedForContact,
  LEAST_EVERY_DAYS,
  MOST_EVERY_DAYS,
  MOST_TIMES,
  stopCampaign,
} from './campaign.ts'

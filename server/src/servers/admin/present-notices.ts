/** Notices to people as the contract and the command line show them. */
import type { RouteNotices } from '../../core/notices/index.ts'
import { iso, isoOrNull } from './present.ts'

export const presentNotices = ({ dueAt, outage, ...rest }: RouteNotices) => ({
  ...rest,
  dueAt: isoOrNull(dueAt),
  outage: outage && {
    ...outage,
    beganAt: iso(outage.beganAt),
    overAt: isoOrNull(outage.overAt),
    toldAt: isoOrNull(outage.toldAt),
    suppressedAt: isoOrNull(outage.suppressedAt),
  },
})

/**
 * When our uplink goes, connections that are kept open hang without a word, and look as if the primary did. What was begun
 * after them knows better: where all of it failed by trouble of our own, a hang from before says nothing about the route.
 * It is a memory of this process, whose uplink it is. In memory; what is not remembered counts.
 */
import type { Clock } from '../../platform/clock.ts'
import { EvidenceKind } from '../../platform/codes.ts'
import type { Id } from '../../platform/ids.ts'

export interface OwnTrouble {
  /** Takes note of one observation. True: it was our own trouble, whatever it looks like. */
  explains(routeId: Id, kind: EvidenceKind, tookMs: number): boolean
}

interface Begun {
  /** when the last two attempts began that failed by our own trouble */
  ours: [number, number]
  /** when the last attempt began of which anything else is known */
  other: number
}

/** It ended without a reply. */
const isSilent = (kind: EvidenceKind): boolean => kind === EvidenceKind.timeout || kind === EvidenceKind.dropped

export function createOwnTrouble(clock: Pick<Clock, 'monotonic'>): OwnTrouble {
  const routes = new Map<Id, Begun>()

  return {
    explains(routeId, kind, tookMs) {
      const began = clock.monotonic() - tookMs
      const last = routes.get(routeId) ?? { ours: [-Infinity, -Infinity], other: -Infinity }
      routes.set(routeId, last)
      const [first] = last.ours
      if (kind === EvidenceKind.ours) {
        last.ours = [last.ours[1], Math.max(last.ours[1], began)]
        return false
      }
      if (isSilent(kind) && first > began && last.other <= began) return true
      last.other = Math.max(last.other, began)
      return false
    },
  }
}

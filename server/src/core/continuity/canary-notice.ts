/**
 * What a notice about a canary says (RFC 3464), when it comes back to the canary's own sender: it was taken and could not be
 * delivered. Pure but for the sink. A notice about the mailbox or about what the canary is (addressing, mailbox, policy) is
 * for an admin to put right, like a refused password; one that is old speaks of an outage long judged.
 */
import { EvidenceKind } from '../../platform/codes.ts'
import type { Log } from '../../platform/log.ts'
import type { Clock } from '../../platform/clock.ts'
import type { CanarySender } from '../../protocols/srs/canary.ts'
import type { RouteBook } from '../directory/index.ts'
import { canaryPlan } from './canary.ts'
import type { EvidenceSink } from './ports.ts'

const OLD_MS = 3_600_000
const MOST_TEXT = 300
/** Canaries that a notice has come about, and for so long each is remembered: one says one thing, once. */
const MOST_KNOWN = 10_000
/** RFC 3463 sections 3.2, 3.3 and 3.8, and X.4.6: a routing loop. */
const ABOUT_MAILBOX = /^5\.(?:[127]\.\d+|4\.6)$/

export interface NoticeSays {
  failed: boolean
  status: string
  text: string
}

/** `report`: its beginning. */
export function readNotice(report: Buffer): NoticeSays {
  const text = report.toString('latin1').replace(/\r\n[ \t]+/g, ' ')
  // One pass and a bound: a notice is anybody's text.
  const field = (name: string): string => (new RegExp(`^${name}:([^\\r\\n]{0,500})`, 'im').exec(text)?.[1] ?? '').trim()
  const said = field('diagnostic-code').replace(/^[a-z-]+;[ \t]*/i, '')
  const status = /\d\.\d{1,3}\.\d{1,3}/.exec(field('status'))?.[0] ?? ''
  return {
    // A delay or a delivery is no failure.
    failed: /^content-type:\s*multipart\/report\b/im.test(text) && /^failed\b/i.test(field('action')),
    status,
    text: `${status} ${said}`.trim().slice(0, MOST_TEXT) || 'no reason given',
  }
}

export type CanaryBack = (canary: CanarySender, report: Buffer) => void

export function createCanaryBack(deps: {
  clock: Clock
  log: Log
  routes: Pick<RouteBook, 'get'>
  evidence: EvidenceSink
}): CanaryBack {
  const { log } = deps
  const known = new Map<string, number>()

  /** In this process: somebody who repeats a notice, or makes up another for the same canary, adds nothing. */
  function isFirst(key: string, now: number): boolean {
    if (known.has(key)) return false
    for (const [old, at] of known) {
      if (now - at <= OLD_MS && known.size < MOST_KNOWN) break
      known.delete(old)
    }
    known.set(key, now)
    return true
  }

  return ({ routeId, slot, sentAt }, report) => {
    const now = deps.clock.now()
    if (now - sentAt > OLD_MS || !isFirst(`${routeId} ${slot} ${sentAt}`, now)) return
    const route = deps.routes.get(routeId)
    const plan = canaryPlan(route)
    const notice = readNotice(report)
    const about = { route: route?.name ?? routeId, text: notice.text }
    // Nobody asks any more, or not in this way.
    if (!route || !plan || (plan.name !== null) !== (slot === 'r'))
      return log.info(about, 'a notice about a canary of before')
    if (!notice.failed) return log.info(about, 'a notice about a canary that says nothing about now')
    const isAboutMailbox = ABOUT_MAILBOX.test(notice.status)
    if (isAboutMailbox)
      log.error(about, 'the mailbox of the canaries does not take them: correct it at the mail system, or in the file')
    deps.evidence.report({
      organisationId: route.organisationId,
      routeId,
      kind: isAboutMailbox ? EvidenceKind.probeRefused : EvidenceKind.canaryBack,
      probe: plan.name ?? '',
      text: `taken, and came back: ${notice.text}`,
    })
  }
}

/** What the answer to a probe says about its route. Pure. */
import type { ProbeResult } from '../../clients/smtp/probe.ts'
import { EvidenceKind } from '../../platform/codes.ts'
import { classifyAttempt } from './classify.ts'

/** It took the recipient, or refused it as one it does not have (RFC 3463 section 3.2). */
export const isLetIn = ({ ok, code = 0, enhanced = '' }: ProbeResult): boolean =>
  ok || (code >= 500 && enhanced.startsWith('5.1.'))

/** RFC 3463 section 3.8: security or policy, not this recipient. */
const isBarred = ({ code = 0, enhanced = '' }: ProbeResult): boolean => code >= 500 && enhanced.startsWith('5.7.')

/**
 * good: null when the fault was ours and says nothing about the route. `hasLetIn`: it took this very recipient before, so that
 * a bar now is against us (a blocklist), and every message would meet it.
 */
export function judgeProbe(
  result: ProbeResult,
  where: string,
  hasLetIn = false,
): { good: boolean | null; text: string } {
  const text = `${where} ${result.text}`
  if (result.ok) return { good: true, text }
  const kind = classifyAttempt({
    stage: result.stage,
    code: result.code ?? 0,
    enhanced: result.enhanced ?? null,
    text: result.text,
  })
  if (kind === EvidenceKind.ours) return { good: null, text: `${text} (our own trouble)` }
  if (hasLetIn && isBarred(result))
    return { good: false, text: `${text} (took this recipient before and bars us now: are we on a blocklist?)` }
  if (kind !== EvidenceKind.neutral) return { good: false, text: `${text} (at ${result.stage})` }
  return { good: true, text: `${text} (refused the probe's recipient, but answers)` }
}

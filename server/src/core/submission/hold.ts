/** How far ahead a message may be held (RFC 4865 section 4). A time that has come already is no hold. */
import { WireError } from '../../platform/errors.ts'
import type { Hold } from '../../protocols/smtp/hold.ts'

/** null: it leaves at once. `most`: in seconds. Throws hold-too-long. */
export function aheadOf(hold: Hold | null, now: number, most: number): Hold | null {
  if (!hold) return null
  const seconds = 'seconds' in hold ? hold.seconds : (hold.until - now) / 1000
  if (seconds <= 0) return null
  if (seconds > most) throw new WireError('hold-too-long', `at most ${most} seconds`)
  return hold
}

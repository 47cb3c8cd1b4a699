/**
 * What the submission listeners offer beside the rest: AUTH, under TLS alone (RFC 4954 section 4, RFC 8314 section 3.3: no
 * password in clear), and holding a message for a time (RFC 4865).
 */
import { mechanisms } from '../../../protocols/sasl/index.ts'
import { ehloWith } from '../commands/ehlo.ts'
import type { Session } from '../session.ts'

function futureRelease({ clock, sending }: Session['context']) {
  const seconds = sending!.door.maxHold
  return seconds > 0
    ? { seconds, until: `${new Date(clock.now() + seconds * 1000).toISOString().slice(0, 19)}Z` }
    : null
}

export const ehlo = ehloWith(({ context, tls }) => ({
  recipients: context.sending!.recipients,
  auth: tls === null ? [] : [...mechanisms.keys()],
  futureRelease: futureRelease(context),
}))

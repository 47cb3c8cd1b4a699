/**
 * The two submission listeners (RFC 6409, RFC 8314): people send with their own mail client. `submission` begins in clear
 * and knows STARTTLS, `submissions` begins with TLS; behind that they are the same, and the session, its limits and its
 * data phase are those of the MX listener.
 */
import { envelopeOf } from '../../../core/submission/index.ts'
import type { Config } from '../../../platform/config/config.ts'
import { createListener, type ListenerDeps, type MxListener } from '../listener.ts'
import type { SendingContext } from '../sending.ts'
import { submissionCommands } from './command-table.ts'

export interface SubmissionListenerDeps extends ListenerDeps {
  name: 'submission' | 'submissions'
  config: Pick<Config, 'smtp' | 'listen'>
  sending: SendingContext
}

export function createSubmissionListener(deps: SubmissionListenerDeps): MxListener {
  return createListener(deps, {
    name: deps.name,
    place: deps.config.listen[deps.name],
    config: deps.config.smtp,
    commands: submissionCommands,
    door: null,
    systems: null,
    sending: deps.sending,
    begin({ sending, envelope }) {
      const { person, recipients, hold } = sending!
      const { from, smtputf8, ret, envid, requireTls } = envelope!
      const more = requireTls ? { requireTls } : {}
      return deps.sending.door.begin(person!, {
        ...envelopeOf(from, recipients, { ret, envid }),
        smtputf8,
        hold,
        ...more,
      })
    },
    implicitTls: deps.name === 'submissions',
  })
}

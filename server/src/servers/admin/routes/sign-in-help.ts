/** /organisations/:org/letters and /people/:person/password-reset. */
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { issueLetters, codeStanding } from '../../../core/letters/index.ts'
import { hasAnyFactor, resetPassword } from '../../../core/access/index.ts'
import { IdentityCheck } from '../../../platform/codes.ts'
import { WireError } from '../../../platform/errors.ts'
import type { Handlers } from '../handler.ts'

export const signInHelpHandlers: Handlers<'readLetters' | 'makeLetters' | 'resetPassword'> = {
  readLetters: ({ deps, organisationId }) => codeStanding(deps.db, organisationId),
  async makeLetters({ deps, organisationId, body, session, request }) {
    const out = new PassThrough()
    const pdf = buffer(out)
    pdf.catch(() => undefined)
    const letters = await issueLetters(
      deps,
      {
        organisationId,
        personIds: body.people,
        actor: session.actor,
        url: deps.publicUrl || `${request.protocol}://${request.host}`,
      },
      () => out,
    )
    if (letters === 0) throw new WireError('not-found', 'nobody of these may sign in')
    return { letters, pdf: (await pdf).toString('base64') }
  },
  async resetPassword({ deps, organisationId, params, body, session }) {
    const had = body.endsSecondFactor && (await hasAnyFactor(deps.db, params.person))
    const password = await resetPassword(deps, {
      organisationId,
      personId: params.person,
      by: session,
      identity: IdentityCheck[body.identity],
      note: body.note.trim(),
      endsSecondFactor: body.endsSecondFactor,
    })
    if (had) await deps.privateContacts.tell({ organisationId, personId: params.person }, 'factorEnded')
    return { password }
  },
}

/**
 * AUTH at the MX listener: one of an organisation's own systems, whose smart host we are. Offered where some organisation
 * has declared one that signs in (outboundSources); to anybody else the listener is what every MX is.
 */
import { signIn } from '../sign-in.ts'

export const auth = signIn({
  isOffered: ({ context }) => context.systems?.takesPasswords() ?? false,
  isSignedIn: ({ proof }) => proof?.how === 'password',
  async prove(session, { name, password }) {
    const { clientIp, context } = session
    session.proof = await context.systems!.signIn({ name, password, clientIp })
    context.log.info({ clientIp, name }, 'a system has signed in')
  },
})

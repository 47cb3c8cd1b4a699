/** AUTH at the submission listeners: a person; a connection is closed when nobody has signed in within SIGN_IN_MS. */
import { signIn } from '../sign-in.ts'

export const auth = signIn({
  isOffered: () => true,
  isSignedIn: ({ sending }) => sending!.person !== null,
  async prove(session, { name, password }) {
    const { sending, clientIp, context } = session
    const person = await context.sending!.access.verifyPerson({ name, password, clientIp, protocol: 'submission' })
    sending!.person = person
    session.transactionDeadline = Infinity
    context.log.info({ clientIp, personId: person.personId }, 'signed in to send')
  },
})

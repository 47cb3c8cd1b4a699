/** AUTH at the submission listeners: a person. */
import { signIn } from '../sign-in.ts'

export const auth = signIn({
  isOffered: () => true,
  isSignedIn: ({ sending }) => sending!.person !== null,
  async prove({ sending, clientIp, context }, { name, password }) {
    const person = await context.sending!.access.verifyPerson({ name, password, clientIp })
    sending!.person = person
    context.log.info({ clientIp, personId: person.personId }, 'signed in to send')
  },
})

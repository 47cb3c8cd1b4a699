/** What a test of the API that is about something else has no use for: private addresses, mailboxes that are asked for. */
import type { FourEyes } from '../src/core/four-eyes/index.ts'
import type { ContactPlace, PrivateContacts } from '../src/core/notices/index.ts'

const nowhere: ContactPlace = { given: null, verifiedAt: null, waiting: null, waitingUntil: null }
export const noContacts: PrivateContacts = {
  standing: () =>
    Promise.resolve({
      ...{ address: nowhere, phone: nowhere, mayPhone: false, declared: null },
      ...{ hasPassword: true, codesLeft: 0 },
    }),
  begin: () => Promise.resolve(),
  confirm: () => Promise.resolve(),
  remove: () => Promise.resolve(),
  tell: () => Promise.resolve(),
}

const nothing = (): Promise<never> => Promise.reject(new Error('nobody asks for mailboxes here'))
const nobody = (): Promise<[]> => Promise.resolve([])

/** Where nobody asks for mailboxes. */
export const noFourEyes: FourEyes = {
  ...{ ask: nothing, decide: nothing, end: nothing, opening: nothing },
  ...{ list: nobody, toMailbox: nobody, lentTo: nobody },
  sweep: () => Promise.resolve(0),
}

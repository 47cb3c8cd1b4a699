/** Private addresses where a test of the API has no mail to send: nobody has one. */
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

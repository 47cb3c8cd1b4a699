/** Private addresses where a test of the API has no mail to send: nobody has one. */
import type { PrivateContacts } from '../src/core/notices/index.ts'

export const noContacts: PrivateContacts = {
  standing: () =>
    Promise.resolve({
      ...{ address: null, verifiedAt: null, waiting: null, waitingUntil: null, declared: null },
      ...{ hasPassword: true, codesLeft: 0 },
    }),
  begin: () => Promise.resolve(),
  confirm: () => Promise.resolve(),
  remove: () => Promise.resolve(),
  tell: () => Promise.resolve(),
}

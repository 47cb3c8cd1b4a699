/** Every method that is offered. What is not here is unknownMethod. */
import type { Method } from '../call.ts'
import { coreEcho } from './core-echo.ts'
import { emailChanges } from './email-changes.ts'
import { emailGet } from './email-get.ts'
import { emailImport } from './email-import.ts'
import { emailQuery } from './email-query.ts'
import { emailSet } from './email-set.ts'
import { identityChanges, identityGet } from './identity-get.ts'
import { mailboxChanges } from './mailbox-changes.ts'
import { mailboxGet } from './mailbox-get.ts'
import { mailboxQuery, noQueryChanges } from './mailbox-query.ts'
import { mailboxSet } from './mailbox-set.ts'
import { submissionChanges, submissionGet, submissionQuery } from './submission-get.ts'
import { submissionSet } from './submission-set.ts'
import { threadChanges, threadGet } from './thread-get.ts'
import { CORE, MAIL, SUBMISSION } from '../limits.ts'

export const methods: Record<string, { capability: string; run: Method }> = {
  'Core/echo': { capability: CORE, run: coreEcho },
  'Mailbox/get': { capability: MAIL, run: mailboxGet },
  'Mailbox/changes': { capability: MAIL, run: mailboxChanges },
  'Mailbox/query': { capability: MAIL, run: mailboxQuery },
  'Mailbox/queryChanges': { capability: MAIL, run: noQueryChanges },
  'Mailbox/set': { capability: MAIL, run: mailboxSet },
  'Thread/get': { capability: MAIL, run: threadGet },
  'Thread/changes': { capability: MAIL, run: threadChanges },
  'Email/get': { capability: MAIL, run: emailGet },
  'Email/changes': { capability: MAIL, run: emailChanges },
  'Email/query': { capability: MAIL, run: emailQuery },
  'Email/queryChanges': { capability: MAIL, run: noQueryChanges },
  'Email/set': { capability: MAIL, run: emailSet },
  'Email/import': { capability: MAIL, run: emailImport },
  'Identity/get': { capability: SUBMISSION, run: identityGet },
  'Identity/changes': { capability: SUBMISSION, run: identityChanges },
  'EmailSubmission/get': { capability: SUBMISSION, run: submissionGet },
  'EmailSubmission/changes': { capability: SUBMISSION, run: submissionChanges },
  'EmailSubmission/query': { capability: SUBMISSION, run: submissionQuery },
  'EmailSubmission/queryChanges': { capability: SUBMISSION, run: noQueryChanges },
  'EmailSubmission/set': { capability: SUBMISSION, run: submissionSet },
}

/** Sending from the webmail: checks, DKIM, routing, one commit, and the record of what was sent. */
export { createSignDkim, dkimKeyPlace } from './dkim.ts'
export { RECIPIENTS_PER_HOUR } from './allowance.ts'
export { createSubmission, type OwnIdentity, type Submission } from './submission.ts'
export type { SentMail } from './sent.ts'

/** What people send, by the web pages or by their own client: checks, DKIM, routing, one commit, the record of it. */
export { envelopeOf, wishFor, type Envelope, type NamedRecipient } from './envelope.ts'
export { createSignDkim, dkimKeyPlace, type SignDkim } from './dkim.ts'
export { RECIPIENTS_PER_HOUR } from './allowance.ts'
export { createSubmissionDoor, type ClientEnvelope, type SubmissionDoor } from './door.ts'
export { aheadOf } from './hold.ts'
export {
  createSubmission,
  RECIPIENTS_PER_MESSAGE,
  type OwnIdentity,
  type Submission,
  type Submitted,
} from './submission.ts'
export type { SentMail, SentWish } from './sent.ts'

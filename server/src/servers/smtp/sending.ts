/** What the submission listeners (RFC 6409) add to a session: who is at the other end, and whom they write to. */
import type { Access, SignedPerson } from '../../core/access/index.ts'
import type { NamedRecipient, SubmissionDoor } from '../../core/submission/index.ts'
import type { Hold } from '../../protocols/smtp/hold.ts'

/** What all sessions of a submission listener share. */
export interface SendingContext {
  access: Pick<Access, 'verifyPerson' | 'holds'>
  door: SubmissionDoor
  /** recipients of one message */
  recipients: number
}

/** Who has not signed in by then does not want to send; a connection costs a place that somebody else needs. */
export const SIGN_IN_MS = 600_000

export interface Sending {
  /** null: not signed in yet */
  person: SignedPerson | null
  /** the end of the time to sign in, on the clock that only goes forward */
  signInBy: number
  /** of the transaction under way, as written, each once */
  recipients: NamedRecipient[]
  /** when it is to leave, as MAIL said */
  hold: Hold | null
}

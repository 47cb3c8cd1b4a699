/** What the answers to a transaction say about the host that gave them, and reports of what never came so far. Pure. */
import { MOST_TEXT, type RecipientResult, type SmtpFailure } from '../../clients/smtp/result.ts'
import { classifyAttempt, isBad } from '../continuity/index.ts'
import type { Job } from './job.ts'
import type { AttemptReport, TargetList } from './runner-ports.ts'

/** `tried` left out: it was. */
export type Attempt = Omit<AttemptReport, 'tookMs' | 'tried'> & { tried?: boolean }

/** The whole system failed, not one message or mailbox; nothing was taken. */
export const blamesHost = ({ outcome, stage, code, enhanced, text, aboutClient }: RecipientResult): boolean =>
  outcome === 'deferred' && isBad(classifyAttempt({ stage, code, enhanced, text, aboutClient }))

/** Of no recipient anything else can be said; not where we cut it ourselves. */
export const isHostsFault = ({ tried, results }: Attempt): boolean => tried !== false && results.every(blamesHost)

/** A server that does not know how to be spoken to ahead: no answer at all, or as if the command were out of place. */
export const isConfused = ({ stage, failure, code }: RecipientResult): boolean =>
  stage === 'mail' && (failure === 'timeout' || (code >= 500 && code <= 503) || code === 554)

/** The server may have ended an idle connection just now (421: RFC 5321 section 3.8): it took nothing. */
const isOver = ({ stage, failure, code }: RecipientResult): boolean =>
  stage === 'mail' && (failure === 'dropped' || code === 421)

/** Of a connection that has carried mail before: it has had enough, though it stays open (OpenSMTPD's limit of messages). */
const isSpent = ({ stage, failure, code }: RecipientResult): boolean =>
  stage === 'mail' && failure === null && code === 452

/** Nothing of it was taken, and a new connection may well take it: the server has ended this one, or will have no more of it. */
export const wantsAnother = ({ used }: { used: number }, results: readonly RecipientResult[]): boolean =>
  results.length > 0 && (results.every(isOver) || (used > 1 && results.every(isSpent)))

const same = (job: Job, result: RecipientResult): RecipientResult[] => job.recipients.map(() => result)

/** No connection: the last host's failure. `tried` false: not even asked, it had just failed for another. */
export function notConnected(job: Job, failure: SmtpFailure, host: string | null, tried: boolean): Attempt {
  const { stage, code, enhanced, message: text, kind, isFinal } = failure
  return {
    job,
    host,
    tls: null,
    confirms: false,
    tried,
    results: same(job, {
      outcome: isFinal ? 'refused' : 'deferred',
      stage,
      code,
      enhanced,
      text,
      failure: isFinal ? null : kind,
    }),
  }
}

/** No hosts: the domain takes no mail, or cannot be looked up just now. */
export function nowhere(job: Job, refusal: NonNullable<TargetList['refusal']>): Attempt {
  const { code, enhanced, text, failure } = refusal
  const outcome = failure ? 'deferred' : 'refused'
  return {
    job,
    host: null,
    tls: null,
    confirms: false,
    results: same(job, { outcome, stage: 'dns', code, enhanced, text, failure }),
  }
}

/** Ours, not the host's (a password that cannot be opened): the delivery waits and says why, the others go on. */
export function notTried(job: Job, error: unknown): Attempt {
  const text = `not tried, a fault on our side: ${(error as Error).message}`.slice(0, MOST_TEXT)
  const result = {
    outcome: 'deferred',
    stage: 'connect',
    code: 0,
    enhanced: '4.3.0',
    text,
    failure: 'local',
  } as const
  return { job, host: null, tls: null, confirms: false, tried: false, results: same(job, result) }
}

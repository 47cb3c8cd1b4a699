/**
 * What a directory says about a name and a password. Only `unavailable` leaves the question open; every other verdict is the
 * directory's own word.
 */

export type Verdict =
  | 'good'
  /** this password is not right */
  | 'wrong'
  /** nobody there has this name, or more than one: then nobody can be meant */
  | 'not-found'
  | 'ambiguous'
  /** not for now, whatever the password: too many wrong ones, not at this hour, not from here */
  | 'locked'
  /** the account is closed, or its time is over */
  | 'disabled'
  /** right, but it must be changed there before it counts again */
  | 'must-change'

export type Answer = { verdict: Verdict } | { verdict: 'unavailable'; reason: string }

/** Result codes of RFC 4511 section 4.1.9. */
const Result = {
  referral: 10,
  constraintViolation: 19,
  noSuchObject: 32,
  inappropriateAuthentication: 48,
  invalidCredentials: 49,
  insufficientAccessRights: 50,
  unwillingToPerform: 53,
} as const

/** Active Directory says 49 to all of them and the reason in its text: "AcceptSecurityContext error, data 533, v4563". */
const REASONS: Record<string, Verdict> = {
  '525': 'not-found',
  '530': 'locked',
  '531': 'locked',
  '532': 'must-change',
  '533': 'disabled',
  '701': 'disabled',
  '773': 'must-change',
  '775': 'locked',
}

export const resultOf = (error: unknown): number | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : null

/** What it means that a person's bind failed; null: nothing about the person. */
export function verdictOf(error: unknown): Verdict | null {
  switch (resultOf(error)) {
    case Result.invalidCredentials:
      return REASONS[/\bdata ([0-9a-f]{3,4})\b/i.exec((error as Error).message)?.[1] ?? ''] ?? 'wrong'
    case Result.noSuchObject:
      return 'not-found'
    // An entry without a password.
    case Result.inappropriateAuthentication:
      return 'wrong'
    // Where lists of failures are kept, accounts are shut with one of these.
    case Result.constraintViolation:
    case Result.insufficientAccessRights:
    case Result.unwillingToPerform:
      return 'locked'
    default:
      return null
  }
}

/** One entry cannot be judged (a result code nobody knows); the server itself answers. */
export class OddEntryError extends Error {
  constructor(text: string, options: ErrorOptions) {
    super(text, options)
    this.name = 'OddEntryError'
  }
}

/** It is the server that has trouble, whoever is asked for: busy and unavailable; without a code nothing was answered. */
export const isServerTrouble = (error: unknown): boolean => [null, 51, 52].includes(resultOf(error))

/** Referrals are not followed: whoever answers one elsewhere is nobody the administrator named. */
export const wordsOf = (error: unknown): string =>
  resultOf(error) === Result.referral
    ? 'it refers to another server, which is not asked'
    : (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ').trim().slice(0, 300)

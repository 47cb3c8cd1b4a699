/** The errors of JMAP (RFC 8620 section 3.6): of a request, of a method, of one object in a set. Closed lists. */

/** RFC 8620 section 3.6.1. */
export type RequestErrorType = 'unknownCapability' | 'notJSON' | 'notRequest' | 'limit'

export class RequestError extends Error {
  readonly type: RequestErrorType
  readonly limit: string | undefined

  constructor(type: RequestErrorType, detail: string, limit?: string) {
    super(detail)
    this.type = type
    this.limit = limit
  }

  /** RFC 7807 problem details. */
  problem(): object {
    const problem = { type: `urn:ietf:params:jmap:error:${this.type}`, status: 400, detail: this.message }
    return this.limit === undefined ? problem : { ...problem, limit: this.limit }
  }
}

/** RFC 8620 section 3.6.2 and the methods of RFC 8621. */
export type MethodErrorType =
  | 'serverUnavailable'
  | 'serverFail'
  | 'unknownMethod'
  | 'invalidArguments'
  | 'invalidResultReference'
  | 'forbidden'
  | 'accountNotFound'
  | 'accountNotSupportedByMethod'
  | 'accountReadOnly'
  | 'requestTooLarge'
  | 'cannotCalculateChanges'
  | 'stateMismatch'
  | 'anchorNotFound'
  | 'unsupportedSort'
  | 'unsupportedFilter'
  | 'tooManyChanges'
  | 'fromAccountNotFound'

export class MethodError extends Error {
  readonly type: MethodErrorType

  constructor(type: MethodErrorType, description: string) {
    super(description)
    this.type = type
  }

  toJSON(): object {
    return { type: this.type, description: this.message }
  }
}

/** RFC 8620 section 5.3; RFC 8621 sections 2.5, 4.6, 4.8 and 7.5. */
export type SetErrorType =
  | 'forbidden'
  | 'overQuota'
  | 'tooLarge'
  | 'rateLimit'
  | 'notFound'
  | 'invalidPatch'
  | 'willDestroy'
  | 'invalidProperties'
  | 'singleton'
  | 'serverFail'
  | 'mailboxHasChild'
  | 'mailboxHasEmail'
  | 'blobNotFound'
  | 'tooManyKeywords'
  | 'tooManyMailboxes'
  | 'invalidEmail'
  | 'alreadyExists'
  | 'tooManyRecipients'
  | 'noRecipients'
  | 'invalidRecipients'
  | 'forbiddenMailFrom'
  | 'forbiddenFrom'
  | 'forbiddenToSend'
  | 'cannotUnsend'

export interface SetError {
  type: SetErrorType
  description?: string
  properties?: string[]
  notFound?: string[]
  existingId?: string
  maxRecipients?: number
  invalidRecipients?: string[]
}

/** Thrown while one object of a set is worked on; becomes its notCreated, notUpdated or notDestroyed entry. */
export class SetProblem extends Error {
  readonly setError: SetError

  constructor(type: SetErrorType, description: string, extra: Omit<SetError, 'type' | 'description'> = {}) {
    super(description)
    this.setError = { type, description, ...extra }
  }
}

export const invalidProperty = (property: string, description: string): SetProblem =>
  new SetProblem('invalidProperties', description, { properties: [property] })

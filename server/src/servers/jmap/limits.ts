/** What the session resource promises (RFC 8620 section 2, RFC 8621 section 1.3) and the dispatcher holds. */
import { MOST_DEPTH, MOST_NAME_BYTES, MOST_UPLOAD_BYTES } from '../../core/mailbox/index.ts'

export const CORE = 'urn:ietf:params:jmap:core'
export const MAIL = 'urn:ietf:params:jmap:mail'
export const SUBMISSION = 'urn:ietf:params:jmap:submission'
export const capabilities = [CORE, MAIL, SUBMISSION] as const

export const coreLimits = {
  maxSizeUpload: MOST_UPLOAD_BYTES,
  maxConcurrentUpload: 4,
  maxSizeRequest: 10_000_000,
  maxConcurrentRequests: 8,
  maxCallsInRequest: 32,
  maxObjectsInGet: 1000,
  maxObjectsInSet: 1000,
  collationAlgorithms: [],
} as const

export const mailLimits = {
  maxMailboxesPerEmail: 1,
  maxMailboxDepth: MOST_DEPTH,
  maxSizeMailboxName: MOST_NAME_BYTES,
  /** of the attachments of one message, before encoding */
  maxSizeAttachmentsPerEmail: 52_428_800,
  emailQuerySortOptions: ['receivedAt', 'size', 'from', 'subject', 'sentAt'],
  mayCreateTopLevelMailbox: true,
} as const

/** Most ids of one query. */
export const MOST_QUERY_IDS = 5000
/** Most text of one body value, when the client sets no limit. */
export const MOST_BODY_VALUE_BYTES = 5_242_880

/**
 * How much of a message we are willing to understand. Beyond a limit the message is still kept, shown and handed on
 * whole; only its inner structure is cut short and says so (`truncated`).
 */
export interface MimeLimits {
  /** nested multiparts; what lies deeper is one part, shown as it came */
  depth: number
  /** parts of one message */
  parts: number
  /** header fields of one part */
  headers: number
  /** bytes of one part's header section */
  headerBytes: number
}

/** A header section of the default `smtp.headerBytes`, and the lines that we and others on the way put before it. */
export const mimeLimits: MimeLimits = { depth: 50, parts: 1000, headers: 1000, headerBytes: 327_680 }

/**
 * Of one field's value this much is read as addresses, ids, parameters or text; as raw it stays whole. A reader has a
 * page of messages parsed at once: what one stranger's message costs is multiplied by it.
 */
export const LONGEST_FIELD = 65_536

/** What the address of the mail page says: which message, which search, what is being written. */
export type ComposeKind = 'new' | 'reply' | 'replyAll' | 'forward' | 'draft'
export const composeKinds: readonly unknown[] = ['new', 'reply', 'replyAll', 'forward', 'draft']
export interface MailSearch {
  /** words searched for */
  q?: string
  /** search in all folders */
  all?: boolean
  /** the open message */
  id?: string
  compose?: ComposeKind
  /** to whom a new message goes at first */
  to?: string
  /** the list of what waits to be sent */
  later?: boolean
}

/** The objects of RFC 8620 and RFC 8621 as far as the pages use them. */
export interface JmapSession {
  capabilities: Record<string, Record<string, unknown>>
  accounts: Record<
    string,
    {
      name: string
      isPersonal?: boolean
      isReadOnly: boolean
      accountCapabilities?: Record<string, Record<string, unknown>>
    }
  >
  primaryAccounts: Record<string, string>
  username: string
  apiUrl: string
  downloadUrl: string
  uploadUrl: string
  eventSourceUrl: string
  state: string
}
export type FolderRole = 'inbox' | 'drafts' | 'sent' | 'trash' | 'junk' | 'archive'
export interface Mailbox {
  id: string
  name: string
  role: FolderRole | null
  parentId: string | null
  sortOrder: number
  totalEmails: number
  unreadEmails: number
}
export interface Address {
  name: string | null
  email: string
}
export interface BodyPart {
  partId: string | null
  blobId: string | null
  size: number
  name: string | null
  type: string
  charset: string | null
  disposition: string | null
  cid: string | null
}
export type Keywords = Record<string, boolean>
/** What a row of the list shows. */
export interface EmailRow {
  id: string
  threadId: string
  mailboxIds: Record<string, boolean>
  keywords: Keywords
  from: Address[] | null
  to: Address[] | null
  subject: string | null
  receivedAt: string
  preview: string
  hasAttachment: boolean
  size: number
}
export interface Email extends EmailRow {
  blobId: string
  messageId: string[] | null
  inReplyTo: string[] | null
  references: string[] | null
  cc: Address[] | null
  bcc: Address[] | null
  replyTo: Address[] | null
  sender: Address[] | null
  sentAt: string | null
  headers: { name: string; value: string }[]
  textBody: BodyPart[]
  htmlBody: BodyPart[]
  attachments: BodyPart[]
  bodyValues: Record<string, { value: string; isTruncated: boolean; isEncodingProblem: boolean }>
}
export interface Identity {
  id: string
  name: string
  email: string
  replyTo: Address[] | null
  textSignature: string
  htmlSignature: string
}
export interface SetError {
  type: string
  description?: string | null
  properties?: string[]
}
export interface SetResult {
  oldState?: string | null
  newState: string
  created?: Record<
    string,
    { id: string; blobId?: string; size?: number; sendAt?: string; undoStatus?: 'pending' | 'final' | 'canceled' }
  > | null
  updated?: Record<string, unknown> | null
  destroyed?: string[] | null
  notCreated?: Record<string, SetError> | null
  notUpdated?: Record<string, SetError> | null
  notDestroyed?: Record<string, SetError> | null
}
export interface QueryResult {
  ids: string[]
  queryState: string
  position: number
  total?: number
}
export interface GetResult<T> {
  state: string
  list: T[]
  notFound: string[]
}
export interface Uploaded {
  blobId: string
  type: string
  size: number
}

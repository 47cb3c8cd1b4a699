/** Email and EmailBodyPart objects (RFC 8621 section 4.1) made of what the mailbox knows of a message. */
import {
  fromStored,
  type Digest,
  type EmailRow,
  type MessageView,
  type ViewedMessage,
} from '../../core/mailbox/index.ts'
import { idTime } from '../../platform/ids.ts'
import {
  formatBlobId,
  headerProperty,
  mailboxId,
  MethodError,
  parseHeaderProperty,
  utcDate,
  type HeaderForm,
} from '../../protocols/jmap/index.ts'
import { leafParts, type MimePart } from '../../protocols/mime/index.ts'
import { MOST_BODY_VALUE_BYTES } from './limits.ts'

export const defaultEmailProperties = [
  'id', 'blobId', 'threadId', 'mailboxIds', 'keywords', 'size', 'receivedAt', 'messageId', 'inReplyTo', 'references', 'sender',
  'from', 'to', 'cc', 'bcc', 'replyTo', 'subject', 'sentAt', 'hasAttachment', 'preview', 'bodyValues', 'textBody', 'htmlBody', 'attachments',
] // prettier-ignore
export const defaultBodyProperties = [
  'partId',
  'blobId',
  'size',
  'name',
  'type',
  'charset',
  'disposition',
  'cid',
  'language',
  'location',
]
const BODY_PROPERTIES = [...defaultBodyProperties, 'headers', 'subParts']

/** RFC 8621 section 4.1.2.3: properties that are short for a header. */
export const convenience: Record<string, { name: string; form: HeaderForm }> = {
  messageId: { name: 'Message-ID', form: 'MessageIds' },
  inReplyTo: { name: 'In-Reply-To', form: 'MessageIds' },
  references: { name: 'References', form: 'MessageIds' },
  sender: { name: 'Sender', form: 'Addresses' },
  from: { name: 'From', form: 'Addresses' },
  to: { name: 'To', form: 'Addresses' },
  cc: { name: 'Cc', form: 'Addresses' },
  bcc: { name: 'Bcc', form: 'Addresses' },
  replyTo: { name: 'Reply-To', form: 'Addresses' },
  subject: { name: 'Subject', form: 'Text' },
  sentAt: { name: 'Date', form: 'Date' },
}
const METADATA = ['id', 'blobId', 'threadId', 'mailboxIds', 'keywords', 'size', 'receivedAt']
/** need the whole message, not only its beginning */
const WHOLE = ['bodyStructure', 'bodyValues', 'textBody', 'htmlBody', 'attachments']
const OTHER = [...WHOLE, 'headers', 'hasAttachment', 'preview']

export interface EmailWish {
  properties: string[]
  bodyProperties: string[]
  fetchTextBodyValues: boolean
  fetchHTMLBodyValues: boolean
  fetchAllBodyValues: boolean
  maxBodyValueBytes: number
}

export function checkEmailProperties(wanted: readonly string[] | null | undefined): string[] {
  if (!wanted) return defaultEmailProperties
  for (const property of wanted)
    if (
      !METADATA.includes(property) &&
      !OTHER.includes(property) &&
      !Object.hasOwn(convenience, property) &&
      !parseHeaderProperty(property)
    )
      throw new MethodError('invalidArguments', `there is no property ${JSON.stringify(property).slice(0, 100)}`)
  return [...new Set(['id', ...wanted])]
}

export function checkBodyProperties(wanted: readonly string[] | null | undefined): string[] {
  if (!wanted) return defaultBodyProperties
  for (const property of wanted)
    if (!BODY_PROPERTIES.includes(property) && !parseHeaderProperty(property))
      throw new MethodError('invalidArguments', `there is no body property ${JSON.stringify(property).slice(0, 100)}`)
  return [...new Set(wanted)]
}

function bodyPart(messageId: string, part: MimePart, wish: { bodyProperties: string[] }): Record<string, unknown> {
  const isLeaf = part.partId !== null
  const out: Record<string, unknown> = {}
  for (const property of wish.bodyProperties) {
    switch (property) {
      case 'blobId':
        out.blobId = isLeaf ? formatBlobId({ kind: 'part', messageId, partId: part.partId! }) : null
        break
      case 'size':
        out.size = isLeaf ? part.size : 0
        break
      case 'charset':
        // RFC 8621 section 4.1.4: text without one is us-ascii; others have none.
        out.charset = part.type.startsWith('text/') ? (part.charset ?? 'us-ascii') : null
        break
      case 'headers':
        out.headers = part.headers.map(({ name, raw }) => ({ name, value: raw }))
        break
      case 'subParts':
        out.subParts = isLeaf ? null : part.subParts.map((one) => bodyPart(messageId, one, wish))
        break
      case 'partId':
      case 'name':
      case 'type':
      case 'disposition':
      case 'cid':
      case 'language':
      case 'location':
        out[property] = part[property]
        break
      default: {
        const header = parseHeaderProperty(property)
        if (header) out[property] = headerProperty(part.headers, header)
      }
    }
  }
  return out
}

async function bodyValues(
  view: MessageView,
  message: ViewedMessage,
  digest: Digest,
  wish: EmailWish,
): Promise<Record<string, unknown>> {
  const { lists, structure } = digest
  const parts = new Map<string, MimePart>()
  const add = (list: readonly MimePart[]): void => {
    for (const part of list) if (part.type.startsWith('text/') && part.partId !== null) parts.set(part.partId, part)
  }
  if (wish.fetchTextBodyValues || wish.fetchAllBodyValues) add(lists.textBody)
  if (wish.fetchHTMLBodyValues || wish.fetchAllBodyValues) add(lists.htmlBody)
  if (wish.fetchAllBodyValues) add(leafParts(structure.root))
  const values: Record<string, unknown> = {}
  for (const [partId, part] of parts) values[partId] = await bodyValue(view, message, part, wish.maxBodyValueBytes)
  return values
}

async function bodyValue(view: MessageView, message: ViewedMessage, part: MimePart, wanted: number): Promise<object> {
  const most = wanted > 0 ? wanted : MOST_BODY_VALUE_BYTES
  const { text, problem, cut } = await view.partText(message, part, most)
  const octets = Buffer.from(text, 'utf8')
  const isTruncated = cut || part.isCut || octets.length > most
  let value = text
  if (octets.length > most) {
    // RFC 8621 section 4.2: not inside a character; for HTML not inside a tag.
    let end = most
    while (end > 0 && (octets[end]! & 0xc0) === 0x80) end--
    value = octets.toString('utf8', 0, end)
  }
  if (isTruncated && part.type === 'text/html') {
    const open = value.lastIndexOf('<')
    if (open > value.lastIndexOf('>')) value = value.slice(0, open)
  }
  return { value, isEncodingProblem: problem, isTruncated }
}

export const needsDigest = (properties: readonly string[]): boolean =>
  properties.some((property) => !METADATA.includes(property))

/** What the message itself says: everything but keywords, mailboxes and times. Serves Email/parse as well as Email/get. */
export async function messageProperties(
  view: MessageView,
  message: ViewedMessage,
  wish: EmailWish,
): Promise<Record<string, unknown>> {
  const out: Record<string, unknown> = {}
  if (!needsDigest(wish.properties)) return out
  const digest = await view.digest(
    message,
    wish.properties.some((property) => WHOLE.includes(property)),
  )
  const { root } = digest.structure
  const list = (parts: readonly MimePart[]): object[] => parts.map((part) => bodyPart(message.messageId, part, wish))
  for (const property of wish.properties) {
    const short = Object.hasOwn(convenience, property) ? convenience[property] : undefined
    const header = short ? { ...short, all: false } : parseHeaderProperty(property)
    if (header) out[property] = headerProperty(root.headers, header)
    else if (property === 'headers') out.headers = root.headers.map(({ name, raw }) => ({ name, value: raw }))
    else if (property === 'preview') out.preview = digest.preview
    else if (property === 'hasAttachment') out.hasAttachment = digest.hasAttachment
    else if (property === 'bodyStructure')
      out.bodyStructure = bodyPart(message.messageId, root, {
        bodyProperties: [...new Set([...wish.bodyProperties, 'subParts'])],
      })
    else if (property === 'textBody' || property === 'htmlBody' || property === 'attachments')
      out[property] = list(digest.lists[property])
    else if (property === 'bodyValues') out.bodyValues = await bodyValues(view, message, digest, wish)
  }
  return out
}

export const idMap = (keys: readonly string[]): Record<string, true> =>
  Object.fromEntries(keys.map((key) => [key, true] as const))

export async function emailObject(
  view: MessageView,
  organisationId: string,
  row: EmailRow,
  wish: EmailWish,
): Promise<Record<string, unknown>> {
  const message = { ...row, organisationId }
  const known: Record<string, () => unknown> = {
    id: () => row.copyId,
    blobId: () => formatBlobId({ kind: 'message', messageId: row.messageId }),
    threadId: () => row.threadId,
    mailboxIds: () => idMap([mailboxId(row.folderNo)]),
    keywords: () => idMap(fromStored(row)),
    size: () => view.size(message),
    receivedAt: () => utcDate(idTime(row.copyId)),
  }
  const parsed = await messageProperties(view, message, wish)
  return Object.fromEntries(
    wish.properties.map((property) => [property, known[property] ? known[property]() : parsed[property]]),
  )
}

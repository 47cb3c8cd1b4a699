/** A new message from the properties of an Email object (RFC 8621 section 4.6). */
import { randomUUID } from 'node:crypto'
import { isKeyword, MOST_KEYWORDS } from '../../core/mailbox/index.ts'
import {
  folderNoOf,
  invalidProperty,
  isObject,
  parseAnyDate,
  parseHeaderProperty,
  parseIdSet,
  parseUtcDate,
  SetProblem,
  type HeaderProperty,
  type Json,
} from '../../protocols/jmap/index.ts'
import { arrangeParts, newPart, type MailAddress, type NewMessage, type NewPart } from '../../protocols/mime/index.ts'
import { realId, type Call } from './call.ts'
import { openBlob, readBlob } from './blobs.ts'
import { mailLimits } from './limits.ts'

type Properties = Record<string, Json>

const ADDRESS_LISTS = ['from', 'sender', 'replyTo', 'to', 'cc', 'bcc'] as const
const ID_LISTS = ['messageId', 'inReplyTo', 'references'] as const
const KNOWN = new Set<string>([
  'mailboxIds',
  'keywords',
  'receivedAt',
  'subject',
  'sentAt',
  'bodyValues',
  'bodyStructure',
  'textBody',
  'htmlBody',
  'attachments',
  ...ADDRESS_LISTS,
  ...ID_LISTS,
])
const MOST_ADDRESSES = 1000
const MOST_PARTS = 500
const MOST_DEPTH = 100

export function readAddresses(value: Json | undefined, property: string): MailAddress[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value) || value.length > MOST_ADDRESSES)
    throw invalidProperty(property, `${property} must be a list of at most ${MOST_ADDRESSES} addresses`)
  return value.map((one) => {
    if (!isObject(one) || typeof one.email !== 'string')
      throw invalidProperty(property, `${property}: each needs an email`)
    const { email, name = null } = one
    if (email.length > 1000 || /[\r\n\0<>]/.test(email))
      throw invalidProperty(property, `${property}: ${JSON.stringify(email).slice(0, 100)} is not an address`)
    if (name !== null && typeof name !== 'string') throw invalidProperty(property, `${property}: a name must be text`)
    return { name: name === '' ? null : name, email: email.trim() }
  })
}

function readIds(value: Json | undefined, property: string): string[] {
  if (value === undefined || value === null) return []
  if (
    !Array.isArray(value) ||
    !value.every((id): id is string => typeof id === 'string' && /^[^<>\s\0]{1,998}$/.test(id))
  )
    throw invalidProperty(property, `${property} must be a list of message ids without angle brackets`)
  return value
}

/** Where and how it is to be kept. */
export function readPlacement(
  properties: Properties,
  call: Call,
): { folderNo: number; keywords: string[]; receivedAt: number } {
  const mailboxIds = parseIdSet(properties.mailboxIds, 'mailboxIds')
  if (mailboxIds.length !== 1)
    throw mailboxIds.length === 0
      ? invalidProperty('mailboxIds', 'a message must be in a mailbox')
      : new SetProblem('tooManyMailboxes', 'a message is in one mailbox')
  const folderNo = folderNoOf(realId(mailboxIds[0]!, call))
  if (folderNo === null) throw invalidProperty('mailboxIds', 'there is no such mailbox')
  const keywords =
    properties.keywords === undefined || properties.keywords === null ? [] : parseIdSet(properties.keywords, 'keywords')
  if (!keywords.every(isKeyword)) throw invalidProperty('keywords', 'these are not keywords')
  if (keywords.length > MOST_KEYWORDS) throw new SetProblem('tooManyKeywords', `at most ${MOST_KEYWORDS} keywords`)
  const receivedAt =
    properties.receivedAt === undefined || properties.receivedAt === null
      ? call.clock.now()
      : parseUtcDate(properties.receivedAt)
  if (receivedAt === null || receivedAt < 0) throw invalidProperty('receivedAt', 'a UTCDate expected')
  return { folderNo, keywords, receivedAt }
}

/** One of header:X:asForm as text for the header. */
function headerText(property: string, { form }: HeaderProperty, value: Json): string {
  const no = (): SetProblem => invalidProperty(property, `${property}: the value does not fit its form`)
  switch (form) {
    case 'Raw':
    case 'Text':
      if (typeof value !== 'string') throw no()
      return value.trim()
    case 'Addresses':
      return readAddresses(value, property)
        .map(({ name, email }) => (name === null ? email : `"${name.replace(/["\\]/g, '\\$&')}" <${email}>`))
        .join(', ')
    case 'MessageIds':
      return readIds(value, property)
        .map((id) => `<${id}>`)
        .join(' ')
    case 'URLs':
      if (!Array.isArray(value) || !value.every((url): url is string => typeof url === 'string' && !/[<>\s]/.test(url)))
        throw no()
      return value.map((url) => `<${url}>`).join(', ')
    case 'Date': {
      const at = parseAnyDate(value)
      if (at === null) throw no()
      return new Date(at).toUTCString().replace('GMT', '+0000')
    }
    case 'GroupedAddresses':
      throw invalidProperty(property, 'groups cannot be written here')
  }
}

function readHeaders(properties: Properties, forPart: boolean): { name: string; value: string }[] {
  const headers: { name: string; value: string }[] = []
  for (const [property, value] of Object.entries(properties)) {
    if (!property.startsWith('header:')) continue
    const header = parseHeaderProperty(property)
    if (!header) throw invalidProperty(property, `${property} is not a header property`)
    const name = header.name.toLowerCase()
    // RFC 8621 section 4.6: what describes content is given by the part's properties, and only parts have such fields.
    if (name.startsWith('content-') !== forPart || name === 'content-transfer-encoding' || name === 'mime-version')
      throw invalidProperty(property, `${property} cannot be set here`)
    if (header.all && !Array.isArray(value)) throw invalidProperty(property, `${property} must be a list`)
    for (const one of header.all ? (value as Json[]) : [value])
      headers.push({ name: header.name, value: headerText(property, header, one) })
  }
  return headers
}

const PART = new Set([
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
  'subParts',
])

class PartReader {
  private bytes = 0
  private count = 0
  private readonly bodyValues: Record<string, Json>
  private readonly call: Call

  constructor(bodyValues: Record<string, Json>, call: Call) {
    this.bodyValues = bodyValues
    this.call = call
  }

  async read(value: Json | undefined, at: string): Promise<NewPart> {
    const no = (text: string): SetProblem => invalidProperty(at, `${at}: ${text}`)
    if (!isObject(value)) throw no('a body part must be an object')
    if (++this.count > MOST_PARTS) throw no(`at most ${MOST_PARTS} parts`)
    for (const property of Object.keys(value))
      if (!PART.has(property) && !property.startsWith('header:')) throw no(`${property.slice(0, 50)} cannot be set`)
    const text = (property: string): string | null => {
      const one = value[property]
      if (one === undefined || one === null) return null
      if (typeof one !== 'string' || one.length > 1000) throw no(`${property} must be text`)
      return one
    }
    const { language } = value
    if (
      language !== undefined &&
      language !== null &&
      !(Array.isArray(language) && language.every((tag) => typeof tag === 'string'))
    )
      throw no('language must be a list of text')
    const common = {
      disposition: text('disposition'),
      name: text('name'),
      cid: text('cid'),
      language: language ?? null,
      location: text('location'),
      headers: readHeaders(
        Object.fromEntries(Object.entries(value).filter(([name]) => name.startsWith('header:'))),
        true,
      ),
    }
    const partId = text('partId')
    const type = (text('type') ?? (partId === null ? 'application/octet-stream' : 'text/plain')).toLowerCase()
    if (!/^[!#$&^_.+a-z0-9-]+\/[!#$&^_.+a-z0-9-]+$/.test(type)) throw no('the type is not a media type')
    if (type.startsWith('multipart/')) {
      if (!Array.isArray(value.subParts)) throw no('a multipart needs subParts')
      const subParts: NewPart[] = []
      for (const [i, one] of value.subParts.entries()) subParts.push(await this.read(one, `${at}/subParts/${i}`))
      return newPart(type, { ...common, subParts })
    }
    return newPart(type, { ...common, content: await this.content(value, partId, type, at) })
  }

  private async content(value: Properties, partId: string | null, type: string, at: string): Promise<string | Buffer> {
    const { blobId } = value
    if ((partId === null) === (blobId === undefined || blobId === null))
      throw invalidProperty(at, `${at}: either partId or blobId`)
    if (partId !== null) {
      const body = Object.hasOwn(this.bodyValues, partId) ? this.bodyValues[partId] : undefined
      if (!isObject(body) || typeof body.value !== 'string')
        throw invalidProperty('bodyValues', `there is no value ${partId}`)
      if (body.isTruncated === true || body.isEncodingProblem === true)
        throw invalidProperty('bodyValues', 'a new message cannot be cut or broken')
      if (!type.startsWith('text/')) throw invalidProperty(at, `${at}: only text has a partId`)
      return body.value
    }
    const bytes =
      typeof blobId === 'string'
        ? await readBlob(this.call, realId(blobId, this.call), mailLimits.maxSizeAttachmentsPerEmail - this.bytes)
        : null
    if (bytes === null)
      throw new SetProblem('blobNotFound', 'a file of this message is not here', {
        notFound: typeof blobId === 'string' ? [blobId] : [],
      })
    if (bytes === 'too-large')
      throw new SetProblem(
        'tooLarge',
        `the files of one message may have ${mailLimits.maxSizeAttachmentsPerEmail} bytes`,
      )
    this.bytes += bytes.length
    return bytes
  }
}

/** The bytes of all files that a new message names, before any of them is read. */
export async function weighFiles(properties: Properties, call: Call): Promise<number> {
  const ids: string[] = []
  const visit = (value: Json | undefined, depth: number): void => {
    if (depth > MOST_DEPTH || ids.length > MOST_PARTS) return
    if (Array.isArray(value)) for (const one of value) visit(one, depth + 1)
    if (!isObject(value)) return
    if (typeof value.blobId === 'string') ids.push(value.blobId)
    visit(value.subParts, depth + 1)
  }
  const { bodyStructure, textBody, htmlBody, attachments } = properties
  for (const one of [bodyStructure, textBody, htmlBody, attachments]) visit(one, 0)
  let bytes = 0
  // Each time it is named it is there once more. What is not there is said when it is read.
  for (const id of ids) bytes += (await openBlob(call.mailbox, call.owner, realId(id, call)))?.most ?? 0
  return bytes
}

async function readBody(properties: Properties, call: Call): Promise<NewPart> {
  const { bodyStructure, textBody, htmlBody, attachments } = properties
  const bodyValues = properties.bodyValues ?? {}
  if (!isObject(bodyValues)) throw invalidProperty('bodyValues', 'bodyValues must be an object')
  const reader = new PartReader(bodyValues, call)
  if (bodyStructure !== undefined && bodyStructure !== null) {
    if (textBody || htmlBody || attachments)
      throw invalidProperty('bodyStructure', 'bodyStructure excludes textBody, htmlBody and attachments')
    return reader.read(bodyStructure, 'bodyStructure')
  }
  const one = async (list: Json | undefined, property: string, type: string): Promise<NewPart | null> => {
    if (list === undefined || list === null) return null
    if (!Array.isArray(list) || list.length !== 1) throw invalidProperty(property, `${property} must have one part`)
    const part = await reader.read(
      isObject(list[0]) && list[0].type === undefined ? { ...list[0], type } : list[0],
      property,
    )
    if (part.type !== type) throw invalidProperty(property, `${property} must be ${type}`)
    return part
  }
  const text = await one(textBody, 'textBody', 'text/plain')
  const html = await one(htmlBody, 'htmlBody', 'text/html')
  if (attachments !== undefined && attachments !== null && !Array.isArray(attachments))
    throw invalidProperty('attachments', 'attachments must be a list')
  const files: NewPart[] = []
  for (const [i, value] of (attachments ?? []).entries()) files.push(await reader.read(value, `attachments/${i}`))
  const isInline = (part: NewPart): boolean => part.cid !== null && part.disposition === 'inline'
  return arrangeParts({
    text,
    html,
    inline: files.filter(isInline),
    attachments: files
      .filter((part) => !isInline(part))
      .map((part) => ({ ...part, disposition: part.disposition ?? 'attachment' })),
  })
}

/** `domain` makes the Message-ID where none is given. */
export async function readNewMessage(properties: Properties, call: Call, domain: string): Promise<NewMessage> {
  const unknown = Object.keys(properties).filter((property) => !KNOWN.has(property) && !property.startsWith('header:'))
  if (unknown.length > 0)
    throw new SetProblem('invalidProperties', `not to be set: ${unknown.join(', ').slice(0, 300)}`, {
      properties: unknown,
    })
  const { subject, sentAt } = properties
  if (subject !== undefined && subject !== null && typeof subject !== 'string')
    throw invalidProperty('subject', 'the subject must be text')
  const date = sentAt === undefined || sentAt === null ? call.clock.now() : parseAnyDate(sentAt)
  if (date === null) throw invalidProperty('sentAt', 'a Date expected')
  const messageIds = readIds(properties.messageId, 'messageId')
  if (messageIds.length > 1) throw invalidProperty('messageId', 'a message has one Message-ID')
  const lists = Object.fromEntries(
    ADDRESS_LISTS.map((name) => [name, readAddresses(properties[name], name)]),
  ) as Record<(typeof ADDRESS_LISTS)[number], MailAddress[]>
  const headers = readHeaders(properties, false)
  const given = new Set(headers.map(({ name }) => name.toLowerCase()))
  const clash = [...ADDRESS_LISTS, ...ID_LISTS, 'subject' as const].find(
    (name) => properties[name] && given.has(HEADER_OF[name]),
  )
  if (clash) throw invalidProperty(clash, `${clash} is given twice`)
  return {
    ...lists,
    subject: subject ?? null,
    date: new Date(date),
    messageId: messageIds[0] ?? `${randomUUID()}@${domain}`,
    inReplyTo: readIds(properties.inReplyTo, 'inReplyTo'),
    references: readIds(properties.references, 'references'),
    headers,
    body: await readBody(properties, call),
  }
}

const HEADER_OF: Record<(typeof ADDRESS_LISTS)[number] | (typeof ID_LISTS)[number] | 'subject', string> = {
  from: 'from',
  sender: 'sender',
  replyTo: 'reply-to',
  to: 'to',
  cc: 'cc',
  bcc: 'bcc',
  messageId: 'message-id',
  inReplyTo: 'in-reply-to',
  references: 'references',
  subject: 'subject',
}

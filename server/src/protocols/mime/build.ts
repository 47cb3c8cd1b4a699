/**
 * A new message from its values (RFC 5322, RFC 2045–2047, RFC 2231). The encoding of headers and bodies is nodemailer's;
 * what goes in is decided here: Date and Message-ID are always there, Bcc stays (it is the author's copy; what leaves is
 * made by core/submission), nothing is read from disk or fetched, values cannot start a new header line.
 */
import MimeNode from 'nodemailer/lib/mime-node'
import type { MailAddress } from './addresses.ts'

export interface NewPart {
  type: string
  /** null for a multipart; text parts are given as a string and go out as UTF-8 */
  content: string | Buffer | null
  disposition: string | null
  name: string | null
  cid: string | null
  language: string[] | null
  location: string | null
  headers: { name: string; value: string }[]
  subParts: NewPart[]
}

export interface NewMessage {
  from: MailAddress[]
  sender: MailAddress[]
  replyTo: MailAddress[]
  to: MailAddress[]
  cc: MailAddress[]
  bcc: MailAddress[]
  subject: string | null
  date: Date
  /** without angle brackets */
  messageId: string
  inReplyTo: string[]
  references: string[]
  /** any other header fields, text decoded */
  headers: { name: string; value: string }[]
  body: NewPart
}

const oneLine = (text: string): string => text.replace(/[\r\n\0]+/g, ' ')

const addressList = (list: readonly MailAddress[]): { name: string; address: string }[] =>
  list.map(({ name, email }) => ({ name: oneLine(name ?? ''), address: oneLine(email) }))

/** RFC 5322 section 3.6.4. */
const idList = (ids: readonly string[]): string => ids.map((id) => `<${id.replace(/[<>\s]/g, '')}>`).join(' ')

function describe(node: MimeNode, part: NewPart): void {
  if (part.cid !== null) node.setHeader('Content-ID', `<${part.cid.replace(/[<>\s]/g, '')}>`)
  if (part.language && part.language.length > 0) node.setHeader('Content-Language', oneLine(part.language.join(', ')))
  if (part.location !== null) node.setHeader('Content-Location', oneLine(part.location))
  if (part.disposition !== null) node.setHeader('Content-Disposition', oneLine(part.disposition))
  for (const { name, value } of part.headers) node.addHeader(name, oneLine(value))
  if (part.content !== null) node.setContent(part.content)
  for (const child of part.subParts) describe(node.createChild(oneLine(child.type), optionsOf(child)), child)
}

const optionsOf = (part: NewPart): { filename?: string } => (part.name === null ? {} : { filename: oneLine(part.name) })

export async function buildMessage(message: NewMessage): Promise<Buffer> {
  const { body } = message
  const root = new MimeNode(oneLine(body.type), {
    ...optionsOf(body),
    keepBcc: true,
    newline: 'win',
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  const addresses = {
    'From': message.from,
    'Sender': message.sender,
    'Reply-To': message.replyTo,
    'To': message.to,
    'Cc': message.cc,
    'Bcc': message.bcc,
  }
  for (const [name, list] of Object.entries(addresses)) if (list.length > 0) root.setHeader(name, addressList(list))
  root.setHeader('Date', message.date.toUTCString().replace('GMT', '+0000'))
  root.setHeader('Message-ID', `<${message.messageId.replace(/[<>\s]/g, '')}>`)
  if (message.subject !== null) root.setHeader('Subject', oneLine(message.subject))
  if (message.inReplyTo.length > 0) root.setHeader('In-Reply-To', idList(message.inReplyTo))
  if (message.references.length > 0) root.setHeader('References', idList(message.references))
  for (const { name, value } of message.headers) root.addHeader(name, oneLine(value))
  describe(root, body)
  return root.build()
}

const part = (type: string, rest: Partial<NewPart>): NewPart => ({
  type,
  content: null,
  disposition: null,
  name: null,
  cid: null,
  language: null,
  location: null,
  headers: [],
  subParts: [],
  ...rest,
})

/** text and HTML, things the HTML shows (cid), attachments: nested as mail clients expect it (RFC 2387, RFC 2046). */
export function arrangeParts(parts: {
  text: NewPart | null
  html: NewPart | null
  inline: NewPart[]
  attachments: NewPart[]
}): NewPart {
  const { text, html, inline, attachments } = parts
  let body = html && inline.length > 0 ? part('multipart/related', { subParts: [html, ...inline] }) : html
  if (text && body) body = part('multipart/alternative', { subParts: [text, body] })
  body ??= text ?? part('text/plain', { content: '' })
  const beside = html ? attachments : [...inline, ...attachments]
  return beside.length > 0 ? part('multipart/mixed', { subParts: [body, ...beside] }) : body
}

export const newPart = part

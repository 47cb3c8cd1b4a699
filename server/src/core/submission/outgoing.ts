/**
 * From the author's copy to the message that leaves: who it says it is from, who gets it, no Bcc in it, and nothing that
 * only a server may say of it.
 */
import { WireError } from '../../platform/errors.ts'
import {
  headerEnd,
  lastHeader,
  mimeLimits,
  parseStructure,
  readAddressList,
  removeFields,
} from '../../protocols/mime/index.ts'
import { parseMailbox, type Mailbox } from '../../protocols/smtp/address.ts'
import { foldAddress } from '../directory/index.ts'
import type { Envelope } from './envelope.ts'

export interface Outgoing {
  bytes: Buffer
  /** of the envelope */
  from: string
  /** of the header's From, folded: whose key signs, so that DMARC finds it aligned (RFC 7489 section 3.1.1) */
  authorDomain: string
  /** as written, each once */
  recipients: string[]
  smtputf8: boolean
  eightbit: boolean
}

const CR = 0x0d
const LF = 0x0a
const RECIPIENT_HEADERS = ['to', 'cc', 'bcc']
const HEADERS_ONLY = { depth: 0, parts: 1, headers: 2000, headerBytes: mimeLimits.headerBytes }
/** RFC 5322 section 3.6.6: who sent it once more. Who wrote it and who sent it (section 3.6.2): checkAuthors. */
const AUTHOR_HEADERS = ['resent-from', 'resent-sender']
/** A list that we cannot read to its end may hold anybody; nobody writes with so many others. */
const MOST_AUTHORS = 10
const HIDDEN = ['bcc', 'resent-bcc']
/** What a client notes in its own copy: the one in Sent may be what is sent (core/mailbox sent-twice.ts). */
const CLIENTS_OWN =
  /^(?:fcc|x-identity-key|x-account-key|x-mozilla-(?:status2?|keys|draft-info|external-attachment-url))$/
/** Said by servers on the way, and believed: RFC 5321 section 4.4, and our own marks of loops, repeats and returns. */
const SERVERS_OWN = ['return-path', 'holdfast-trace', 'holdfast-resent', 'x-holdfast-returned']

/**
 * Lines as SMTP wants them (RFC 5321 section 2.3.8): what was imported or uploaded may have bare CR or LF, in which the
 * next server could see the end of the message and the commands of a second one. Before anything else reads it, so that
 * all see the same header.
 */
function canonical(bytes: Buffer): Buffer {
  if (bytes.includes(0)) throw new WireError('nul-byte')
  let missing = 0
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1))
    if (at === 0 || bytes[at - 1] !== CR) missing++
  for (let at = bytes.indexOf(CR); at >= 0; at = bytes.indexOf(CR, at + 1)) if (bytes[at + 1] !== LF) missing++
  if (missing === 0) return bytes
  const out = Buffer.allocUnsafe(bytes.length + missing)
  let end = 0
  let last = 0
  for (const octet of bytes) {
    // Either half of a line end makes a whole one; the LF behind a CR has had its own.
    if (octet === CR || (octet === LF && last !== CR)) {
      out[end++] = CR
      out[end++] = LF
    } else if (octet !== LF) out[end++] = octet
    last = octet
  }
  return out
}

function hasEightBit(bytes: Buffer): boolean {
  for (const octet of bytes) if (octet > 0x7f) return true
  return false
}
const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text)

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1)

function check(address: string, code: 'address-syntax-sender' | 'address-syntax-recipient'): Mailbox {
  try {
    return parseMailbox(address, code)
  } catch (cause) {
    throw new WireError(code, `<${address.slice(0, 254)}>`, { cause })
  }
}

/** RFC 8601 section 5: what claims to be our own verdict on a message. `value`: behind the colon. */
function isOwnVerdict(value: string, hostname: string): boolean {
  const [id = ''] = value
    .replace(/\([^()]*\)/g, ' ')
    .trim()
    .split(/[\s;]/, 1)
  return id.replaceAll('"', '').toLowerCase() === hostname.toLowerCase()
}

/** Whom a person may write as; folded addresses. */
export interface MayWrite {
  own: readonly string[]
  /** delegated: as if they were own ones */
  sendAs?: readonly string[]
  /** delegated: with the person as Sender */
  onBehalf?: readonly string[]
}

export interface OutgoingWish extends MayWrite {
  identity: string
  /** null: as the header says */
  envelope: Envelope | null
  /** by which we call ourselves in trace headers */
  hostname: string
}

/**
 * RFC 6409 section 6.1 and DESIGN: a person writes from the own addresses only, and from those that were delegated to them;
 * on behalf of another one as the Sender. The Sender to be added where the message has none (RFC 6409 section 8.1), or null.
 */
function checkAuthors(
  { own, sendAs = [], onBehalf = [], identity, envelope }: OutgoingWish,
  named: { authors: readonly string[]; senders: readonly string[] | null; others: readonly string[] },
): string | null {
  const isAmong = (lists: readonly (readonly string[])[], address: string): boolean =>
    lists.some((list) => list.includes(foldAddress(address) ?? ''))
  const check = (addresses: readonly string[], ...lists: (readonly string[])[]): void => {
    for (const address of addresses)
      if (!isAmong(lists, address))
        throw new WireError('forbidden', `${address.slice(0, 254)} is not an address of yours`)
  }
  check([...named.authors, envelope?.from ?? identity], own, sendAs, onBehalf)
  check(named.others, own, sendAs)
  const other = named.authors.find((address) => !isAmong([own, sendAs], address))
  if (other === undefined) {
    check(named.senders ?? [], own, sendAs)
    return null
  }
  if (named.senders === null) return own[0] ?? null
  if (named.senders.length === 0 || !named.senders.every((address) => isAmong([own], address)))
    throw new WireError(
      'forbidden',
      `you write on behalf of ${other.slice(0, 254)}: Sender must be an address of your own, or left out`,
    )
  return null
}

/** Throws WireError: forbidden (somebody else's address), no-recipients, address-syntax-…, nul-byte, header-too-large. */
export function prepareOutgoing(original: Buffer, wish: OutgoingWish): Outgoing {
  const { identity, envelope, hostname } = wish
  const bytes = canonical(original)
  const end = headerEnd(bytes)
  const { headers } = parseStructure(bytes.subarray(0, end), HEADERS_ONLY).root
  // Behind the last field we look at there could be a second From.
  if (headers.length >= HEADERS_ONLY.headers || end > HEADERS_ONLY.headerBytes) throw new WireError('header-too-large')
  const list = (name: string): string[] =>
    headers
      .filter((field) => field.name.toLowerCase() === name)
      .flatMap((field) => {
        const { groups, cut } = readAddressList(field.raw, HEADERS_ONLY.headerBytes)
        if (cut) throw new WireError('header-too-large', `too many addresses in ${name}`)
        return groups.flatMap(({ addresses }) => addresses.map(({ email }) => email))
      })
  const authors = list('from')
  if (authors.length === 0) throw new WireError('forbidden', 'the message says nothing about who it is from')
  if (authors.length > MOST_AUTHORS) throw new WireError('forbidden', `a message may have ${MOST_AUTHORS} authors`)
  const senders = headers.some(({ name }) => name.toLowerCase() === 'sender') ? list('sender') : null
  const sender = checkAuthors(wish, { authors, senders, others: AUTHOR_HEADERS.flatMap(list) })
  if (headers.filter(({ name }) => name.toLowerCase() === 'from').length !== 1)
    throw new WireError('forbidden', 'the message has several From fields')
  const wanted = envelope ? envelope.to : RECIPIENT_HEADERS.flatMap(list)
  const recipients = new Map<string, string>()
  for (const address of wanted) {
    check(address, 'address-syntax-recipient')
    const folded = foldAddress(address) ?? address
    if (!recipients.has(folded)) recipients.set(folded, address)
  }
  if (recipients.size === 0) throw new WireError('no-recipients', 'add at least one recipient')
  const from = envelope?.from ?? identity
  check(from, 'address-syntax-sender')
  const cleaned = removeFields(
    bytes,
    (name, value) =>
      HIDDEN.includes(name) ||
      CLIENTS_OWN.test(name) ||
      SERVERS_OWN.includes(name) ||
      (name === 'authentication-results' && isOwnVerdict(value(), hostname)),
  )
  const out = sender === null ? cleaned : Buffer.concat([Buffer.from(`Sender: <${sender}>\r\n`), cleaned])
  const header = out.subarray(0, headerEnd(out))
  // Not the envelope's domain: it is another where a person writes from a second address, and may be written as U-label.
  return {
    bytes: out,
    from,
    authorDomain: domainOf(foldAddress(authors[0]!)!),
    recipients: [...recipients.values()],
    smtputf8: [from, ...recipients.values()].some((address) => !isAscii(address)) || hasEightBit(header),
    eightbit: hasEightBit(out),
  }
}

/** The root of the thread the message belongs to, as it is for everybody (core/routing threadIdOf). */
export function threadRootOf(bytes: Buffer): string | null {
  const { headers } = parseStructure(bytes.subarray(0, headerEnd(bytes)), HEADERS_ONLY).root
  for (const name of ['references', 'in-reply-to', 'message-id']) {
    const id = /<[^<>\s]+>/.exec(lastHeader(headers, name) ?? '')
    if (id) return id[0]
  }
  return null
}

/**
 * The few facts of a message's header (RFC 5322 section 3.6) that accepting and listing need, read while the message
 * streams by: no MIME parsing, no copy of the body. Bounded by `limit`; a header that is longer gives the facts of
 * its beginning and `complete: false`. Total: any bytes give facts.
 */
import { isAscii } from 'node:buffer'
import { parseDate } from '../mime/date.ts'
import { parseAddresses } from '../mime/addresses.ts'
import { displayText, octetsText, withoutTurns, withTurnsSeen } from '../mime/words.ts'

export interface HeaderFacts {
  /** From, decoded for display */
  from: string | null
  /** the first address of From, as written */
  fromAddress: string | null
  subject: string | null
  /** with its angle brackets where it has them */
  messageId: string | null
  inReplyTo: string | null
  /** message ids, oldest first, the last 50 */
  references: string[]
  /** milliseconds since the epoch */
  date: number | null
  /** what its sender says of it; null: nothing, or that it is normal */
  priority: 'high' | 'low' | null
  /** number of Received fields */
  received: number
  /** values of Holdfast-Trace, at most 100 */
  traces: string[]
  /** TLS-Required: No (RFC 8689 section 5) */
  tlsOptional: boolean
  /** of the header section: octets beyond ASCII */
  eightbit: boolean
  /** octets of the header section, with the empty line where there is one */
  size: number
  /** the whole header was seen */
  complete: boolean
}

export interface HeaderScanner {
  /** Takes the next bytes of the message; returns true when it needs no more. */
  write(chunk: Buffer): boolean
  /** The facts; call once, when the message (or its header) is over. */
  finish(): HeaderFacts
}

export const TRACE_HEADER = 'Holdfast-Trace'
const TRACE_FIELD = TRACE_HEADER.toLowerCase()

const DEFAULT_LIMIT = 262_144
/** so many chunks are joined into one */
const MOST_LOOSE = 256
const MAX_DISPLAY = 998
const MAX_TRACES = 100
const LATEST_DATE = Date.UTC(2201, 0)
const END = Buffer.from('\r\n\r\n')
/** A field we want, with its folded lines (RFC 5322 section 2.2.3). */
const FIELD =
  /^(from|subject|message-id|in-reply-to|references|date|received|holdfast-trace|importance|x-priority|priority|tls-required)[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)/gim
const MESSAGE_ID = /<[^<>\s]{1,995}>/
const MESSAGE_IDS = new RegExp(MESSAGE_ID, 'g')
const MOST_REFERENCES = 50

export function createHeaderScanner(limit = DEFAULT_LIMIT): HeaderScanner {
  const limitOctets = limit > 0 ? limit : DEFAULT_LIMIT
  let parts: Buffer[] = []
  /** parts before this one are joined already */
  let joined = 0
  let length = 0
  let done = false
  let complete = false

  function write(chunk: Buffer): boolean {
    if (done) return true
    // The end may lie across two chunks: look again at the last three octets.
    const tail = length === 0 ? null : lastOctets(parts, 3)
    const looked = tail ? Buffer.concat([tail, chunk.subarray(0, 3)]) : null
    let end = -1
    if (length === 0 && chunk[0] === 13 && chunk[1] === 10) end = 2
    else if (looked && looked.includes(END)) end = looked.indexOf(END) + 4 - tail!.length
    else {
      const at = chunk.indexOf(END)
      if (at >= 0) end = at + 4
    }
    complete = end >= 0
    parts.push(complete ? chunk.subarray(0, end) : chunk)
    // A sender may send octet by octet: a buffer for each costs a hundred times what it holds.
    if (parts.length - joined >= MOST_LOOSE) {
      parts.push(Buffer.concat(parts.splice(joined)))
      joined = parts.length
    }
    length += complete ? end : chunk.length
    done = complete || length >= limitOctets
    return done
  }

  return {
    write,
    finish() {
      const header = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
      parts = []
      // Without an empty line the whole message is its header, unless we stopped looking.
      return scan(header.subarray(0, limitOctets), (complete || !done) && header.length <= limitOctets)
    },
  }
}

function lastOctets(parts: readonly Buffer[], count: number): Buffer {
  const last = parts[parts.length - 1]!
  if (last.length >= count || parts.length === 1) return last.subarray(Math.max(0, last.length - count))
  return Buffer.concat(parts.slice(-count)).subarray(-count)
}

function scan(header: Buffer, complete: boolean): HeaderFacts {
  const facts: HeaderFacts = {
    from: null,
    fromAddress: null,
    subject: null,
    messageId: null,
    inReplyTo: null,
    references: [],
    date: null,
    priority: null,
    received: 0,
    traces: [],
    tlsOptional: false,
    eightbit: !isAscii(header),
    size: header.length,
    complete,
  }
  const text = header.toString('latin1')
  const taken = new Set<string>()
  for (const match of text.matchAll(FIELD)) {
    const name = match[1]!.toLowerCase()
    if (name === 'received') facts.received++
    // The first of each counts, as for most readers of mail; of a thousand others nobody reads anything.
    else if (name === TRACE_FIELD || !taken.has(name)) take(facts, name, match[2]!)
    taken.add(name)
  }
  return facts
}

function take(facts: HeaderFacts, name: string, raw: string): void {
  const value = raw.length > 16_384 ? raw.slice(0, 16_384).replace(/\r\n/g, '') : raw.replace(/\r\n/g, '')
  switch (name) {
    case 'from':
      facts.fromAddress = firstAddress(octetsText(value))
      facts.from = withTurnsSeen(displayText(value, MAX_DISPLAY))
      return
    case 'subject':
      facts.subject = withoutTurns(displayText(value, MAX_DISPLAY))
      return
    case 'message-id':
      facts.messageId = (firstId(value) ?? displayText(value, MAX_DISPLAY)) || null
      return
    case 'in-reply-to':
      facts.inReplyTo = firstId(value)
      return
    case 'references':
      facts.references = lastIds(value)
      return
    case 'date':
      facts.date = dateOf(value)
      return
    case 'importance':
    case 'x-priority':
    case 'priority':
      facts.priority ??= priorityOf(value)
      return
    case 'tls-required':
      facts.tlsOptional = value.trim().toLowerCase() === 'no'
      return
    default:
      if (facts.traces.length < MAX_TRACES) facts.traces.push(displayText(value, MAX_DISPLAY))
  }
}

const shownId = (id: string): string => displayText(id, MAX_DISPLAY)

function firstId(value: string): string | null {
  const [id] = MESSAGE_ID.exec(value) ?? []
  return id === undefined ? null : shownId(id)
}

const lastIds = (value: string): string[] =>
  (value.match(MESSAGE_IDS) ?? []).slice(-MOST_REFERENCES).map((id) => shownId(id))

/** The first addr-spec: after display name, quoted text and comments. Null when there is none. */
function firstAddress(value: string): string | null {
  const found = parseAddresses(value.slice(0, 4096)).find(({ email }) => /^[^\s@][^\s]*@[^\s]+$/.test(email))
  return found && found.email.length <= 320
    ? displayText(Buffer.from(found.email, 'utf8').toString('latin1'), 320)
    : null
}

/** Words of Importance and Priority, figures of X-Priority (1 is the highest of five, often with its word behind it). */
function priorityOf(value: string): 'high' | 'low' | null {
  const [word] = /[a-z1-5-]+/.exec(value.slice(0, 40).toLowerCase()) ?? []
  if (word === 'high' || word === 'urgent' || word === '1' || word === '2') return 'high'
  return word === 'low' || word === 'non-urgent' || word === '4' || word === '5' ? 'low' : null
}

/** Nonsense years give null: the database has no place for them and no list shows them. */
function dateOf(value: string): number | null {
  const at = parseDate(value)?.at
  return at !== undefined && at >= 0 && at < LATEST_DATE ? at : null
}

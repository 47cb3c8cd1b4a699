/**
 * A message for a server that takes seven bits only (RFC 6152 section 3): text with eight becomes quoted-printable, or base64
 * where that is shorter, in every part by itself; what has seven bits already is given on as it came. Two passes over the
 * bytes, a plan and the conversion; memory holds a header section and a line.
 *
 * Promises: what a reader decodes is the same, and the same bytes give the same result. Left as they are, because nobody
 * can do better: header fields beyond ASCII, parts that are signed or encrypted (RFC 1847: opaque on their way), parts of
 * another encoding that have eight bits all the same, and a whole message whose structure is not clear (entities.ts).
 * What stands before and behind the parts of a multipart, and no reader shows, gets a ? for each octet beyond ASCII.
 */
import { isAscii } from 'node:buffer'
import { base64Encoder, quotedPrintableEncoder, type Encoder } from './encoders.ts'
import { fieldName, walkEntities, type Entity, type EntityWalk } from './entities.ts'

export interface SevenBitPlan {
  /** what Content-Transfer-Encoding becomes, by the entity's index */
  encodings: ReadonlyMap<number, 'quoted-printable' | 'base64' | '7bit'>
}

export interface Planner {
  push(chunk: Buffer): void
  /** Call once, when the message is over; null: it goes as it came. */
  finish(): SevenBitPlan | null
  readonly isClear: boolean
}

const IDENTITY = new Set(['', '7bit', '8bit', 'binary'])

/** RFC 2046 section 5.2: other message types have no encoding of their own; RFC 6532 section 3.7: these may. */
const mayBeEncoded = ({ type, encoding }: Entity): boolean =>
  IDENTITY.has(encoding) && !type.startsWith('multipart/') && (!type.startsWith('message/') || isGlobal(type))
const isGlobal = (type: string): boolean => /^message\/global(?:-|$)/.test(type)

export function planSevenBit(): Planner {
  const encodings = new Map<number, 'quoted-printable' | 'base64' | '7bit'>()
  /** labels that say more than is left */
  const labels: number[] = []
  let current: Entity | null = null
  let octets = 0
  let beyond = 0
  let isMasked = false
  let isLeft = false
  const walk = walkEntities({
    header(entity) {
      current = entity
      octets = 0
      beyond = 0
      if (entity.encoding === '8bit' || (entity.encoding === 'binary' && entity.kind !== 'leaf'))
        labels.push(entity.index)
    },
    content(piece) {
      octets += piece.length
      if (!isAscii(piece)) for (const octet of piece) if (octet > 0x7f) beyond++
    },
    leafEnd() {
      if (beyond === 0) return
      // Quoted-printable takes two octets more for each, base64 a third of all.
      if (mayBeEncoded(current!)) encodings.set(current!.index, beyond * 6 > octets ? 'base64' : 'quoted-printable')
      else isLeft = true
    },
    between(piece) {
      isMasked ||= !isAscii(piece)
    },
    delimiter: () => undefined,
  })
  return {
    push: (chunk) => walk.push(chunk),
    finish() {
      if (!walk.finish() || (encodings.size === 0 && !isMasked)) return null
      if (!isLeft) for (const index of labels) if (!encodings.has(index)) encodings.set(index, '7bit')
      return { encodings }
    },
    get isClear() {
      return walk.isClear
    },
  }
}

export interface Converter {
  /** Adds what is to be sent to `out`. */
  push(chunk: Buffer, out: Buffer[]): void
  finish(out: Buffer[]): void
}

const NAME = 'content-transfer-encoding'
const VERSION = Buffer.from('MIME-Version: 1.0\r\n')

/** `without`: a header field of the message, as written, that is left out. */
export function convertToSevenBit({ encodings }: SevenBitPlan, without: Buffer | null = null): Converter {
  let out: Buffer[] = []
  let encoder: Encoder | null = null
  let isLines = false
  /** the end of the last line: content, or the delimiter's */
  let lineEnd: Buffer | null = null
  const put = (bytes: Buffer): void => {
    if (bytes.length > 0) out.push(bytes)
  }
  const walk: EntityWalk = walkEntities({
    header(entity, fields, end) {
      const encoding = encodings.get(entity.index)
      encoder = encoding === 'base64' ? base64Encoder() : encoding ? encoderOf(encoding) : null
      isLines = encoding === 'base64'
      lineEnd = null
      const kept = entity.index === 0 && without ? fields.filter((field) => !field.equals(without)) : fields
      for (const field of encoding ? labelled(kept, encoding, entity.isMessage) : kept) put(field)
      put(end)
    },
    content(piece) {
      if (!encoder) return put(Buffer.from(piece))
      if (lineEnd) put(encoder.push(lineEnd))
      const end = piece.at(-1) !== 0x0a ? piece.length : piece.length - (piece.at(-2) === 0x0d ? 2 : 1)
      put(encoder.push(piece.subarray(0, end)))
      lineEnd = end < piece.length ? Buffer.from(piece.subarray(end)) : null
    },
    leafEnd(byDelimiter) {
      if (!encoder) return
      if (lineEnd && !byDelimiter) put(encoder.push(lineEnd))
      put(encoder.finish())
      // A line of base64 ends with one of its own.
      if (lineEnd && byDelimiter && !isLines) put(lineEnd)
      encoder = null
    },
    between: (piece) => put(masked(piece)),
    delimiter: (line) => put(Buffer.from(line)),
  })
  return {
    push(chunk, to) {
      out = to
      walk.push(chunk)
    },
    finish(to) {
      out = to
      walk.finish()
    },
  }
}

const encoderOf = (encoding: 'quoted-printable' | '7bit'): Encoder | null =>
  encoding === 'quoted-printable' ? quotedPrintableEncoder() : null

/** The fields with the new label where the old one was, or behind them. */
function labelled(fields: readonly Buffer[], encoding: string, isMessage: boolean): Buffer[] {
  const label = Buffer.from(`Content-Transfer-Encoding: ${encoding}\r\n`)
  const at = fields.findIndex((field) => fieldName(field) === NAME)
  const others = fields.filter((field) => fieldName(field) !== NAME)
  const place = at < 0 ? others.length : at
  const isMime = !isMessage || fields.some((field) => fieldName(field) === 'mime-version')
  return [...others.slice(0, place), ...(isMime ? [] : [VERSION]), label, ...others.slice(place)]
}

function masked(piece: Buffer): Buffer {
  if (isAscii(piece)) return Buffer.from(piece)
  return Buffer.from(piece.map((octet) => (octet > 0x7f ? 0x3f : octet)))
}

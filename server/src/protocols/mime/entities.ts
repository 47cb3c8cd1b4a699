/**
 * A message as a run of its entities (RFC 2046): header sections, contents, delimiter lines, in the order of the bytes and
 * without losing one, so that who rewrites some of them gives on the rest as it came. message/rfc822 is gone into.
 *
 * Never throws on any input; memory is bounded by limits.ts. What is beyond a limit, or may be read in two ways, ends the
 * walk: `isClear` is false then, and nobody should change a message that they understand differently than its reader.
 */
import { decodeOctets } from './charset.ts'
import { mimeLimits, type MimeLimits } from './limits.ts'
import { parseStructured } from './parameters.ts'

export interface Entity {
  /** in the order of their headers, from 0 */
  index: number
  /** lower case, e.g. text/plain */
  type: string
  /** lower case, of Content-Transfer-Encoding; '' where there is none */
  encoding: string
  kind: 'leaf' | 'multipart' | 'message'
  /** of a message: the outermost, or one in a message/rfc822 */
  isMessage: boolean
}

export interface EntityHandler {
  /** `fields`: as written, each with its line ends; `end`: the empty line, or nothing where a delimiter ended it. */
  header(entity: Entity, fields: Buffer[], end: Buffer): void
  /** A line of a leaf's content with its end, or a piece of a long one. */
  content(piece: Buffer): void
  /** The leaf is over. `byDelimiter`: its last line end belongs to the delimiter (RFC 2046 section 5.1.1). */
  leafEnd(byDelimiter: boolean): void
  /** Before the first delimiter of a multipart, and behind its last. */
  between(piece: Buffer): void
  /** A delimiter line. */
  delimiter(line: Buffer): void
}

export interface EntityWalk {
  push(chunk: Buffer): void
  /** Call once. False: something was not clear, and the calls before it are not to be used. */
  finish(): boolean
  /** False as soon as that is known: the rest need not be pushed. */
  readonly isClear: boolean
}

const LF = 0x0a
const CR = 0x0d
const DASH = 0x2d
/** A line longer than this comes in pieces. */
const LONGEST_PIECE = 65_536
const MOST_HEADER_BYTES = 1_048_576
const NOTHING = Buffer.alloc(0)

interface Multipart {
  delimiter: Buffer
  isDigest: boolean
  parts: number
}

/** In lower case; '' where there is none. */
export function fieldName(field: Buffer): string {
  const colon = field.indexOf(0x3a)
  return colon < 1 ? '' : field.toString('latin1', 0, colon).trimEnd().toLowerCase()
}
const fieldValue = (field: Buffer): string => decodeOctets(field.subarray(field.indexOf(0x3a) + 1))

export function walkEntities(handler: EntityHandler, limits: MimeLimits = mimeLimits): EntityWalk {
  let isClear = true
  /** multiparts that are open, outermost first; a message within costs a level as well */
  const open: Multipart[] = []
  let depth = 0
  let entities = 0
  let state: 'header' | 'leaf' | 'between' = 'header'
  let isMessage = true
  let fields: Buffer[] = []
  let fieldLines: Buffer[] = []
  let headerBytes = 0
  let allHeaderBytes = 0
  let carry: Buffer = NOTHING
  let atLineStart = true

  const give = (): void => void (isClear = false)

  function endHeader(end: Buffer): void {
    endField()
    const values = (name: string): string[] => fields.filter((field) => fieldName(field) === name).map(fieldValue)
    const [rawType, ...otherTypes] = values('content-type')
    const [rawEncoding = '', ...otherEncodings] = values('content-transfer-encoding')
    // Readers differ in which of two they believe.
    if (otherTypes.length + otherEncodings.length > 0) return give()
    const type = rawType === undefined ? undefined : parseStructured(rawType)
    const encoding = rawEncoding.trim().toLowerCase()
    const isNamed = type !== undefined && /^[^\s/;,]+\/[^\s/;,]+$/.test(type.value)
    const name = isNamed ? type.value : open.at(-1)?.isDigest && !isMessage ? 'message/rfc822' : 'text/plain'
    const boundary = type?.params.get('boundary')
    const isIdentity = ['', '7bit', '8bit', 'binary'].includes(encoding)
    // RFC 1847 section 2.1: what is signed or encrypted is opaque on its way.
    const isOpaque = name === 'multipart/signed' || name === 'multipart/encrypted'
    const isMultipart = name.startsWith('multipart/') && boundary !== undefined && isIdentity && !isOpaque
    const isInner = name === 'message/rfc822' && isIdentity
    const kind = isMultipart ? 'multipart' : isInner ? 'message' : 'leaf'
    if (++entities > limits.parts || ((isMultipart || isInner) && ++depth > limits.depth)) return give()
    handler.header({ index: entities - 1, type: name, encoding, kind, isMessage }, fields, end)
    fields = []
    headerBytes = 0
    isMessage = isInner
    state = isMultipart ? 'between' : isInner ? 'header' : 'leaf'
    if (isMultipart)
      open.push({ delimiter: Buffer.from(`--${boundary}`, 'utf8'), isDigest: name === 'multipart/digest', parts: 0 })
  }

  function endEntity(byDelimiter: boolean): void {
    if (state === 'header') endHeader(NOTHING)
    if (!isClear) return
    if (state === 'leaf') handler.leafEnd(byDelimiter)
    state = 'between'
  }

  /** Which of the open multiparts it delimits, and whether it ends it; null: it is no delimiter. */
  function delimits(line: Buffer): { level: number; isLast: boolean } | null {
    if (line.length < 3 || line[0] !== DASH || line[1] !== DASH) return null
    let end = line.length
    while (end > 2 && [LF, CR, 0x20, 0x09].includes(line[end - 1]!)) end--
    for (let level = open.length - 1; level >= 0; level--) {
      const { delimiter } = open[level]!
      const { length } = delimiter
      const isBegun = end >= length && line.compare(delimiter, 0, length, 0, length) === 0
      if (isBegun && end === length) return { level, isLast: false }
      if (isBegun && end === length + 2 && line[end - 1] === DASH && line[end - 2] === DASH)
        return { level, isLast: true }
    }
    return null
  }

  function onDelimiter(line: Buffer, { level, isLast }: { level: number; isLast: boolean }): void {
    endEntity(true)
    // Without a part of its own a multipart shows what stands between.
    if (open.slice(level + 1).some(({ parts }) => parts === 0) || (isLast && open[level]!.parts === 0)) give()
    if (!isClear) return
    handler.delimiter(line)
    open.length = isLast ? level : level + 1
    // A level that was left counts no more; messages within are left with their part.
    depth = open.length
    if (isLast) return
    open[level]!.parts++
    state = 'header'
    isMessage = false
  }

  function keep(piece: Buffer, isNewField: boolean): void {
    headerBytes += piece.length
    allHeaderBytes += piece.length
    if (headerBytes > limits.headerBytes || allHeaderBytes > MOST_HEADER_BYTES || fields.length > limits.headers)
      return give()
    if (isNewField) endField()
    fieldLines.push(Buffer.from(piece))
  }

  function endField(): void {
    if (fieldLines.length > 0) fields.push(Buffer.concat(fieldLines))
    fieldLines = []
  }

  function take(piece: Buffer, isStart: boolean): void {
    const found = isStart && open.length > 0 ? delimits(piece) : null
    if (found) return onDelimiter(piece, found)
    if (state === 'between') return handler.between(piece)
    if (state === 'leaf') return handler.content(piece)
    const isEmpty = isStart && (piece[0] === LF || (piece[0] === CR && piece[1] === LF))
    if (isEmpty) endHeader(Buffer.from(piece))
    else keep(piece, isStart && piece[0] !== 0x20 && piece[0] !== 0x09)
  }

  return {
    push(chunk) {
      const data = carry.length > 0 ? Buffer.concat([carry, chunk]) : chunk
      let from = 0
      while (from < data.length && isClear) {
        const next = data.indexOf(LF, from) + 1
        const end = next > 0 ? next : data.length - from > LONGEST_PIECE ? data.length - 1 : 0
        if (end === 0) break
        take(data.subarray(from, end), atLineStart)
        atLineStart = next > 0
        from = end
      }
      carry = Buffer.from(data.subarray(from))
    },
    finish() {
      if (carry.length > 0 && isClear) take(carry, atLineStart)
      carry = NOTHING
      if (isClear && state !== 'between') endEntity(false)
      if (open.some(({ parts }) => parts === 0)) give()
      return isClear
    },
    get isClear() {
      return isClear
    },
  }
}

/**
 * The structure of a message (RFC 2045, RFC 2046) from a stream of its bytes: a tree of parts with their headers, their
 * place in the stream (offset, length) and their decoded size. Contents are not kept: whoever wants a part reads its
 * range and decodes it. message/rfc822 is one part, as JMAP wants it (RFC 8621 section 4.1.4).
 *
 * Never throws on any input; memory is bounded by limits.ts whatever comes. What is cut short is marked `truncated`.
 */
import { decodeOctets } from './charset.ts'
import { mimeLimits, type MimeLimits } from './limits.ts'
import { parseStructured } from './parameters.ts'
import { transferDecoder, transferEncoding, type TransferDecoder, type TransferEncoding } from './transfer.ts'
import { decodeWords, unfold } from './words.ts'

export interface HeaderField {
  /** as written */
  name: string
  /** everything after the colon, line ends inside kept, the last one not; octets read as UTF-8 or windows-1252 */
  raw: string
}

export interface MimePart {
  /** null for a multipart; else its path: '1', '2.1' */
  partId: string | null
  headers: HeaderField[]
  /** lower case, e.g. text/plain */
  type: string
  boundary: string | null
  charset: string | null
  encoding: TransferEncoding
  /** lower case; null when absent */
  disposition: string | null
  name: string | null
  cid: string | null
  language: string[] | null
  location: string | null
  /** where the encoded content starts in the stream, and how long it is */
  offset: number
  length: number
  /** octets after decoding the transfer encoding */
  size: number
  /** it holds more parts than may be told apart (limits.ts): they are in its content as they came */
  isCut: boolean
  subParts: MimePart[]
}

export interface MimeStructure {
  root: MimePart
  /** bytes of the first header section with its empty line */
  headerLength: number
  size: number
  truncated: boolean
}

export interface StructureParser {
  push(chunk: Buffer): void
  finish(): MimeStructure
}

const LF = 0x0a
const CR = 0x0d
const DASH = 0x2d
/** how a line begins that may be a delimiter, with the end of the line before it */
const DELIMITER = Buffer.from('\n--')
/** A line longer than this is handled in pieces. */
const LONGEST_PIECE = 65_536
const MOST_HEADER_BYTES = 1_048_576

interface Open {
  part: MimePart
  delimiter: Buffer
  isDigest: boolean
}

const newPart = (): MimePart => ({
  partId: null,
  headers: [],
  type: 'text/plain',
  boundary: null,
  charset: null,
  encoding: 'identity',
  disposition: null,
  name: null,
  cid: null,
  language: null,
  location: null,
  offset: 0,
  length: 0,
  size: 0,
  isCut: false,
  subParts: [],
})

/** The last field of that name, raw; names compare without case. */
export function lastHeader(headers: readonly HeaderField[], name: string): string | null {
  const wanted = name.toLowerCase()
  for (let i = headers.length - 1; i >= 0; i--) if (headers[i]!.name.toLowerCase() === wanted) return headers[i]!.raw
  return null
}

const text = (raw: string | null): string | null => (raw === null ? null : decodeWords(unfold(raw)).trim())

function describe(part: MimePart, isInDigest: boolean): void {
  const contentType = lastHeader(part.headers, 'content-type')
  const type = contentType === null ? null : parseStructured(contentType)
  // RFC 2046 section 5.1.5: the default inside a digest.
  const fallback = isInDigest ? 'message/rfc822' : 'text/plain'
  part.type = type && /^[^\s/;,]+\/[^\s/;,]+$/.test(type.value) ? type.value : fallback
  part.charset = type?.params.get('charset') ?? null
  part.boundary = type?.params.get('boundary')?.slice(0, 300) ?? null
  part.encoding = transferEncoding(lastHeader(part.headers, 'content-transfer-encoding'))
  const dispositionHeader = lastHeader(part.headers, 'content-disposition')
  const disposition = dispositionHeader === null ? null : parseStructured(dispositionHeader)
  part.disposition = disposition?.value.slice(0, 100) || null
  part.name = disposition?.params.get('filename') ?? type?.params.get('name') ?? null
  const cid = text(lastHeader(part.headers, 'content-id'))
  part.cid = cid === null ? null : cid.replace(/^<|>$/g, '')
  const language = text(lastHeader(part.headers, 'content-language'))
  part.language = language
    ? language
        .split(',')
        .map((tag) => tag.trim())
        .filter((tag) => tag !== '')
    : null
  part.location = text(lastHeader(part.headers, 'content-location'))
}

export function createStructureParser(limits: MimeLimits = mimeLimits): StructureParser {
  const root = newPart()
  const open: Open[] = []
  let current: MimePart = root
  let path: number[] = []
  let inHeader = true
  /** the content now read is a leaf's, not a preamble or an epilogue */
  let inLeaf = false
  let counter: TransferDecoder | null = null
  let heldEnd: Buffer | null = null
  let parts = 1
  let headerBytes = 0
  let allHeaderBytes = 0
  let fieldPieces: Buffer[] = []
  let headerLength = 0
  let truncated = false
  /** offset of the piece being handled, and of everything taken so far */
  let at = 0
  let carry: Buffer = Buffer.alloc(0)
  let atLineStart = true

  function endField(): void {
    if (fieldPieces.length === 0) return
    const whole = Buffer.concat(fieldPieces)
    fieldPieces = []
    const colon = whole.indexOf(0x3a)
    if (colon < 1) return
    const name = whole.toString('latin1', 0, colon).trimEnd()
    // RFC 5322 section 2.2: printable US-ASCII without colon.
    if (!/^[!-9;-~]+$/.test(name)) return
    if (current.headers.length >= limits.headers) {
      truncated = true
      return
    }
    let end = whole.length
    if (end > colon + 1 && whole[end - 1] === LF) end--
    if (end > colon + 1 && whole[end - 1] === CR) end--
    current.headers.push({ name, raw: decodeOctets(whole.subarray(colon + 1, end)) })
  }

  function keep(piece: Buffer): void {
    headerBytes += piece.length
    allHeaderBytes += piece.length
    if (headerBytes > limits.headerBytes || allHeaderBytes > MOST_HEADER_BYTES) {
      // Not half of it: half an address is somebody else's.
      truncated = true
      fieldPieces = []
    } else fieldPieces.push(Buffer.from(piece))
  }

  function endHeader(bodyOffset: number): void {
    endField()
    inHeader = false
    if (current === root) headerLength = bodyOffset
    describe(current, open.at(-1)?.isDigest ?? false)
    current.offset = bodyOffset
    heldEnd = null
    if (current.type.startsWith('multipart/')) {
      if (current.boundary && open.length < limits.depth) {
        open.push({
          part: current,
          delimiter: Buffer.from(`--${current.boundary}`, 'utf8'),
          isDigest: current.type === 'multipart/digest',
        })
        inLeaf = false
        return
      }
      // Nested too deep, or without a boundary: nothing can be told apart, show what is there.
      current.isCut = current.boundary !== null
      truncated = truncated || current.isCut
      current.type = 'text/plain'
      current.boundary = null
    }
    inLeaf = true
    current.partId = path.length === 0 ? '1' : path.join('.')
    counter =
      current.encoding === 'identity' || current.encoding === 'unknown' ? null : transferDecoder(current.encoding)
  }

  /** `end`: where the content ends, without the line end that belongs to the delimiter (RFC 2046 section 5.1.1). */
  function endPart(end: number): void {
    if (inHeader) endHeader(end)
    if (!inLeaf) return
    current.length = Math.max(0, end - current.offset)
    if (counter) current.size += counter.finish().length
    else current.size = current.length
    counter = null
    inLeaf = false
  }

  function closeTo(index: number): void {
    for (let i = open.length - 1; i >= index; i--) {
      const { part } = open[i]!
      part.length = Math.max(0, at - part.offset)
    }
    open.length = index
  }

  /** True when the line is a delimiter of an open multipart. */
  function boundary(line: Buffer): boolean {
    if (line.length < 3 || line[0] !== DASH || line[1] !== DASH) return false
    let end = line.length
    while (
      end > 2 &&
      (line[end - 1] === LF || line[end - 1] === CR || line[end - 1] === 0x20 || line[end - 1] === 0x09)
    )
      end--
    for (let i = open.length - 1; i >= 0; i--) {
      const { delimiter, part } = open[i]!
      const isNext = end === delimiter.length && line.compare(delimiter, 0, delimiter.length, 0, end) === 0
      const isClose =
        end === delimiter.length + 2 &&
        line[end - 1] === DASH &&
        line[end - 2] === DASH &&
        line.compare(delimiter, 0, delimiter.length, 0, delimiter.length) === 0
      if (!isNext && !isClose) continue
      if (isNext && parts >= limits.parts) {
        truncated = current.isCut = true
        return false
      }
      endPart(Math.max(current.offset, at - (heldEnd?.length ?? 0)))
      if (isClose) {
        closeTo(i)
        path = path.slice(0, i)
        inHeader = false
        inLeaf = false
        return true
      }
      closeTo(i + 1)
      path = path.slice(0, i)
      parts++
      current = newPart()
      part.subParts.push(current)
      path.push(part.subParts.length)
      inHeader = true
      headerBytes = 0
      fieldPieces = []
      heldEnd = null
      return true
    }
    return false
  }

  function content(piece: Buffer): void {
    let end = piece.length
    if (piece[end - 1] === LF) end -= piece[end - 2] === CR ? 2 : 1
    if (counter && inLeaf) {
      if (heldEnd) current.size += counter.push(heldEnd).length
      current.size += counter.push(piece.subarray(0, end)).length
    }
    heldEnd = end < piece.length ? Buffer.from(piece.subarray(end)) : null
  }

  function line(piece: Buffer, isStart: boolean): void {
    if (isStart && open.length > 0 && boundary(piece)) return
    if (!inHeader) {
      content(piece)
      return
    }
    if (!isStart) {
      keep(piece)
      return
    }
    const isEmpty = piece[0] === LF || (piece[0] === CR && piece[1] === LF)
    if (isEmpty) endHeader(at + piece.length)
    else if (piece[0] === 0x20 || piece[0] === 0x09) {
      if (fieldPieces.length > 0) keep(piece)
    } else {
      endField()
      keep(piece)
    }
  }

  function take(piece: Buffer, isStart: boolean): void {
    line(piece, isStart)
    at += piece.length
    atLineStart = piece[piece.length - 1] === LF
  }

  /** Behind the line at `from` and those folded onto it that are here already; 0: the line is not over. */
  function fieldEnd(data: Buffer, from: number): number {
    let end = data.indexOf(LF, from) + 1
    if (end - from <= 2) return end
    while (data[end] === 0x20 || data[end] === 0x09) {
      const next = data.indexOf(LF, end) + 1
      if (next === 0) break
      end = next
    }
    return end
  }

  /** Where the content goes to that no delimiter can end: a line at a time would cost a stranger's message a second. */
  function contentEnd(data: Buffer, from: number): number {
    if (open.length === 0) return data.length
    const mayBeDelimiter = data[from] === DASH && (from + 1 === data.length || data[from + 1] === DASH)
    if (atLineStart && mayBeDelimiter) return from
    const next = data.indexOf(DELIMITER, from)
    return (next >= 0 ? next : data.lastIndexOf(LF)) + 1
  }

  return {
    push(chunk) {
      const data = carry.length > 0 ? Buffer.concat([carry, chunk]) : chunk
      let from = 0
      while (from < data.length) {
        const end = inHeader ? from : contentEnd(data, from)
        if (end > from) {
          take(data.subarray(from, end), false)
          from = end
          continue
        }
        const next = inHeader ? fieldEnd(data, from) : data.indexOf(LF, from) + 1
        if (next === 0) break
        take(data.subarray(from, next), atLineStart)
        from = next
      }
      const rest = data.subarray(from)
      // A CR at the very end may belong to a CR LF that the next chunk completes.
      const cut = rest.length > LONGEST_PIECE ? rest.length - (rest[rest.length - 1] === CR ? 1 : 0) : 0
      if (cut > 0) take(rest.subarray(0, cut), atLineStart)
      carry = Buffer.from(rest.subarray(cut))
    },
    finish() {
      if (carry.length > 0) take(carry, atLineStart)
      carry = Buffer.alloc(0)
      if (inLeaf && counter && heldEnd) current.size += counter.push(heldEnd).length
      endPart(at)
      closeTo(0)
      if (root.type.startsWith('multipart/')) {
        root.size = root.length
        // A multipart without any part shows nothing; its text is better than that.
        if (root.subParts.length === 0) {
          root.type = 'text/plain'
          root.boundary = null
          root.partId = '1'
          // RFC 2045 section 6.4: a multipart has no encoding of its own.
          root.encoding = 'identity'
          root.size = root.length
        }
      }
      return { root, headerLength, size: at, truncated }
    },
  }
}

export function parseStructure(bytes: Buffer, limits: MimeLimits = mimeLimits): MimeStructure {
  const parser = createStructureParser(limits)
  parser.push(bytes)
  return parser.finish()
}

/** Every part that is not a multipart, in order. */
export function leafParts(part: MimePart): MimePart[] {
  return part.partId === null ? part.subParts.flatMap(leafParts) : [part]
}

export function findPart(root: MimePart, partId: string): MimePart | null {
  return leafParts(root).find((part) => part.partId === partId) ?? null
}

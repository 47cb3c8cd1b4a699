/** What is signed of a message that streams by: its header is gathered up to a limit, its body only hashed. */
import { createBodyHash } from './canonical.ts'
import type { SignedParts } from './signature.ts'

export interface StreamedParts {
  /** Pieces of a message whose lines end in CRLF. */
  write(chunk: Buffer): void
  /** Call once, when the message is over; null: its header was longer than the limit. */
  finish(): SignedParts | null
}

const END = Buffer.from('\r\n\r\n')
/** So many small pieces are joined into one. */
const MOST_LOOSE = 256

export function createStreamedParts(headerLimit: number): StreamedParts {
  const body = createBodyHash()
  let parts: Buffer[] = []
  let joined = 0
  let size = 0
  /** the last octets of the header so far */
  let tail = Buffer.alloc(0)
  let isOver = false
  let isTooLong = false

  /** Where in this chunk the body begins; -1: not in it. */
  function bodyStart(chunk: Buffer): number {
    const seam = Buffer.concat([tail, chunk.subarray(0, END.length)])
    // A message may have no header at all: then an empty line is its first.
    if (size < 2 && seam.subarray(0, 2).equals(END.subarray(0, 2))) return 2 - size
    const across = seam.indexOf(END)
    if (across >= 0 && across < tail.length) return across + END.length - tail.length
    const at = chunk.indexOf(END)
    return at < 0 ? -1 : at + END.length
  }

  return {
    write(chunk) {
      if (isTooLong || chunk.length === 0) return
      if (isOver) return body.write(chunk)
      const start = bodyStart(chunk)
      const own = start < 0 ? chunk : chunk.subarray(0, start)
      parts.push(own)
      if (parts.length - joined >= MOST_LOOSE) {
        parts.push(Buffer.concat(parts.splice(joined)))
        joined = parts.length
      }
      size += own.length
      isTooLong = size > headerLimit
      if (isTooLong) parts = []
      tail = Buffer.concat([tail, own]).subarray(-(END.length - 1))
      if (start < 0) return
      isOver = true
      body.write(chunk.subarray(start))
    },
    finish: () => (isTooLong ? null : { header: Buffer.concat(parts), bodyHash: body.digest() }),
  }
}

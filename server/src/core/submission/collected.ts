/**
 * A message that a mail client is sending, in memory until its final dot: it has to be there whole before anything of it
 * is stored. What all of them hold together is bounded by the byte room; a claim grows with the message, and who finds no
 * room is told so at once (RFC 5321 section 4.2.3: 452), for waiting would only fill more memory.
 */
import type { ByteRoom } from '../../platform/byte-room.ts'
import { WireError } from '../../platform/errors.ts'

export interface Collected {
  /** in their order; joined they are the message */
  readonly pieces: readonly Buffer[]
  readonly size: number
  /** Throws memory-full. */
  add(chunk: Buffer): void
  /** Lets the bytes go and gives the room back; may be called again. */
  release(): void
}

/** The first step of each is free: most messages are small, and the number of connections bounds them. */
const FREE_BYTES = 65_536
const STEP_BYTES = 1_048_576
/** So many small pieces are joined: a client may send octet by octet, and a buffer for each costs a hundred times that. */
const MOST_LOOSE = 256

export function collect(room: Pick<ByteRoom, 'claim'>): Collected {
  let pieces: Buffer[] = []
  /** pieces before this one are joined already */
  let joined = 0
  let size = 0
  const claims: (() => void)[] = []
  return {
    get pieces() {
      return pieces
    },
    get size() {
      return size
    },
    add(chunk) {
      while (size + chunk.length > FREE_BYTES + STEP_BYTES * claims.length) {
        const claim = room.claim(STEP_BYTES)
        if (!claim) throw new WireError('memory-full')
        claims.push(claim)
      }
      size += chunk.length
      pieces.push(chunk)
      if (pieces.length - joined < MOST_LOOSE) return
      pieces.push(Buffer.concat(pieces.splice(joined)))
      joined = pieces.length
    },
    release() {
      pieces = []
      joined = 0
      for (const give of claims.splice(0)) give()
    },
  }
}

/** As many pieces as hold the first `most` bytes, joined: the header without the rest. */
export function beginningOf(pieces: readonly Buffer[], most: number): Buffer {
  const taken: Buffer[] = []
  let size = 0
  for (const piece of pieces) {
    if (size >= most) break
    taken.push(piece)
    size += piece.length
  }
  return Buffer.concat(taken)
}

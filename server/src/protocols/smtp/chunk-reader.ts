/**
 * The octets of a message that comes in chunks (RFC 3030 section 2), one chunk behind the other: what data-reader.ts reads,
 * without dot-stuffing and with an end that the sender has counted. They are stuffed on the way into that reader, so that
 * one place says which bytes a message may have, and the way of DATA costs nothing more.
 *
 * A last line without its end gets CR LF (the LF alone behind a CR), as RFC 5321 section 4.1.1.4 lets a sender do: the
 * message goes on by DATA, which knows no such line, and what is stored is then what is sent. No signature breaks by it
 * (RFC 6376 section 3.4.3).
 */
import { createDataReader, type DataReader } from './data-reader.ts'
import { createDotStuffer } from './dot-stuffing.ts'

export interface ChunkReader extends DataReader {
  /** Nothing comes any more; adds what the last line lacks to `out`. */
  finish(out: Buffer[]): void
}

/** More pieces of one chunk than this are joined before they are read. */
const MOST_PIECES = 8

/** Limits in octets; 0 is no limit. `read` never finds an end. */
export function createChunkReader(
  limits: { messageBytes: number; headerBytes: number },
  createReader: typeof createDataReader = createDataReader,
): ChunkReader {
  const reader = createReader(limits)
  const stuffer = createDotStuffer()
  let taken = 0
  return {
    read(chunk, out) {
      taken += chunk.length
      const pieces: Buffer[] = []
      stuffer.write(chunk, pieces)
      if (pieces.length > MOST_PIECES) reader.read(Buffer.concat(pieces), out)
      else for (const piece of pieces) reader.read(piece, out)
      return -1
    },
    finish(out) {
      reader.read(stuffer.end(), out)
    },
    get flaw() {
      return reader.flaw
    },
    get size() {
      return reader.size
    },
    get taken() {
      return taken
    },
    get longestLine() {
      return reader.longestLine
    },
    mended: () => reader.mended(),
  }
}

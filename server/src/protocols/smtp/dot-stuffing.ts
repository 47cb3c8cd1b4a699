/**
 * The other direction of RFC 5321 section 4.5.2: bytes of a message → what follows 354. Bytes are given on unchanged; a
 * dot is added where a line begins with one, also when CR, LF and dot come in different chunks. A chunk without such a
 * line is returned as it is, uncopied.
 *
 * Relied on: what was accepted has no bare CR or LF (data-reader.ts refused it; what is written here by ourselves has
 * none), so that no careless receiver sees an end that is none.
 */
export interface DotStuffer {
  /** Adds the pieces to send to `out`. */
  write(chunk: Buffer, out: Buffer[]): void
  /** What ends the message: the final dot, after a CRLF where the message lacks one. */
  end(): Buffer
}

const CR = 13
const LF = 10
const DOT = Buffer.from('.')
const LINE_DOT = Buffer.from('\r\n.')
const END = Buffer.from('.\r\n')
const END_NEEDS_LF = Buffer.from('\n.\r\n')
const END_NEEDS_CRLF = Buffer.from('\r\n.\r\n')

export function createDotStuffer(): DotStuffer {
  let lineStart = true
  let afterCr = false

  return {
    write(chunk, out) {
      const n = chunk.length
      if (n === 0) return
      let start = 0
      if (lineStart && chunk[0] === 46) out.push(DOT)
      else if (afterCr && chunk[0] === LF && chunk[1] === 46) {
        out.push(chunk.subarray(0, 1), DOT)
        start = 1
      }
      for (let at = chunk.indexOf(LINE_DOT, start); at >= 0; at = chunk.indexOf(LINE_DOT, start)) {
        out.push(chunk.subarray(start, at + 2), DOT)
        start = at + 2
      }
      out.push(start === 0 ? chunk : chunk.subarray(start))
      lineStart = chunk[n - 1] === LF && (n > 1 ? chunk[n - 2] === CR : afterCr)
      afterCr = chunk[n - 1] === CR
    },
    end() {
      return lineStart ? END : afterCr ? END_NEEDS_LF : END_NEEDS_CRLF
    },
  }
}

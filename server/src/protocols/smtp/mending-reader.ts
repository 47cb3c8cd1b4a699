/**
 * The octets after 354 from one of an organisation's own systems, which may send bare CR and bare LF (RFC 5321 section 2.3.8
 * forbids them; scanners, scripts and old servers do it all the same): each becomes a whole CR LF. What comes out is a message
 * like any, so that nobody behind us sees an end of data where there was none. What came can be had back (line-ends.ts).
 *
 * Promises: the end is where the strict reader (data-reader.ts) finds it, CR LF . CR LF and nothing else, wherever chunks are
 * split; a dot is taken away only at the beginning of a line that CR LF has begun, as the sender has put it there. NUL and the
 * limits are flaws as there.
 */
import type { DataFlaw, DataReader } from './data-reader.ts'
import { CR_ALONE, createLineEndNote, LF_ALONE, WHOLE, type LineEnd, type Mended } from './line-ends.ts'

const NUL = 0
const LF = 10
const CR = 13
const DOT = 46

type State = 'line-start' | 'middle' | 'after-cr' | 'after-dot' | 'after-dot-cr' | 'end'

/** What follows from the next octet; 'middle': it belongs to a line, and is looked at there. */
const next: Record<State, (byte: number) => State> = {
  'line-start': (byte) => (byte === DOT ? 'after-dot' : 'middle'),
  'middle': () => 'middle',
  'after-cr': (byte) => (byte === LF ? 'line-start' : 'middle'),
  'after-dot': (byte) => (byte === CR ? 'after-dot-cr' : 'middle'),
  'after-dot-cr': (byte) => (byte === LF ? 'end' : 'middle'),
  'end': () => 'end',
}

/** Limits in octets; 0 is no limit. */
export function createMendingReader(limits: { messageBytes: number; headerBytes: number }): DataReader {
  let state: State = 'line-start'
  let flaw: DataFlaw | null = null
  let size = 0
  let taken = 0
  let longestLine = 0
  let inHeader = true
  /** octets of the line so far */
  let line = 0
  const note = createLineEndNote()
  let mended: Mended | null = null

  const isTooLong = (octets: number): boolean => limits.headerBytes > 0 && octets > limits.headerBytes

  return {
    read(chunk, out) {
      // Every octet may become two, and a CR that was held back comes before them.
      const made = Buffer.allocUnsafe(2 * chunk.length + 4)
      const came = Buffer.allocUnsafe(chunk.length + 2)
      let n = 0
      let m = 0
      let end = -1
      const lineEnd = (as: LineEnd): void => {
        made[n++] = CR
        made[n++] = LF
        if (as !== LF_ALONE) came[m++] = CR
        if (as !== CR_ALONE) came[m++] = LF
        note.add(as)
        if (line > longestLine) longestLine = line
        if (line === 0 && inHeader) {
          inHeader = false
          if (isTooLong(size + n)) flaw ??= 'header-too-large'
        }
        line = 0
      }
      for (let i = 0; i < chunk.length && end < 0; i++) {
        const byte = chunk[i]!
        const was = state
        state = next[was](byte)
        if (was === 'after-dot-cr' && state === 'end') {
          end = i + 1
          continue
        }
        if (was === 'after-dot-cr' || was === 'after-cr') lineEnd(state === 'line-start' ? WHOLE : CR_ALONE)
        if (state !== 'middle') continue
        if (byte === CR) state = 'after-cr'
        else if (byte === LF) lineEnd(LF_ALONE)
        else {
          if (byte === NUL) flaw ??= 'nul-byte'
          made[n++] = byte
          came[m++] = byte
          line++
          if (line > longestLine) longestLine = line
        }
      }
      taken += end < 0 ? chunk.length : end
      size += n
      note.came(came.subarray(0, m))
      if (inHeader && isTooLong(size)) flaw ??= 'header-too-large'
      if (limits.messageBytes > 0 && size > limits.messageBytes) flaw ??= 'message-too-large'
      if (flaw === null && n > 0) out.push(made.subarray(0, n))
      return end
    },
    get flaw() {
      return flaw
    },
    get size() {
      return size
    },
    get taken() {
      return taken
    },
    get longestLine() {
      return longestLine
    },
    mended: () => (mended ??= note.finish()),
  }
}

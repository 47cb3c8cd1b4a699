/**
 * The bytes after 354 (RFC 5321 section 4.5.2): chunks as they come → slices without dot-stuffing, and the end.
 *
 * Promises: the end is CR LF . CR LF and nothing else, wherever chunks are split; no byte is copied unless a chunk holds
 * many stuffed lines; what a careless reader could take for an end (bare CR, bare LF: RFC 5321 section 2.3.8) or choke
 * on (NUL) is a flaw. After the first flaw nothing is given any more, but reading goes on to the real end, so
 * that the reply falls where the sender waits for it. One pass; every byte costs the same whatever it is. Messages in
 * chunks come through here too (chunk-reader.ts).
 */
import type { Mended } from './line-ends.ts'

export type DataFlaw = 'bare-line-ending' | 'nul-byte' | 'header-too-large' | 'message-too-large'

export interface DataReader {
  /** Adds the slices of `chunk` to `out`; returns the index after the end of data, -1 when it goes on. */
  read(chunk: Buffer, out: Buffer[]): number
  /** the first thing wrong with the message */
  readonly flaw: DataFlaw | null
  /** octets given so far */
  readonly size: number
  /** octets taken so far, dots and flawed ones too */
  readonly taken: number
  /** octets of the longest line so far, without CRLF */
  readonly longestLine: number
  /** at the end: how what was given differs from what came (mending-reader.ts); null: not at all */
  mended(): Mended | null
}

const NUL = 0
const LF = 10
const CR = 13
const DOT = 46

const LINE_START = 0
const MIDDLE = 1
const AFTER_CR = 2
const AFTER_DOT = 3
const AFTER_DOT_CR = 4

/** More slices of one chunk than this are joined: a sink pays per slice. */
const MOST_SLICES = 8

/** Limits in octets; 0 is no limit. */
export function createDataReader(limits: { messageBytes: number; headerBytes: number }): DataReader {
  let at = LINE_START
  let flaw: DataFlaw | null = null
  let size = 0
  let taken = 0
  let longestLine = 0
  let inHeader = true
  /** where the current line began, relative to the current chunk */
  let lineBegin = 0

  // One loop over all bytes; taken apart it is several times slower.
  // eslint-disable-next-line complexity
  function read(chunk: Buffer, out: Buffer[]): number {
    const n = chunk.length
    const headerLeft = limits.headerBytes > 0 ? limits.headerBytes - taken : Infinity
    const first = out.length
    let state = at
    let begin = lineBegin
    let longest = longestLine
    let found: DataFlaw | null = flaw
    let start = 0
    let end = -1
    let i = 0
    while (i < n) {
      if (state === MIDDLE) {
        while (i < n && chunk[i]! > CR) i++
        if (i === n) break
        const byte = chunk[i]!
        i++
        if (byte === CR) {
          if (i < n && chunk[i] === LF) {
            i++
            state = LINE_START
          } else state = AFTER_CR
        } else if (byte === LF) found ??= 'bare-line-ending'
        else if (byte === NUL) found ??= 'nul-byte'
      } else if (state === AFTER_CR) {
        if (chunk[i] === LF) {
          i++
          state = LINE_START
        } else {
          found ??= 'bare-line-ending'
          state = MIDDLE
        }
      } else if (state === LINE_START) {
        // Nothing taken: the line's first byte decides.
        if (chunk[i] === DOT) {
          if (i > start) out.push(chunk.subarray(start, i))
          i++
          start = i
          state = AFTER_DOT
        } else state = MIDDLE
        continue
      } else if (state === AFTER_DOT) {
        if (chunk[i] === CR) {
          i++
          state = AFTER_DOT_CR
        } else state = MIDDLE
        continue
      } else if (chunk[i] === LF) {
        i++
        end = i
        break
      } else {
        found ??= 'bare-line-ending'
        state = MIDDLE
        continue
      }
      if (state === LINE_START) {
        const length = i - begin - 2
        if (length > longest) longest = length
        if (inHeader && length === 0) {
          inHeader = false
          if (i > headerLeft) found ??= 'header-too-large'
        }
        begin = i
      }
    }
    const stop = end < 0 ? n : end
    if (inHeader && stop > headerLeft) found ??= 'header-too-large'
    if (end < 0) {
      // A CR after a line's dot is held back: with LF it is the end, with anything else a flaw.
      if (state !== AFTER_DOT_CR && n > start) out.push(start === 0 ? chunk : chunk.subarray(start))
      const unfinished = n - begin - (state === AFTER_CR ? 1 : 0)
      if (unfinished > longest) longest = unfinished
    }
    if (found === null) {
      for (let k = first; k < out.length; k++) size += out[k]!.length
      if (limits.messageBytes > 0 && size > limits.messageBytes) found = 'message-too-large'
      else if (out.length - first > MOST_SLICES) out.push(Buffer.concat(out.splice(first)))
    }
    if (found !== null) out.length = first
    at = state
    flaw = found
    longestLine = longest
    lineBegin = begin - n
    taken += stop
    return end
  }

  return {
    read,
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
    mended: () => null,
  }
}

/**
 * What mending-reader.ts did to a message, and the way back. Where a listed system sent bare CR or LF, what is stored and sent
 * is a derived body; the original is its bytes with some line ends as they came, so it is kept as those line ends: runs of
 * one kind, squeezed. With the digest of the original, anybody can see that what comes back is what came.
 *
 * Runs are all but always few (a whole message of bare LF is one). Of a message whose ends change too often to be kept in
 * MOST_KEPT octets only count and digest are known.
 */
import { createHash } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'

export const lineEnds = ['\r\n', '\n', '\r'] as const
/** Index in lineEnds. */
export type LineEnd = 0 | 1 | 2
export const WHOLE: LineEnd = 0
export const LF_ALONE: LineEnd = 1
export const CR_ALONE: LineEnd = 2

export interface Mended {
  rule: 'bare-line-ends'
  /** line ends that were not whole */
  count: number
  /** of the original, hexadecimal; and its octets */
  sha256: string
  size: number
  /** all line ends in order, as runs (see the top), Base64; null: too many */
  ends: string | null
}

const MOST_RUNS = 262_144
/** Octets of `ends`, before Base64. */
const MOST_KEPT = 12_288

/** A run is one number: its length times three and its kind, in groups of seven bits, the lowest first. */
function packed(runs: readonly number[]): string | null {
  const octets: number[] = []
  for (let value of runs) {
    for (; value > 127; value = Math.floor(value / 128)) octets.push((value % 128) + 128)
    octets.push(value)
  }
  const squeezed = deflateRawSync(Buffer.from(octets))
  return squeezed.length > MOST_KEPT ? null : squeezed.toString('base64')
}

function unpacked(ends: string): number[] {
  let octets: Buffer
  try {
    octets = inflateRawSync(Buffer.from(ends, 'base64'), { maxOutputLength: MOST_RUNS * 8 })
  } catch (error) {
    throw new LineEndsError(`what was kept of them cannot be read: ${(error as Error).message}`)
  }
  const runs: number[] = []
  let [value, factor] = [0, 1]
  for (const octet of octets) {
    value += (octet & 127) * factor
    factor *= 128
    if (octet > 127) continue
    runs.push(value)
    ;[value, factor] = [0, 1]
  }
  return runs
}

export interface LineEndNote {
  /** the next line ended so */
  add(end: LineEnd): void
  /** octets as they came, without stuffed dots */
  came(octets: Buffer): void
  /** null: nothing was mended. Nothing can be added afterwards. */
  finish(): Mended | null
}

export function createLineEndNote(): LineEndNote {
  const hash = createHash('sha256')
  const runs: number[] = []
  let kind: LineEnd = WHOLE
  let length = 0
  let count = 0
  let size = 0
  const endRun = (): void => {
    if (length > 0 && runs.length <= MOST_RUNS) runs.push(length * 3 + kind)
    length = 0
  }
  return {
    add(end) {
      if (end !== WHOLE) count++
      if (end !== kind) endRun()
      kind = end
      length++
    },
    came(octets) {
      hash.update(octets)
      size += octets.length
    },
    finish() {
      if (count === 0) return null
      endRun()
      const ends = runs.length > MOST_RUNS ? null : packed(runs)
      return { rule: 'bare-line-ends', count, sha256: hash.digest('hex'), size, ends }
    },
  }
}

/** The octets and their line ends do not go together. */
export class LineEndsError extends Error {}

/** The original from the stored octets, in whatever pieces they come. Throws LineEndsError. */
export function wayBack(ends: string): { write(chunk: Buffer): Buffer; end(): void } {
  const runs = unpacked(ends)
  let [run, left] = [-1, 0]
  let held = false
  function next(): string {
    while (left === 0) {
      if (++run >= runs.length) throw new LineEndsError('it has more lines than were counted')
      left = Math.floor(runs[run]! / 3)
    }
    left--
    return lineEnds[runs[run]! % 3]!
  }
  return {
    write(chunk) {
      const text = (held ? '\r' : '') + chunk.toString('latin1')
      held = text.endsWith('\r')
      const whole = held ? text.slice(0, -1) : text
      return Buffer.from(whole.replace(/\r\n/g, next), 'latin1')
    },
    end() {
      if (held || left > 0 || run < runs.length - 1) throw new LineEndsError('it has fewer lines than were counted')
    },
  }
}

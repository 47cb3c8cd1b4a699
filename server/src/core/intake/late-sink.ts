/**
 * A message whose place is decided when its header is there: its beginning is held back until then (the listener bounds a
 * header by smtp.headerBytes), the rest streams.
 */
import { WireError } from '../../platform/errors.ts'
import type { MxSink } from './door.ts'

const END = Buffer.from('\r\n\r\n')
/** Where the listener has no limit of its own. */
const MOST_HELD = 1_048_576

/** `decide` gets the header section, or all there is of a message without an end of it; what it throws is the reply. */
export function lateSink(decide: (header: Buffer) => MxSink): MxSink {
  let parts: Buffer[] = []
  let size = 0
  let tail = Buffer.alloc(0)
  let inner: MxSink | null = null

  function open(): { sink: MxSink; held: Buffer } {
    const held = Buffer.concat(parts)
    parts = []
    const end = held.indexOf(END)
    inner = decide(end < 0 ? held : held.subarray(0, end + END.length))
    return { sink: inner, held }
  }

  return {
    write(chunk) {
      if (inner) return inner.write(chunk)
      parts.push(chunk)
      size += chunk.length
      if (size > MOST_HELD) throw new WireError('header-too-large')
      const seam = Buffer.concat([tail, chunk.subarray(0, END.length - 1)])
      if (!chunk.includes(END) && !seam.includes(END)) {
        tail = Buffer.concat([tail, chunk]).subarray(-(END.length - 1))
        return undefined
      }
      const { sink, held } = open()
      return sink.write(held)
    },
    async finish(mended) {
      if (!inner) {
        const { sink, held } = open()
        try {
          await sink.write(held)
        } catch (error) {
          sink.abort()
          throw error
        }
      }
      return inner!.finish(mended)
    },
    abort() {
      parts = []
      inner?.abort()
    },
  }
}

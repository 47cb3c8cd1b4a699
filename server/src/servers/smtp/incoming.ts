/** A message on its way in: what the session holds from 354 or the first chunk to the reply to its end. */
import type { MxSink } from '../../core/intake/index.ts'
import type { ChunkReader } from '../../protocols/smtp/chunk-reader.ts'
import type { DataReader } from '../../protocols/smtp/data-reader.ts'

export interface Incoming {
  sink: MxSink
  reader: DataReader
  /** the reply to come, when it is already clear that it will not be 250 */
  refusal: unknown
  /** what came first, as it came, and octets of it (refusal-note.ts) */
  beginning: Buffer[]
  kept: number
  /** tells the sink once that nothing comes of it */
  abort(): void
}

/** What a session holds of its chunks (RFC 3030), from the first one on. */
export interface Chunking {
  /** octets of the present chunk, and how many of them are still to come */
  size: number
  left: number
  last: boolean
  /** of the message that is open */
  reader: ChunkReader | null
  /** why the present chunk is only thrown away; null: it is taken */
  refusal: unknown
  /** the message that was given up with it */
  dropped: Incoming | null
  /** EHLO or HELO came before it */
  greeted: boolean
  /** the refusal of an earlier chunk, until its message or the client has ended that transaction */
  failed: unknown
  /** octets thrown away since the last chunk that was taken */
  thrown: number
}

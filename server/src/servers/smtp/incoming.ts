/** A message on its way in: what the session holds between 354 and the reply to the final dot. */
import type { MxSink } from '../../core/intake/index.ts'
import type { DataReader } from '../../protocols/smtp/data-reader.ts'

export interface Incoming {
  sink: MxSink
  reader: DataReader
  /** the reply to come, when it is already clear that it will not be 250 */
  refusal: unknown
  /** tells the sink once that nothing comes of it */
  abort(): void
}

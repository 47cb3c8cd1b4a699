/**
 * Notices about canaries: nobody's mail. Their beginning is handed to who judges the primary, and nothing is stored; a process
 * that dies in this moment has lost one observation, and the next canary makes another.
 */
import { newId } from '../../platform/ids.ts'
import type { CanarySender } from '../../protocols/srs/canary.ts'
import { REPORT_BYTES } from '../lists/index.ts'
import type { MxRecipient, MxSink } from './door.ts'

export type NoteCanary = (canary: CanarySender, report: Buffer) => void

/** `rest`: where the same message goes to others as well. */
export function canarySink(
  recipients: readonly MxRecipient[],
  note: NoteCanary,
  now: number,
  rest: MxSink | null,
): MxSink {
  const parts: Buffer[] = []
  let left = REPORT_BYTES
  return {
    write(chunk) {
      if (left > 0) parts.push(chunk.subarray(0, left))
      left -= chunk.length
      return rest?.write(chunk)
    },
    async finish(mended) {
      const stored = await rest?.finish(mended)
      const report = Buffer.concat(parts)
      for (const { recipient } of recipients) if (recipient.canary) note(recipient.canary, report)
      return stored ?? { queueId: newId(now) }
    },
    abort: () => rest?.abort(),
  }
}

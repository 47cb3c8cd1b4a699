/**
 * How large one answer may become, and all answers that are being made together: what a client asks for is in memory until
 * it is sent. An answer does not wait for room, for it holds some already; it says at once that there is none.
 */
import type { ByteRoom } from '../../platform/byte-room.ts'
import { WireError } from '../../platform/errors.ts'
import { MethodError } from '../../protocols/jmap/index.ts'

export interface AnswerRoom {
  /** Throws MethodError (too much for one) or WireError too-busy (too much for all). */
  answers(bytes: number): void
  /** when it was sent, or is not to be sent */
  release(): void
}

/** Of text; the JSON of it is about as large again. */
const MOST_BYTES = 50_000_000
const STEP_BYTES = 1_048_576

export function createAnswerRoom(room: Pick<ByteRoom, 'claim'>): AnswerRoom {
  const claims: (() => void)[] = []
  let size = 0
  return {
    answers(bytes) {
      size += bytes
      if (size > MOST_BYTES)
        throw new MethodError('requestTooLarge', `an answer may have ${MOST_BYTES} bytes: ask for less at once`)
      // The first step of each is free: most answers are small.
      while (size > STEP_BYTES * (claims.length + 1)) {
        const claim = room.claim(2 * STEP_BYTES)
        if (!claim) throw new WireError('too-busy', 'many large requests are being worked on just now')
        claims.push(claim)
      }
    },
    release() {
      for (const give of claims.splice(0)) give()
    },
  }
}

/**
 * BDAT (RFC 3030 section 2). It is understood in every state, for its octets follow whatever is answered: chunk-phase.ts
 * takes them and says what was wrong.
 */
import { toWireError } from '../../../platform/errors.ts'
import { parseBdat } from '../../../protocols/smtp/command.ts'
import { beginChunk } from '../chunk-phase.ts'
import { anywhere, command } from '../command.ts'
import { close } from '../session.ts'

export const bdat = command({
  name: 'BDAT',
  states: anywhere,
  check(rest, session) {
    try {
      return parseBdat(rest)
    } catch (error) {
      session.context.counters.refused(toWireError(error).code)
      close(session, toWireError(error))
      throw error
    }
  },
  run: (session, { size, last }) => beginChunk(session, size, last),
})

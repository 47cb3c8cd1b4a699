/** EXPN: known, not offered (RFC 5321 section 4.2.4). */
import { WireError } from '../../../platform/errors.ts'
import { anywhere, command } from '../command.ts'

export const expn = command({
  name: 'EXPN',
  states: anywhere,
  check: () => {
    throw new WireError('not-implemented')
  },
  run: () => undefined,
})

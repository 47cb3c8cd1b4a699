/** Core/echo (RFC 8620 section 4). */
import type { Method } from '../call.ts'

export const coreEcho: Method = async (args) => args

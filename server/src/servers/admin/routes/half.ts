/** The cookie of who has proved the first of two: set where the second is asked for. */
import type { FastifyReply } from 'fastify'
import { SecondFactorNeeded } from '../../../core/access/index.ts'
import { setHalfCookie } from '../../http/index.ts'

export async function orHalf(reply: FastifyReply, secure: boolean, entered: Promise<string>): Promise<string> {
  try {
    return await entered
  } catch (error) {
    if (error instanceof SecondFactorNeeded) setHalfCookie(reply, error.token, secure)
    throw error
  }
}

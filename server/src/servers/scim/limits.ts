/** What one source may ask for, and how large it may write. Entra ID sends at most some 25 requests in a second. */
import type { FastifyRequest } from 'fastify'

export const USER_BYTES = 256 * 1024
/** Of a hundred thousand members. */
export const GROUP_BYTES = 16 * 1024 * 1024
const REQUESTS_PER_MINUTE = 3000

/** Public: there is no session. Who has no token is turned away before this counts. */
export const config = {
  ability: 'public',
  rateLimit: {
    max: REQUESTS_PER_MINUTE,
    timeWindow: 60_000,
    keyGenerator: (request: FastifyRequest): string => `scim ${request.scim?.sourceId ?? request.ip}`,
  },
} as const

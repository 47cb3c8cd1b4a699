/**
 * The MTA-STS policies of our domains (RFC 8461 section 3.3): asked for at the host mta-sts.<domain>, by TLS that
 * ends here (secure.ts) or in front of this server. Anybody may read them, and nothing else is answered there.
 */
import type { FastifyInstance } from 'fastify'
import { WireError } from '../../platform/errors.ts'
import { formatPolicy, type Policy } from '../../protocols/mta-sts/policy.ts'

export type OwnPolicy = (domain: string) => Promise<Policy | null>

const PREFIX = 'mta-sts.'

export function addPolicies(app: FastifyInstance, ownPolicy: OwnPolicy): void {
  const config = { ability: 'public', rateLimit: { max: 600, timeWindow: '1 minute' } } as const
  app.get('/.well-known/mta-sts.txt', { config }, async (request, reply) => {
    const host = request.hostname.toLowerCase().replace(/\.$/, '')
    const policy = host.startsWith(PREFIX) ? await ownPolicy(host.slice(PREFIX.length)) : null
    if (!policy) throw new WireError('not-found')
    return reply.type('text/plain; charset=utf-8').send(formatPolicy(policy))
  })
}

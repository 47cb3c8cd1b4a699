/**
 * What machines ask: /healthz (this process answers), /readyz (database answers, disk is above its reserve, listeners are
 * up: else 503 and which of them), /metrics (from this machine only, or signed in with the ability; a request that a proxy
 * passed on is not from this machine).
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Access } from '../../core/access/index.ts'
import { WireError } from '../../platform/errors.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { COOKIE } from './gate.ts'

export interface Readiness {
  ready: boolean
  checks: { name: string; ok: boolean }[]
}

export interface VitalsDeps {
  access: Pick<Access, 'session'>
  metrics: Metrics
  ready(): Promise<Readiness>
}

const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/

function fromThisMachine(request: FastifyRequest): boolean {
  const passedOn = request.headers['x-forwarded-for'] ?? request.headers.forwarded ?? request.headers.via
  return passedOn === undefined && LOOPBACK.test(request.ip)
}

export function addVitals(app: FastifyInstance, deps: VitalsDeps): void {
  app.get('/healthz', { config: { ability: 'public' } }, async () => ({ ok: true }))
  app.get('/readyz', { config: { ability: 'public' } }, async (_request, reply) => {
    const readiness = await deps.ready().catch(() => ({ ready: false, checks: [] }))
    return reply.code(readiness.ready ? 200 : 503).send(readiness)
  })
  app.get('/metrics', { config: { ability: 'public' } }, async (request, reply) => {
    if (!fromThisMachine(request)) {
      const session = await deps.access.session(request.cookies[COOKIE])
      if (!session?.abilities.includes('metrics:see')) throw new WireError(session ? 'forbidden' : 'signed-out')
    }
    return reply.type(deps.metrics.registry.contentType).send(await deps.metrics.registry.metrics())
  })
}

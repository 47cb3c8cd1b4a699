/**
 * The one HTTP server: web pages, API, JMAP, vitals. Plain HTTP on loopback by default; TLS ends in front of it or at a second
 * listener of its own (secure.ts), and publicUrl says so (Secure cookies, HSTS). Only named proxies are believed when they say
 * who asks. Routes of other rooms are registered before listen(); each declares its ability or the start fails.
 */
import type { AddressInfo } from 'node:net'
import cookie from '@fastify/cookie'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { fastify } from 'fastify'
import type { Access } from '../../core/access/index.ts'
import type { Clock } from '../../platform/clock.ts'
import { WireError } from '../../platform/errors.ts'
import { newId } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { addAnswers } from './answers.ts'
import { HEADER_MS, limitBodies, limitConnections, LOOK_MS, REQUEST_MS, type ConnectionLimits } from './connections.ts'
import { addGate } from './gate.ts'
import { addHeaders } from './headers.ts'
import { addPages } from './pages.ts'
import { addPolicies, type OwnPolicy } from './policy.ts'
import { createSecureListener, type SecurePlace } from './secure.ts'
import type { Readiness } from './vitals.ts'
import { addVitals } from './vitals.ts'

export interface HttpDeps {
  listen: { host: string; port: number }
  /** the same over TLS; null, left out: no such listener */
  secure?: SecurePlace | null
  publicUrl: string
  /** whose X-Forwarded-For is believed; none: nobody's */
  trustedProxies?: readonly string[]
  limits?: ConnectionLimits
  clock: Clock
  log: Log
  metrics: Metrics
  access: Access
  /** database answers, disk is above its reserve, listeners are up */
  ready(): Promise<Readiness>
  /** folder of the built web pages; null: none */
  webRoot: string | null
  /** MTA-STS policies of our domains */
  ownPolicy?: OwnPolicy
}

export interface HttpServer {
  /** for routes of other rooms and for tests (inject) */
  app: FastifyInstance
  /** Adds routes of another room; before start(). */
  register(routes: FastifyPluginAsync): void
  /** securePort: null where there is no such listener */
  start(): Promise<{ host: string; port: number; securePort: number | null }>
  stop(): Promise<void>
}

const BODY_BYTES = 1_048_576

export async function createHttp(deps: HttpDeps): Promise<HttpServer> {
  const secure = deps.publicUrl.startsWith('https:')
  const app = fastify({
    logger: false,
    trustProxy: deps.trustedProxies?.length ? [...deps.trustedProxies] : false,
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_MS,
    http: { headersTimeout: HEADER_MS, connectionsCheckingInterval: LOOK_MS },
    routerOptions: { maxParamLength: 500 },
    genReqId: () => newId(deps.clock.now()),
    requestIdHeader: false,
    forceCloseConnections: true,
    return503OnClosing: false,
  })
  // JSON only: a form or text/plain, which other sites can send without asking, is not understood.
  app.removeContentTypeParser('text/plain')
  const secured = deps.secure ? createSecureListener(app, deps.secure, deps.log) : null
  limitConnections(secured ? [app.server, secured.server] : [app.server], deps.limits, deps.trustedProxies)
  addAnswers(app, deps.log)
  limitBodies(app, deps.clock)
  await app.register(cookie)
  await app.register(rateLimit, { global: false, errorResponseBuilder: () => new WireError('rate-limited') })
  await addHeaders(app, secure)
  addGate(app, deps.access)
  measure(app, deps)
  addVitals(app, deps)
  addPolicies(app, deps.ownPolicy ?? (() => Promise.resolve(null)))
  await addPages(app, deps.webRoot)
  return {
    app,
    register: (routes) => void app.register(routes),
    async start() {
      await app.listen({ host: deps.listen.host, port: deps.listen.port })
      const { address: host, port } = app.server.address() as AddressInfo
      try {
        return { host, port, securePort: secured && (await secured.start()) }
      } catch (error) {
        await app.close()
        throw error
      }
    },
    async stop() {
      await secured?.stop()
      await app.close()
    },
  }
}

/** Time and outcome per route; the path itself is not logged: it says who reads what. */
function measure(app: FastifyInstance, deps: HttpDeps): void {
  const seconds = deps.metrics.histogram(
    'holdfast_http_request_seconds',
    'HTTP requests by route and outcome',
    [0.005, 0.02, 0.1, 0.5, 2, 10],
    ['method', 'route', 'status'],
  )
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none'
    seconds.observe(
      { method: request.method, route, status: `${Math.floor(reply.statusCode / 100)}xx` },
      reply.elapsedTime / 1000,
    )
    deps.log.debug(
      {
        requestId: request.id,
        method: request.method,
        route,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
      },
      'request',
    )
  })
}

/**
 * The headers every answer carries. The policy names what the web pages need and nothing else: scripts, fonts and requests
 * of our own origin; styles also inline (the component library writes style elements); pictures of a message as blob or
 * data; frames never around us. A message is shown in a sandboxed frame that inherits this policy, so nothing in it can
 * run or call home.
 */
import helmet from '@fastify/helmet'
import type { FastifyInstance } from 'fastify'

export const contentSecurityPolicy = {
  'default-src': ["'none'"],
  'script-src': ["'self'"],
  'style-src': ["'self'"],
  'img-src': ["'self'", 'data:', 'blob:'],
  'font-src': ["'self'"],
  'connect-src': ["'self'"],
  'media-src': ["'self'", 'blob:'],
  'manifest-src': ["'self'"],
  'worker-src': ["'self'"],
  'frame-src': ["'self'", 'blob:'],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'none'"],
}

export async function addHeaders(app: FastifyInstance, secure: boolean): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: contentSecurityPolicy },
    strictTransportSecurity: secure ? { maxAge: 31_536_000 } : false,
    referrerPolicy: { policy: 'no-referrer' },
    xFrameOptions: { action: 'deny' },
    crossOriginEmbedderPolicy: false,
  })
  app.addHook('onSend', async (request, reply) => {
    void reply.header('x-request-id', request.id)
    void reply.header('permissions-policy', 'camera=(), geolocation=(), microphone=(), payment=()')
    if (!reply.hasHeader('cache-control')) void reply.header('cache-control', 'no-store')
  })
}

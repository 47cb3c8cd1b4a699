/**
 * The web pages: files of web/dist. Names under /assets carry a digest and never change; any other path without a file is
 * a place inside the app and gets index.html, which is always asked for again. API paths never get a page.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { WireError } from '../../platform/errors.ts'

/**
 * The documents a message is shown in, framed by our own page: no script, and pictures from the internet only in the one
 * the person asked for. Their own meta policies say the same; these also hold when a browser is sent there directly.
 */
const framed = (pictures: string): string =>
  `default-src 'none'; img-src data: blob:${pictures}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'`
const FRAMED: Readonly<Record<string, string>> = {
  'message.html': framed(''),
  'message-pictures.html': framed(' https: http:'),
}
const NOT_PAGES = /^\/(api|jmap|scim|metrics|healthz|readyz|\.well-known)(\/|$)/
const LOOKS_LIKE_FILE = /\.[a-z0-9]{1,8}$/i

export async function addPages(app: FastifyInstance, webRoot: string | null): Promise<void> {
  const root = webRoot !== null && existsSync(join(webRoot, 'index.html')) ? webRoot : null
  if (root !== null)
    await app.register(fastifyStatic, { root, serve: false, cacheControl: false, dotfiles: 'ignore', index: false })
  app.get('/*', { config: { ability: 'public' } }, async (request, reply) => {
    const path = (request.params as { '*': string })['*']
    if (NOT_PAGES.test(`/${path}`)) throw new WireError('not-found')
    if (root === null) throw new WireError('not-found', 'the web pages are not built; run "npm run build"')
    const policy = FRAMED[path]
    if (policy !== undefined) {
      void reply.header('content-security-policy', policy).header('x-frame-options', 'SAMEORIGIN')
      return reply.header('cache-control', 'no-cache').sendFile(path)
    }
    if (LOOKS_LIKE_FILE.test(path)) {
      void reply.header(
        'cache-control',
        path.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      )
      return reply.sendFile(path)
    }
    return reply.header('cache-control', 'no-cache').sendFile('index.html')
  })
  app.setNotFoundHandler(async (_request, reply) => {
    void reply.header('cache-control', 'no-store')
    throw new WireError('not-found')
  })
}

/** A page that people use and an identity provider (OpenID Connect), over TLS, which can stop to answer while mail goes on. */
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'

/** silent: takes requests and says nothing. failing: 500 to all. tokens-failing: 500 to whoever signs in, all else is well. */
export type WebFault = 'silent' | 'failing' | 'tokens-failing'

export interface WebStand {
  url: string
  setFault(fault: WebFault | null): void
  close(): Promise<void>
}

export async function startWebStand(tls: { cert: string; key: string }): Promise<WebStand> {
  let fault: WebFault | null = null
  let url = ''
  const server = createServer(tls, (request, response) => {
    const isToken = request.url === '/token'
    if (fault === 'silent') return
    if (fault === 'failing' || (isToken && fault === 'tokens-failing')) response.writeHead(500).end()
    else if (isToken) response.writeHead(401).end(JSON.stringify({ error: 'invalid_client' }))
    else response.end(JSON.stringify({ issuer: url, token_endpoint: `${url}/token` }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    setFault: (next) => {
      fault = next
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

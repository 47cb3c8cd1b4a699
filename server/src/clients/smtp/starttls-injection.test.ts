/**
 * The other half of RFC 3207: a server, or somebody between, that says more in clear behind the 220 to STARTTLS. None of it is
 * ever taken for an answer that came under TLS ("NO STARTTLS", 2021: responses injected before the handshake).
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { selfSigned } from '../../platform/certificate.ts'
import { systemClock } from '../../platform/clock.ts'
import { openSmtpConnection, type SmtpConnection } from './connection.ts'
import type { SmtpTarget } from './result.ts'

const pem = selfSigned(['hop.test'], Date.now())
let server: Server
const sockets = new Set<Socket>()
/** command lines by how they came */
let heard: string[] = []
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

/** By the book, but for `pieces`, written one after the other as the answer to STARTTLS. */
async function hop(pieces: readonly string[]): Promise<number> {
  heard = []
  server = createServer((raw) => {
    sockets.add(raw)
    raw.on('error', () => undefined)
    const serve = (stream: Socket, how: string): void => {
      stream.on('error', () => undefined)
      stream.on('data', (chunk: Buffer) => {
        for (const line of chunk.toString('latin1').split('\r\n').filter(Boolean)) {
          heard.push(`${how} ${line.split(' ')[0]!}`)
          if (line.startsWith('EHLO'))
            stream.write(`250-hop\r\n${how === 'clear' ? '250 STARTTLS' : '250 SIZE 4242'}\r\n`)
          else if (line === 'STARTTLS') secure(stream)
          else stream.write('250 ok\r\n')
        }
      })
    }
    const secure = (stream: Socket): void => {
      stream.removeAllListeners('data')
      stream.setNoDelay(true)
      for (const piece of pieces) stream.write(piece)
      serve(new TLSSocket(stream, { isServer: true, ...pem }), 'tls')
    }
    serve(raw, 'clear')
    raw.write('220 hop ESMTP\r\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const open = (port: number, tls: SmtpTarget['tls'], more: Partial<SmtpTarget> = {}): Promise<SmtpConnection | Error> =>
  openSmtpConnection({
    target: { host: '127.0.0.1', port, protocol: 'smtp', tls, ...more },
    helo: 'mx.test',
    clock: systemClock,
    timeouts: { command: 2000, greeting: 2000 },
  }).catch((error: unknown) => error as Error)

const injections: [string, string[]][] = [
  ['a whole reply in the same piece', ['220 go on\r\n250-evil\r\n250-AUTH PLAIN\r\n250 XEVIL\r\n']],
  ['a reply without an end in the same piece', ['220 go on\r\n250-evil\r\n250-AUTH PLAIN\r\n250-XEVIL\r\n']],
  ['half a line in the same piece', ['220 go on\r\n250-XEVIL']],
  ['a whole reply in a piece of its own', ['220 go on\r\n', '250-evil\r\n250 XEVIL\r\n']],
  ['half a line in a piece of its own', ['220 go on\r\n', '250-XEVIL']],
]

describe.each(injections)('%s', (_name, pieces) => {
  test.each(['required', 'opportunistic'] as const)('tls %s: nothing of it is believed', async (tls) => {
    const port = await hop(pieces)
    // a password must never be said because of it
    const more =
      tls === 'opportunistic' ? { username: 'u', password: 'p' } : { trust: { ca: pem.cert, name: 'hop.test' } }
    const connection = await open(port, tls, more)
    expect(heard.filter((one) => one.endsWith('AUTH'))).toEqual([])
    expect(heard.filter((one) => one === 'clear EHLO').length).toBeLessThanOrEqual(2)
    if (connection instanceof Error) return
    expect([...connection.capabilities.all.keys()]).not.toContain('XEVIL')
    expect(connection.capabilities.size).toBe(4242)
    connection.destroy()
  })
})

test.each(['required', 'opportunistic'] as const)('where nothing is injected it works, tls %s', async (tls) => {
  const port = await hop(['220 go on\r\n'])
  const connection = await open(port, tls, { trust: { ca: pem.cert, name: 'hop.test' } })
  if (connection instanceof Error) throw connection
  expect(connection.tls).toMatch(/^TLSv1/)
  expect(connection.capabilities.size).toBe(4242)
  connection.destroy()
})

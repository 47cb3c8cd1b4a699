/** A next hop in the bench's own process that offers what smtp-sink does not: STARTTLS and SMTPUTF8. It counts and keeps nothing. */
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import { selfSigned } from '../../server/src/platform/certificate.ts'

export interface EdgeSink {
  port: number
  received(): number
  /** those of them that came encrypted */
  encrypted(): number
  /** those whose MAIL said SMTPUTF8 */
  international(): number
  stop(): Promise<void>
}

const DOT = '\r\n.\r\n'

export async function createEdgeSink({ tls }: { tls: boolean }): Promise<EdgeSink> {
  const secureContext = createSecureContext(selfSigned(['sink.test'], Date.now()))
  const sockets = new Set<Socket>()
  const count = { received: 0, encrypted: 0, international: 0 }

  function speak(stream: Socket, isSecure: boolean): void {
    let inData = false
    let isInternational = false
    let rest = ''
    const offer = [
      'sink.test',
      'PIPELINING',
      '8BITMIME',
      'SMTPUTF8',
      ...(tls && !isSecure ? ['STARTTLS'] : []),
      'SIZE 0',
    ]
    const hello = offer.map((word, n) => `250${n < offer.length - 1 ? '-' : ' '}${word}\r\n`).join('')
    /** True: what comes next is for another reader. */
    function onLine(line: string): boolean {
      const verb = line.slice(0, 4).toUpperCase()
      if (verb === 'EHLO') stream.write(hello)
      else if (verb === 'STAR') {
        stream.removeAllListeners('data')
        stream.write('220 go on\r\n')
        const secure = new TLSSocket(stream, { isServer: true, secureContext })
        secure.on('error', () => stream.destroy())
        speak(secure, true)
        return true
      } else if (verb === 'DATA') {
        inData = true
        stream.write('354 go on\r\n')
      } else if (verb === 'QUIT') stream.end('221 bye\r\n')
      else {
        if (verb === 'MAIL') isInternational = line.includes('SMTPUTF8')
        stream.write('250 ok\r\n')
      }
      return false
    }
    stream.on('data', (chunk: Buffer) => {
      const text = rest + chunk.toString('latin1')
      let at = 0
      for (;;) {
        const end = text.indexOf(inData ? DOT : '\r\n', at)
        if (end < 0) break
        if (!inData) {
          const line = text.slice(at, end)
          at = end + 2
          if (onLine(line)) return
          continue
        }
        at = end + DOT.length
        inData = false
        count.received += 1
        if (isSecure) count.encrypted += 1
        if (isInternational) count.international += 1
        stream.write('250 taken\r\n')
      }
      // of a message only what may be the beginning of its end
      rest = inData ? text.slice(Math.max(at, text.length - DOT.length + 1)) : text.slice(at)
    })
  }

  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    socket.write('220 sink.test ESMTP\r\n')
    speak(socket, false)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 1024, resolve))
  return {
    port: (server.address() as AddressInfo).port,
    received: () => count.received,
    encrypted: () => count.encrypted,
    international: () => count.international,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

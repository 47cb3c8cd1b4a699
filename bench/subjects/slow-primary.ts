/**
 * A primary in this process: it takes what it gets after a while of its own, as real ones look into a message before they
 * answer, and refuses at the final dot what is marked for it. It remembers what it took, to count what came twice.
 */
import { createServer, type AddressInfo, type Socket } from 'node:net'

export interface SlowPrimary {
  port: number
  /** milliseconds before the reply to the final dot */
  takes: number
  /** messages taken, by nonce */
  taken: Map<string, number>
  refused(): number
  close(): Promise<void>
}

/** A header line that makes it refuse the message. */
export const REFUSE = 'X-Refuse: yes'

export async function startSlowPrimary(): Promise<SlowPrimary> {
  const sockets = new Set<Socket>()
  const taken = new Map<string, number>()
  let refused = 0

  function judge(message: string): string {
    if (message.includes(REFUSE)) {
      refused++
      return '550 5.7.1 Refused by policy\r\n'
    }
    const nonce = /^X-Nonce: (\S+)/m.exec(message)?.[1] ?? ''
    taken.set(nonce, (taken.get(nonce) ?? 0) + 1)
    return '250 2.0.0 Ok\r\n'
  }
  function serve(socket: Socket): void {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    socket.setNoDelay(true)
    let text = ''
    let inData = false
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      for (;;) {
        const end = text.indexOf(inData ? '\r\n.\r\n' : '\r\n')
        if (end < 0) return
        const piece = text.slice(0, end)
        text = text.slice(end + (inData ? 5 : 2))
        if (inData) {
          inData = false
          const reply = judge(piece)
          setTimeout(() => socket.write(reply), primary.takes)
        } else if (piece === 'DATA') {
          inData = true
          socket.write('354 go on\r\n')
        } else if (/^EHLO/.test(piece)) socket.write('250-primary\r\n250 PIPELINING\r\n')
        else socket.write(piece === 'QUIT' ? '221 bye\r\n' : '250 2.0.0 Ok\r\n')
      }
    })
    socket.write('220 primary ESMTP\r\n')
  }

  const server = createServer(serve)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const primary: SlowPrimary = {
    port: (server.address() as AddressInfo).port,
    takes: 0,
    taken,
    refused: () => refused,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
  return primary
}

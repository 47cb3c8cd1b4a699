/** A queue before the mailboxes: what Postfix brings here goes on to Dovecot (LMTP) so many seconds later. */
import { connect, createServer, type Socket } from 'node:net'

export interface SlowDoor {
  close(): Promise<void>
}

export async function startSlowDoor(options: {
  port: number
  upstream: () => number
  seconds: number
}): Promise<SlowDoor> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    let other: Socket | null = null
    const timer = setTimeout(() => {
      other = connect(options.upstream(), '127.0.0.1')
      other.on('error', () => socket.destroy()).on('close', () => socket.destroy())
      socket.pipe(other).pipe(socket)
    }, options.seconds * 1000)
    sockets.add(socket)
    socket
      .on('error', () => undefined)
      .on('close', () => {
        clearTimeout(timer)
        sockets.delete(socket)
        other?.destroy()
      })
  })
  await new Promise<void>((resolve) => server.listen(options.port, '127.0.0.1', resolve))
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** Ports for the demo: the wished one if it is free, else any. All on loopback. */
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'

const tryListen = (server: Server, port: number): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false)
      else reject(error)
    }
    server.once('error', failed)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', failed)
      resolve(true)
    })
  })

/** Listens on the port, or on any free one where it is taken. */
export async function listenSomewhere(server: Server, port: number): Promise<void> {
  if (!(await tryListen(server, port))) await tryListen(server, 0)
}

/** The port itself if nobody has it, else a free one. */
export async function choosePort(wished: number): Promise<number> {
  const server = createServer()
  await listenSomewhere(server, wished)
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

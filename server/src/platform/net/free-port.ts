/** Can a port be listened on just now? For `doctor`; a server that wants the port simply takes it. */
import { createServer } from 'node:net'

/** null: it is free; else the system's word (EADDRINUSE, EACCES, EADDRNOTAVAIL). */
export function portProblem(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen(port, host, () => server.close(() => resolve(null)))
  })
}

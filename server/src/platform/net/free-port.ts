/** Can a port be listened on just now, and what to do where it can't? For `doctor`, and for `serve` before it makes anything. */
import { createServer } from 'node:net'

/** null: it is free; else the system's word (EADDRINUSE, EACCES, EADDRNOTAVAIL). */
export function portProblem(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen(port, host, () => server.close(() => resolve(null)))
  })
}

/** `setting`: the listener's path in the configuration, e.g. listen.mx */
export function portRemedy(problem: string, setting: string, port: number): string {
  if (problem === 'EACCES')
    return `Ports below 1024 need a right: systemd AmbientCapabilities=CAP_NET_BIND_SERVICE, or set ${setting}.port to one above 1023.`
  if (problem === 'EADDRINUSE')
    return `Another program listens there (find it: ss -ltnp 'sport = :${port}'); stop it, or set ${setting}.port to another.`
  return `Set ${setting}.host to an address of this machine.`
}

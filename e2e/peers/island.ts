/**
 * A network of its own for Holdfast, which may lose its uplink while the machine's stays as it is: a namespace with nothing
 * but loopback and some addresses of the world, each with a mail system of ours behind it. Where it has no such address any
 * more the kernel says ENETUNREACH, as on a machine without a route. Needs root.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { peerFolder, stopPid } from './processes.ts'

export interface Island {
  /** what a program is started by to live there */
  under: readonly string[]
  /** Ports of this machine's loopback for those of the loopback there. */
  bridge<T extends object>(ports: T): Promise<T>
  /** All addresses of the world are gone, or there again. */
  setUplink(isThere: boolean): void
  remove(): Promise<void>
}

/** Some machines give root no network to arrange. */
export function mayMakeIslands(): boolean {
  try {
    execFileSync('unshare', ['--net', 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** `world`: addresses there, and the port of this machine that answers at each. */
export async function makeIsland(world: readonly { host: string; port: number; upstream: number }[]): Promise<Island> {
  const folder = peerFolder('island')
  const servers: Server[] = []
  const sockets = new Set<Socket>()
  const serve = async (target: () => Socket, where: string | { host: string; port: number }): Promise<Server> => {
    const server = createServer((one) => {
      const other = target()
      for (const socket of [one, other]) {
        sockets.add(socket)
        socket.on('error', () => undefined)
        socket.on('close', () => {
          sockets.delete(socket)
          one.destroy()
          other.destroy()
        })
      }
      one.pipe(other).pipe(one)
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(where, () => resolve()))
    return server
  }

  for (const [i, { upstream }] of world.entries())
    await serve(() => connect(upstream, '127.0.0.1'), join(folder, `out-${i}`))
  const addresses = (act: 'add' | 'del'): string =>
    world.map(({ host }) => `ip addr ${act} ${host}/32 dev lo`).join(' && ')
  const gate = [join(import.meta.dirname, 'island-gate.mjs'), folder]
  const doors = world.map(({ host, port }) => `${host}:${port}`)
  const script = `ip link set lo up && ${addresses('add')} && exec "$@"`
  const child: ChildProcess = spawn(
    'unshare',
    ['--net', 'sh', '-c', script, 'sh', process.execPath, ...gate, ...doors],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const remove = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    for (const server of servers) server.close()
    await stopPid(child.pid ?? null)
    rmSync(folder, { recursive: true, force: true })
  }
  const isUp = await new Promise<boolean>((resolve) => {
    child.stdout!.once('data', () => resolve(true))
    child.once('exit', () => resolve(false))
  })
  if (!isUp) {
    await remove()
    throw new Error('the network of its own did not come about')
  }
  const under = ['nsenter', `--net=/proc/${child.pid}/ns/net`]
  return {
    under,
    async bridge(ports) {
      const bridged = Object.entries(ports).map(async ([name, port]) => {
        const server = await serve(
          () => {
            const socket = connect(join(folder, 'in'))
            socket.write(`${port}\n`)
            return socket
          },
          { host: '127.0.0.1', port: 0 },
        )
        return [name, (server.address() as AddressInfo).port] as const
      })
      return Object.fromEntries(await Promise.all(bridged)) as typeof ports
    },
    setUplink(isThere) {
      const [command, ...rest] = [...under, 'sh', '-c', addresses(isThere ? 'add' : 'del')]
      execFileSync(command, rest)
    },
    remove,
  }
}

/**
 * A next hop in the bench's own process that notes when each message arrives, by its X-Bench line. It can also be a bad
 * one: `dead` refuses connections, `silent` takes them and never says a word, `slow` takes a second for each message.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { freePort } from '../../e2e/peers/processes.ts'

export type Health = 'good' | 'dead' | 'silent' | 'slow'

export interface TimedSink {
  port: number
  /** X-Bench value → performance.now() of its final dot */
  arrivals: Map<string, number>
  received(): number
  become(health: Health): Promise<void>
  stop(): Promise<void>
}

const SLOW_MS = 1000
const DOT = Buffer.from('\r\n.\r\n')

export async function createTimedSink(): Promise<TimedSink> {
  const port = await freePort()
  const arrivals = new Map<string, number>()
  const sockets = new Set<Socket>()
  let received = 0
  let health: Health = 'dead'
  let server: Server | null = null

  function take(message: Buffer): void {
    received++
    const name = /^X-Bench: (\S+)/m.exec(message.toString('latin1', 0, 4096))?.[1]
    if (name !== undefined && !arrivals.has(name)) arrivals.set(name, performance.now())
  }

  function speak(socket: Socket): void {
    let input = Buffer.alloc(0)
    let inData = false
    const onLine = (line: string): void => {
      const verb = line.slice(0, 4).toUpperCase()
      if (verb === 'EHLO') socket.write('250-sink.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n')
      else if (verb === 'DATA') {
        inData = true
        socket.write('354 go on\r\n')
      } else if (verb === 'QUIT') socket.end('221 bye\r\n')
      else socket.write('250 ok\r\n')
    }
    socket.write('220 sink.test ESMTP\r\n')
    socket.on('data', (chunk) => {
      const searched = Math.max(0, input.length - DOT.length)
      input = input.length === 0 ? chunk : Buffer.concat([input, chunk])
      for (let from = searched; ; from = 0) {
        const end = inData ? input.indexOf(DOT, from) : input.indexOf('\r\n')
        if (end < 0) return
        if (inData) {
          take(input.subarray(0, end))
          inData = false
          const reply = (): void => {
            if (!socket.destroyed) socket.write('250 taken\r\n')
          }
          if (health === 'slow') setTimeout(reply, SLOW_MS)
          else reply()
          input = input.subarray(end + DOT.length)
        } else {
          const line = input.toString('latin1', 0, end)
          input = input.subarray(end + 2)
          onLine(line)
        }
      }
    })
  }

  async function close(): Promise<void> {
    const old = server
    server = null
    if (!old) return
    const closed = new Promise((resolve) => old.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  }

  const sink: TimedSink = {
    port,
    arrivals,
    received: () => received,
    async become(wanted) {
      await close()
      health = wanted
      if (wanted === 'dead') return
      const listening = createServer({ noDelay: true }, (socket) => {
        sockets.add(socket)
        socket.on('error', () => socket.destroy())
        socket.on('close', () => sockets.delete(socket))
        if (health !== 'silent') speak(socket)
      })
      await new Promise<void>((resolve) => listening.listen(port, '127.0.0.1', 1024, resolve))
      server = listening
    },
    stop: close,
  }
  await sink.become('good')
  return sink
}

/**
 * A scripted line client for conversation tests: sends exactly the bytes it is told, in the pieces it is told, and hands
 * back every reply with its raw text. Knows nothing of the product.
 */
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'

export interface LineReply {
  code: number
  /** without the numbers */
  lines: string[]
  raw: string
}

export interface LineClient {
  readonly socket: Socket
  send(bytes: string | Buffer): void
  /** `text` and CRLF, then the next reply */
  command(text: string): Promise<LineReply>
  /** the next reply; rejects when the connection ends or nothing comes in time */
  reply(): Promise<LineReply>
  replies(count: number): Promise<LineReply[]>
  /** resolves with the replies not yet asked for when the server has ended the connection */
  ended(): Promise<LineReply[]>
  /** resolves when every byte has been handed over; false when it has to wait longer than `ms` */
  flushed(ms: number): Promise<boolean>
  startTls(options?: ConnectionOptions): Promise<void>
  /** everything received, as text */
  transcript(): string
  /** pieces the kernel handed over, to see what was written together */
  chunks(): number
  finish(): void
  destroy(): void
}

export async function openLineClient(
  port: number,
  options: { timeoutMs?: number; localAddress?: string } = {},
): Promise<LineClient> {
  const timeoutMs = options.timeoutMs ?? 10_000
  const { localAddress } = options
  let socket: Socket = connect({
    port,
    host: '127.0.0.1',
    allowHalfOpen: true,
    noDelay: true,
    ...(localAddress === undefined ? {} : { localAddress }),
  })
  let rest = ''
  let lines: string[] = []
  let raw = ''
  let transcript = ''
  let chunks = 0
  let over = false
  let failed: Error | null = null
  const ready: LineReply[] = []
  let given = 0
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const one of [...waiting]) one()
  }

  function take(chunk: Buffer): void {
    chunks++
    transcript += chunk.toString('latin1')
    rest += chunk.toString('utf8')
    for (let at = rest.indexOf('\r\n'); at >= 0; at = rest.indexOf('\r\n')) {
      const line = rest.slice(0, at)
      rest = rest.slice(at + 2)
      raw += line + '\r\n'
      if (!/^[2-5][0-9]{2}[ -]/.test(line)) failed ??= new Error(`not a reply line: ${JSON.stringify(line)}`)
      lines.push(line.slice(4))
      if (line[3] === '-') continue
      ready.push({ code: Number(line.slice(0, 3)), lines, raw })
      lines = []
      raw = ''
    }
    wake()
  }

  function listen(): void {
    const end = (): void => {
      over = true
      wake()
    }
    socket.on('data', take)
    socket.on('end', end)
    socket.on('close', end)
    socket.on('error', end)
  }

  function until<T>(what: string, look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = (run: () => void): void => {
        waiting.delete(check)
        clearTimeout(timer)
        run()
      }
      const check = (): void => {
        const found = look()
        if (found !== undefined) done(() => resolve(found))
        else if (failed) done(() => reject(failed!))
        else if (over)
          done(() =>
            reject(new Error(`the connection ended while waiting for ${what}; last: ${transcript.slice(-200)}`)),
          )
      }
      const timer = setTimeout(
        () => done(() => reject(new Error(`no ${what} within ${timeoutMs} ms; last: ${transcript.slice(-200)}`))),
        timeoutMs,
      )
      waiting.add(check)
      check()
    })
  }

  const client: LineClient = {
    get socket() {
      return socket
    },
    send: (bytes) => void socket.write(bytes),
    command(text) {
      socket.write(text + '\r\n')
      return client.reply()
    },
    reply() {
      const next = ready[given]
      if (next) given++
      return next ? Promise.resolve(next) : until('reply', () => (given < ready.length ? ready[given++] : undefined))
    },
    async replies(count) {
      const all: LineReply[] = []
      while (all.length < count) all.push(await client.reply())
      return all
    },
    ended: () => until('end of the connection', () => (over ? ready.slice(given) : undefined)),
    flushed: (ms) =>
      new Promise((resolve) => {
        if (socket.writableLength === 0) return resolve(true)
        const timer = setTimeout(() => resolve(false), ms)
        socket.once('drain', () => {
          clearTimeout(timer)
          resolve(true)
        })
      }),
    async startTls(options) {
      socket.removeAllListeners()
      const secure = connectTls({ socket, rejectUnauthorized: false, ...options })
      await new Promise<void>((resolve, reject) => {
        secure.once('secureConnect', resolve)
        secure.once('error', reject)
        secure.once('close', () => reject(new Error('closed during the handshake')))
      })
      secure.removeAllListeners('error')
      socket = secure
      listen()
    },
    transcript: () => transcript,
    chunks: () => chunks,
    finish: () => void socket.end(),
    destroy: () => void socket.destroy(),
  }
  listen()
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return client
}

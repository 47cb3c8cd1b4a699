/**
 * A next hop whose every answer a test decides; what the test leaves alone is answered by the book. Unlike the stand-in it
 * keeps no mail and speaks STARTTLS and AUTH in as many broken ways as a test needs.
 */
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

export interface HeardLine {
  line: string
  /** 1 is the first connection */
  connection: number
  encrypted: boolean
}

export interface NextHopOptions {
  extensions?: readonly string[]
  /** STARTTLS is offered: `broken` says yes and then speaks no TLS */
  tls?: { cert: string; key: string; requestCert?: boolean; rejectUnauthorized?: boolean } | 'broken'
  /** instead of 220, and that is all of this connection; undefined: 220 */
  greeting?: (at: { connection: number; open: number }) => string | undefined
  /** the reply to a line, without its CRLF; undefined: by the book; null: the connection is closed */
  answer?: (heard: HeardLine) => string | null | undefined
}

export interface NextHop {
  port: number
  /** commands and lines of messages, in order */
  heard: HeardLine[]
  /** the commands alone, with their connection's state: `clear EHLO`, `tls AUTH` */
  story(): string[]
  connections(): number
  /** so many were open at the same time */
  mostAtOnce(): number
  close(): Promise<void>
}

export async function startNextHop(options: NextHopOptions = {}): Promise<NextHop> {
  const heard: HeardLine[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  let open = 0
  let mostAtOnce = 0

  function serve(raw: Socket): void {
    const connection = ++connections
    sockets.add(raw)
    mostAtOnce = Math.max(mostAtOnce, ++open)
    let isOpen = true
    const leave = (): void => {
      if (isOpen) open--
      isOpen = false
    }
    raw.on('close', leave)
    raw.on('error', () => undefined)
    let stream = raw
    let inData = false
    let rest = ''

    const hello = (): string => {
      const offer = [...(options.extensions ?? ['PIPELINING']), ...(options.tls && stream === raw ? ['STARTTLS'] : [])]
      return ['hop', ...offer].map((word, i) => `250${i < offer.length ? '-' : ' '}${word}`).join('\r\n')
    }
    const byTheBook = (line: string): string => {
      if (inData) return line === '.' ? '250 2.0.0 Ok' : ''
      if (/^(EHLO|LHLO)/.test(line)) return hello()
      if (line === 'DATA') return '354 go on'
      return line === 'QUIT' ? '221 bye' : line === 'STARTTLS' ? '220 go on' : '250 2.0.0 Ok'
    }
    function onLine(line: string): void {
      const one = { line, connection, encrypted: stream !== raw }
      heard.push(one)
      const told = options.answer?.(one)
      if (told === null) return void raw.destroy()
      const reply = told ?? byTheBook(line)
      if (reply !== '') stream.write(`${reply}\r\n`)
      if (!inData && line === 'QUIT') {
        leave()
        return void stream.end()
      }
      if (inData) inData = line !== '.'
      else if (line === 'DATA') inData = reply.startsWith('354')
      else if (line === 'STARTTLS' && reply.startsWith('220')) secure()
    }
    function onData(chunk: Buffer): void {
      rest += chunk.toString()
      for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
        const line = rest.slice(0, end)
        rest = rest.slice(end + 2)
        onLine(line)
      }
    }
    function secure(): void {
      raw.removeAllListeners('data')
      if (options.tls === 'broken') return void raw.write('this is not TLS\r\n')
      stream = new TLSSocket(raw, { isServer: true, ...options.tls })
      stream.on('error', () => undefined)
      stream.on('data', onData)
    }
    raw.on('data', onData)
    const refusal = options.greeting?.({ connection, open })
    if (refusal === undefined) raw.write('220 hop ESMTP\r\n')
    else {
      leave()
      raw.end(`${refusal}\r\n`)
    }
  }

  const server = createServer(serve)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    heard,
    story: () =>
      heard
        .filter(({ line }) => /^(EHLO|LHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|RSET|QUIT)/.test(line))
        .map(({ line, encrypted }) => `${encrypted ? 'tls' : 'clear'} ${line.split(' ')[0]!}`),
    connections: () => connections,
    mostAtOnce: () => mostAtOnce,
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      })
    },
  }
}

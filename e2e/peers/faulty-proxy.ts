/**
 * A proxy before a real mail server that does to SMTP what a row of the fault table says, and nothing otherwise. It speaks in
 * lock step (PIPELINING and CHUNKING are not passed on) and holds a message until its final dot, so that what a fault says
 * about a message is what became of it. TLS ends here.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Injection } from '../../server/testkit/faults/fault-table.ts'
import { sleep } from './processes.ts'

export interface ProxyTls {
  valid: { key: string; cert: string }
  expired: { key: string; cert: string }
}

export interface FaultyProxy {
  readonly port: number
  setFault(fault: Injection | null): Promise<void>
  close(): Promise<void>
}

/** Faults that show at the beginning of a connection: those that are open end with them. */
const fromTheStart = new Set<Injection['act']>([
  'refuse',
  'blackhole',
  'strip-tls',
  'break-tls',
  'expired-tls',
  'trickle',
])
const isFromTheStart = (fault: Injection | null): boolean =>
  fault !== null &&
  (fromTheStart.has(fault.act) ||
    fault.act === 'slow' ||
    ('at' in fault && (fault.at === 'connect' || fault.at === 'starttls')))

/**
 * Takes connections of `port` and never looks at them: when its queue is full the kernel drops what else arrives. Where the
 * machine has no such address there is nothing to be reached either.
 */
export async function startBlackhole(port: number, host: string): Promise<() => void> {
  const script = `require('net').createServer().listen({port:${port},host:'${host}',backlog:1},()=>console.log('up'))`
  const child: ChildProcess = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  await new Promise((resolve) => {
    child.stdout!.once('data', resolve)
    child.once('exit', resolve)
  })
  child.kill('SIGSTOP')
  const fillers = Array.from({ length: 6 }, () => connect(port, host).on('error', () => undefined))
  return () => {
    for (const filler of fillers) filler.destroy()
    child.kill('SIGKILL')
  }
}

export async function startFaultyProxy(options: {
  upstream: number
  host?: string
  tls?: ProxyTls
}): Promise<FaultyProxy> {
  const host = options.host ?? '127.0.0.1'
  const sockets = new Set<Socket>()
  let fault: Injection | null = null
  let port = 0
  let attempts = 0
  let endBlackhole: (() => void) | null = null
  let flapping: NodeJS.Timeout | null = null

  /** Of ten in turn, so many, spread: never two together up to five of ten. */
  function replyAt(at: 'connect' | 'starttls' | 'rcpt' | 'dot'): string | null {
    if (fault?.act !== 'reply' || fault.at !== at) return null
    const { of10 = 10 } = fault
    return (attempts++ * of10) % 10 < of10 ? fault.reply : null
  }
  const hangsAt = (at: 'connect' | 'dot'): boolean => fault?.act === 'hang' && fault.at === at

  function serve(raw: Socket): void {
    let client: Socket = raw
    let rest = Buffer.alloc(0)
    let body: Buffer[] | null = null
    let isOver = false
    const upstream = connect(options.upstream, '127.0.0.1')
    let answers = ''
    let waiting: ((reply: string) => void) | null = null

    const end = (): void => {
      isOver = true
      client.destroy()
      raw.destroy()
      upstream.destroy()
      sockets.delete(raw)
    }
    sockets.add(raw)
    for (const socket of [raw, upstream]) socket.on('error', end).on('close', end)

    upstream.on('data', (chunk: Buffer) => {
      answers += chunk.toString('latin1')
      const whole = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\r?\n/.exec(answers)
      if (!whole || !waiting) return
      answers = answers.slice(whole[0].length)
      const resolve = waiting
      waiting = null
      resolve(whole[0])
    })
    const heard = (): Promise<string> =>
      new Promise((resolve) => {
        waiting = resolve
        if (answers !== '') upstream.emit('data', Buffer.alloc(0))
      })
    const ask = (line: string | Buffer): Promise<string> => {
      upstream.write(line)
      return heard()
    }

    async function say(text: string): Promise<void> {
      const spell = fault
      if (spell?.act === 'slow') await sleep(spell.by * 1000)
      if (spell?.act === 'trickle')
        for (const byte of text) {
          if (isOver) return
          client.write(byte)
          await sleep(spell.every * 1000)
        }
      else if (!isOver) client.write(text)
    }

    async function hello(line: string): Promise<void> {
      const lines = (await ask(line)).trimEnd().split('\r\n')
      const offered = lines
        .map((one) => one.slice(4))
        .filter((word) => !/^(PIPELINING|CHUNKING|STARTTLS)/.test(word))
        .concat(options.tls && client === raw && fault?.act !== 'strip-tls' ? ['STARTTLS'] : [])
      await say(offered.map((word, i) => `250${i < offered.length - 1 ? '-' : ' '}${word}\r\n`).join(''))
    }

    async function secure(): Promise<void> {
      const reply = replyAt('starttls')
      if (reply !== null) return say(`${reply}\r\n`)
      await say('220 2.0.0 go on\r\n')
      if (fault?.act === 'break-tls') return void client.write('this is not TLS\r\n')
      raw.removeAllListeners('data')
      const pair = fault?.act === 'expired-tls' ? options.tls!.expired : options.tls!.valid
      client = new TLSSocket(raw, { isServer: true, ...pair })
      client.on('error', end).on('data', onData)
    }

    async function message(whole: Buffer): Promise<void> {
      if (hangsAt('dot')) return
      const reply = replyAt('dot')
      if (reply !== null) {
        await ask('RSET\r\n')
        return say(`${reply}\r\n`)
      }
      const go = await ask('DATA\r\n')
      return say(go.startsWith('354') ? await ask(whole) : go)
    }

    async function command(line: string): Promise<void> {
      const verb = line.slice(0, 4).toUpperCase()
      if (verb === 'EHLO' || verb === 'HELO') return hello(line)
      // Struck from the list it is not understood either.
      if (verb === 'STAR' && options.tls && fault?.act !== 'strip-tls') return secure()
      if (verb === 'DATA') {
        body = []
        return say('354 go on\r\n')
      }
      const reply = verb === 'RCPT' ? replyAt('rcpt') : null
      return say(reply === null ? await ask(line) : `${reply}\r\n`)
    }

    /** False: more bytes are needed. */
    async function step(): Promise<boolean> {
      if (isOver) return false
      if (body !== null) {
        if (fault?.act === 'disconnect-data' && rest.length > 0) return (end(), false)
        const all = Buffer.concat([...body, rest])
        const at = all.indexOf('\r\n.\r\n')
        if (at < 0) return ((body = [all]), (rest = Buffer.alloc(0)), false)
        body = null
        rest = all.subarray(at + 5)
        await message(all.subarray(0, at + 5))
        return true
      }
      const at = rest.indexOf('\r\n')
      if (at < 0) return false
      const line = rest.toString('latin1', 0, at + 2)
      rest = rest.subarray(at + 2)
      await command(line)
      return true
    }
    let queue = Promise.resolve()
    const onData = (chunk: Buffer): void => {
      queue = queue
        .then(async () => {
          rest = Buffer.concat([rest, chunk])
          while (await step());
        })
        .catch(end)
    }
    queue = queue
      .then(async () => {
        const greeting = await heard()
        if (hangsAt('connect')) return
        const reply = replyAt('connect')
        await say(reply === null ? greeting : `${reply}\r\n`)
        if (reply !== null) client.end()
      })
      .catch(end)
    raw.on('data', (chunk: Buffer) => {
      if (!hangsAt('connect')) onData(chunk)
    })
  }

  const server = createServer(serve)
  const listen = (): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, () => {
        server.off('error', reject)
        port = (server.address() as AddressInfo).port
        resolve()
      })
    })
  const hush = (): Promise<void> =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy()
      if (server.listening) server.close(() => resolve())
      else resolve()
    })
  async function heal(): Promise<void> {
    if (flapping) clearInterval(flapping)
    flapping = null
    endBlackhole?.()
    endBlackhole = null
    for (const socket of sockets) socket.destroy()
    // Whoever had the port meanwhile may take a moment to let it go.
    for (let tries = 0; !server.listening; tries++)
      await listen().catch(async (error: unknown) => {
        if (tries > 50) throw error
        await sleep(100)
      })
  }

  await listen()
  return {
    get port() {
      return port
    },
    async setFault(next) {
      fault = next
      attempts = 0
      if (next === null) return heal()
      if (isFromTheStart(next)) for (const socket of sockets) socket.destroy()
      if (next.act === 'refuse' || next.act === 'blackhole') await hush()
      if (next.act === 'blackhole') endBlackhole = await startBlackhole(port, host)
      if (next.act === 'flap') {
        await hush()
        flapping = setInterval(() => void (server.listening ? hush() : listen()), next.seconds * 1000)
      }
    },
    async close() {
      if (flapping) clearInterval(flapping)
      endBlackhole?.()
      await hush()
    },
  }
}

/**
 * One question to one name server: over UDP from a port of its own each time, over TCP where the answer did not fit
 * (RFC 7766). What is not an answer to this very question (id, name, type, the server's address and port) is not looked at:
 * whoever wants to slip one in must guess id and port (RFC 5452).
 */
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { Clock } from '../../platform/clock.ts'
import { DnsSyntax, encodeQuestion, readReply, type RecordType, type Reply } from '../../protocols/dns/message.ts'

export interface NameServer {
  address: string
  port: number
  /** it is on this machine: nobody stands between it and us */
  isLocal: boolean
}

/** Nobody knows: no answer, or one that says so. */
export class DnsFailure extends Error {
  readonly code: string

  constructor(code: string, text: string) {
    super(text)
    this.name = 'DnsFailure'
    this.code = code
  }
}

/** RFC 1035 section 4.1.1, RFC 2136 section 2.2. */
const RCODES: Record<number, string> = { 1: 'FORMERR', 2: 'SERVFAIL', 4: 'NOTIMP', 5: 'REFUSED' }
export const rcodeName = (rcode: number): string => RCODES[rcode] ?? `RCODE${rcode}`

/** `address`, `address:port` or `[address]:port`. Throws for anything else. */
export function parseNameServer(text: string): NameServer {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([0-9.]+))(?::([0-9]{1,5}))?$/.exec(text) ?? []
  const address = bracketed ?? plain ?? text
  const number = port === undefined ? 53 : Number(port)
  if (isIP(address) === 0 || number < 1 || number > 65535)
    throw new Error(`${text} is not the address of a name server`)
  return { address, port: number, isLocal: ipaddr.process(address.split('%')[0]!).range() === 'loopback' }
}

interface Wish<T extends RecordType> {
  server: NameServer
  name: string
  type: T
  clock: Clock
  timeoutMs: number
}

/** Throws DnsFailure, and DnsSyntax for a name that is none. */
export async function exchange<T extends RecordType>(wish: Wish<T>): Promise<Reply<T>> {
  const reply = await overUdp(wish, true)
  const old = rcodeName(reply.rcode)
  // RFC 6891 section 7: a server that does not know EDNS is asked without it.
  const plain = old === 'FORMERR' || old === 'NOTIMP' ? await overUdp(wish, false) : reply
  return plain.truncated ? overTcp(wish) : plain
}

const broken = ({ server }: { server: NameServer }, what: string, code = 'BADRESP'): DnsFailure =>
  new DnsFailure(code, `${server.address} ${what}`)

/** null: it is no answer to the question. */
function read<T extends RecordType>(wish: Wish<T>, id: number, bytes: Buffer): Reply<T> | null {
  try {
    return readReply(bytes, { id, name: wish.name, type: wish.type })
  } catch (error) {
    if (!(error instanceof DnsSyntax)) throw error
    throw broken(wish, `gave an answer that cannot be read: ${error.message}`)
  }
}

function overUdp<T extends RecordType>(wish: Wish<T>, edns: boolean): Promise<Reply<T>> {
  const { server, clock, timeoutMs } = wish
  const id = randomInt(65_536)
  const question = encodeQuestion(id, wish.name, wish.type, edns)
  const socket = createSocket(isIP(server.address) === 6 ? 'udp6' : 'udp4')
  return new Promise<Reply<T>>((resolve, reject) => {
    const timer = clock.after(timeoutMs, () => end(() => reject(broken(wish, 'does not answer', 'TIMEOUT'))))
    let isOver = false
    function end(tell: () => void): void {
      if (isOver) return
      isOver = true
      timer.cancel()
      socket.close()
      tell()
    }
    const failed = (error: NodeJS.ErrnoException): void =>
      end(() => reject(broken(wish, `cannot be asked (${error.code ?? error.message})`, error.code ?? 'SOCKET')))
    socket.on('error', failed)
    socket.on('message', (bytes) => {
      try {
        const reply = read(wish, id, bytes)
        if (reply) end(() => resolve(reply))
      } catch (error) {
        end(() => reject(error))
      }
    })
    // A connected socket hears its server alone, and learns at once that nobody listens there.
    // Without a way there the callback is told, and no event comes.
    socket.connect(server.port, server.address, ((error?: NodeJS.ErrnoException) => {
      if (error) failed(error)
      else if (!isOver) socket.send(question)
    }) as () => void)
  })
}

function overTcp<T extends RecordType>(wish: Wish<T>): Promise<Reply<T>> {
  const { server, clock, timeoutMs } = wish
  const id = randomInt(65_536)
  const question = encodeQuestion(id, wish.name, wish.type)
  const socket = connect(server.port, server.address)
  return new Promise<Reply<T>>((resolve, reject) => {
    const timer = clock.after(timeoutMs, () => end(() => reject(broken(wish, 'does not answer over TCP', 'TIMEOUT'))))
    function end(tell: () => void): void {
      timer.cancel()
      socket.destroy()
      tell()
    }
    let came = Buffer.alloc(0)
    socket.on('connect', () => {
      const head = Buffer.alloc(2)
      head.writeUInt16BE(question.length)
      socket.write(Buffer.concat([head, question]))
    })
    socket.on('error', (error: NodeJS.ErrnoException) =>
      end(() => reject(broken(wish, `cannot be asked over TCP (${error.code ?? error.message})`, error.code))),
    )
    socket.on('close', () => end(() => reject(broken(wish, 'closed the connection without an answer'))))
    socket.on('data', (chunk: Buffer) => {
      came = Buffer.concat([came, chunk])
      // Its two octets of length say how much there can be.
      if (came.length < 2 || came.length < 2 + came.readUInt16BE(0)) return
      try {
        const reply = read(wish, id, came.subarray(2, 2 + came.readUInt16BE(0)))
        if (reply === null || reply.truncated) throw broken(wish, 'gave something else than an answer over TCP')
        end(() => resolve(reply))
      } catch (error) {
        end(() => reject(error))
      }
    })
  })
}

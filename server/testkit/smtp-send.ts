/**
 * A small SMTP client for tests and the demo. It is deliberately apart from the product's own client, so that a mistake
 * in one does not hide in the other. Bytes go out as given (dots stuffed); every reply is handed back.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'

export interface SmtpReply {
  code: number
  text: string
}

export interface LineSession {
  socket: Socket
  /** next complete reply; rejects when the connection ends or nothing comes in time */
  reply(): Promise<SmtpReply>
  command(line: string): Promise<SmtpReply>
  write(bytes: string | Buffer): void
  close(): void
}

export interface SendResult {
  recipients: { address: string; reply: SmtpReply }[]
  /** reply to MAIL when it was refused, else the reply to the message, null when nobody was accepted */
  final: SmtpReply | null
  ok: boolean
}

export interface Envelope {
  from: string
  to: readonly string[]
  mailParameters?: string
  rcptParameters?: string
}

export function openLine(
  port: number,
  options: { host?: string; localAddress?: string; timeoutMs?: number } = {},
): LineSession {
  const { host = '127.0.0.1', localAddress } = options
  const socket = connect({ port, host, ...(localAddress && { localAddress }) })
  const timeoutMs = options.timeoutMs ?? 30_000
  let text = ''
  let lines: string[] = []
  const replies: SmtpReply[] = []
  const waiting: { resolve: (reply: SmtpReply) => void; reject: (error: Error) => void }[] = []
  let ended: Error | null = null

  const end = (error: Error): void => {
    ended ??= error
    for (const one of waiting.splice(0)) one.reject(ended)
  }
  socket.setNoDelay(true)
  socket.on('data', (chunk) => {
    text += chunk.toString('utf8')
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n')) {
      const line = text.slice(0, at).replace(/\r$/, '')
      text = text.slice(at + 1)
      lines.push(line.slice(4))
      if (line[3] === '-') continue
      const reply = { code: Number(line.slice(0, 3)), text: lines.join('\n') }
      lines = []
      const next = waiting.shift()
      if (next) next.resolve(reply)
      else replies.push(reply)
    }
  })
  socket.on('error', (error) => end(error))
  socket.on('close', () => end(new Error('the connection was closed')))

  const reply = (): Promise<SmtpReply> =>
    new Promise((resolve, reject) => {
      const ready = replies.shift()
      if (ready) return resolve(ready)
      if (ended) return reject(ended)
      const timer = setTimeout(() => end(new Error(`no reply within ${timeoutMs} ms`)), timeoutMs)
      waiting.push({
        resolve: (value) => {
          clearTimeout(timer)
          resolve(value)
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        },
      })
    })
  const session: LineSession = {
    socket,
    reply,
    write: (bytes) => void socket.write(bytes),
    command(line) {
      socket.write(`${line}\r\n`)
      return reply()
    },
    close: () => socket.destroy(),
  }
  return session
}

/** RFC 5321 section 4.5.2, on bytes that already have CRLF line ends. */
export function stuff(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  if (bytes[0] === 0x2e) parts.push(Buffer.from('.'))
  let from = 0
  for (let at = bytes.indexOf('\r\n.'); at !== -1; at = bytes.indexOf('\r\n.', at + 2)) {
    parts.push(bytes.subarray(from, at + 2), Buffer.from('.'))
    from = at + 2
  }
  parts.push(bytes.subarray(from))
  return Buffer.concat(parts)
}

/** The final dot was sent and no reply came: the message may have been taken or not. */
export class UnansweredDot extends Error {
  constructor(cause: unknown) {
    super(`no reply to the final dot: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

/** One transaction on an open, greeted session. */
export async function transact(session: LineSession, envelope: Envelope, bytes: Buffer): Promise<SendResult> {
  const mail = await session.command(
    `MAIL FROM:<${envelope.from}>${envelope.mailParameters ? ` ${envelope.mailParameters}` : ''}`,
  )
  if (mail.code !== 250) return { recipients: [], final: mail, ok: false }
  const recipients: SendResult['recipients'] = []
  for (const address of envelope.to)
    recipients.push({
      address,
      reply: await session.command(
        `RCPT TO:<${address}>${envelope.rcptParameters ? ` ${envelope.rcptParameters}` : ''}`,
      ),
    })
  if (!recipients.some((one) => one.reply.code === 250)) {
    await session.command('RSET')
    return { recipients, final: null, ok: false }
  }
  const go = await session.command('DATA')
  if (go.code !== 354) {
    await session.command('RSET')
    return { recipients, final: go, ok: false }
  }
  const tail = bytes.subarray(-2).toString('latin1') === '\r\n' ? '.\r\n' : '\r\n.\r\n'
  session.write(Buffer.concat([stuff(bytes), Buffer.from(tail)]))
  const final = await session.reply().catch((error: unknown) => {
    throw new UnansweredDot(error)
  })
  return { recipients, final, ok: final.code === 250 && recipients.every((one) => one.reply.code === 250) }
}

export async function greet(session: LineSession, helo = 'sender.test'): Promise<SmtpReply> {
  const greeting = await session.reply()
  if (greeting.code !== 220) throw new Error(`greeting was ${greeting.code} ${greeting.text}`)
  return session.command(`EHLO ${helo}`)
}

/** Connects, sends one message, says goodbye. */
export async function sendMail(
  port: number,
  envelope: Envelope,
  bytes: Buffer | string,
  { helo, ...options }: { helo?: string; localAddress?: string; timeoutMs?: number } = {},
): Promise<SendResult> {
  const session = openLine(port, options)
  try {
    await greet(session, helo)
    const result = await transact(session, envelope, typeof bytes === 'string' ? Buffer.from(bytes) : bytes)
    session.write('QUIT\r\n')
    return result
  } finally {
    session.socket.end()
    setTimeout(() => session.close(), 500).unref()
  }
}

/**
 * One session of the stand-in: RFC 5321 with PIPELINING, SIZE, 8BITMIME, SMTPUTF8, ENHANCEDSTATUSCODES and DSN, or LMTP
 * (RFC 2033) with one reply per recipient. Lines are read from whole chunks and the message is cut at CRLF.CRLF only, so
 * what is stored is byte for byte what was sent (dots unstuffed). Faults are asked for at each step.
 */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { faults } from './faults.ts'
import type { FaultName, FaultPoint, FaultSpec } from './faults.ts'
import { foldAddress } from './mail-store.ts'
import type { MailStore } from './mail-store.ts'

export interface SessionHost {
  hostname: string
  protocol: 'smtp' | 'lmtp'
  extensions: readonly string[]
  slowMs: number
  tls: { key: string; cert: string } | null
  store: MailStore
  /** the fault in force, taken (and counted down) when its point is reached */
  takeFault(at: FaultPoint): FaultName | null
  /** reply to RCPT for this recipient, or null for 250 */
  recipientAnswer(address: string): string | null
  /** LMTP: reply after the dot for this recipient, or null for 250 */
  deliveryAnswer(address: string): string | null
  /** every command line, for tests that look at what the client said */
  onCommand(line: string): void
}

interface Transaction {
  from: string
  parameters: string
  recipients: string[]
}

const CRLF_DOT = Buffer.from('\r\n.\r\n')
const DOT_STUFFED = Buffer.from('\r\n..')

/** RFC 5321 section 4.5.2: a line that begins with a dot was sent with one more. */
export function unstuff(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  let from = bytes[0] === 0x2e ? 1 : 0
  for (let at = bytes.indexOf(DOT_STUFFED, from); at !== -1; at = bytes.indexOf(DOT_STUFFED, at + 3)) {
    parts.push(bytes.subarray(from, at + 2))
    from = at + 3
  }
  parts.push(bytes.subarray(from))
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

const pathPattern = /^(?:MAIL FROM|RCPT TO):\s*<([^>]*)>\s*(.*)$/i

export function runSession(socket: Socket, host: SessionHost): void {
  let stream: Socket = socket
  let pending: Buffer = Buffer.alloc(0)
  let body: Buffer[] | null = null
  let hung = false
  let transaction: Transaction | null = null
  let queue: Promise<void> = Promise.resolve()

  const close = (): void => {
    stream.destroy()
  }
  const write = async (line: string): Promise<void> => {
    const slow = host.takeFault('every-reply')
    if (slow) await new Promise<void>((resolve) => setTimeout(resolve, host.slowMs))
    if (!stream.destroyed) stream.write(`${line}\r\n`)
  }

  /** Acts a fault; true when the normal answer must not be given. */
  const fault = async (at: FaultPoint): Promise<boolean> => {
    const name = host.takeFault(at)
    if (!name) return false
    const spec: FaultSpec = faults[name]
    if (spec.act === 'hang') hung = true
    else if (spec.act === 'drop') close()
    else if (spec.act === 'half-reply') stream.end(spec.reply ?? '')
    else if (spec.act === 'reply') {
      await write(spec.reply ?? '451 4.3.0 Simulated outage')
      if (at === 'connect') stream.end()
    }
    return true
  }

  const finish = async (whole: Buffer): Promise<void> => {
    const mail = transaction!
    transaction = null
    const keep = (answered: boolean, recipients = mail.recipients): void => {
      if (recipients.length > 0)
        host.store.add({
          at: Date.now(),
          envelopeFrom: mail.from,
          recipients,
          mailParameters: mail.parameters,
          bytes: unstuff(whole),
          answered,
        })
    }
    const name = host.takeFault('dot')
    if (name) {
      const spec: FaultSpec = faults[name]
      if (spec.stored) keep(false)
      if (spec.act === 'hang') hung = true
      else if (spec.act === 'drop') close()
      else if (spec.act === 'half-reply') stream.end(spec.reply ?? '')
      else for (const _ of host.protocol === 'lmtp' ? mail.recipients : [0]) await write(spec.reply!)
      return
    }
    if (host.protocol === 'lmtp') {
      const answers = mail.recipients.map((address) => host.deliveryAnswer(address))
      keep(
        true,
        mail.recipients.filter((_, index) => answers[index] === null),
      )
      for (const answer of answers) await write(answer ?? '250 2.1.5 Delivered')
      return
    }
    keep(true)
    await write(`250 2.0.0 Ok: kept as ${host.store.all().length}`)
  }

  const secure = (): void => {
    stream.removeAllListeners('data')
    stream = new TLSSocket(stream, { isServer: true, ...host.tls! })
    pending = Buffer.alloc(0)
    transaction = null
    stream.on('data', onData)
    stream.on('error', close)
  }

  const onLine = async (line: string): Promise<void> => {
    host.onCommand(line)
    const verb = line.slice(0, 4).toUpperCase()
    if (verb === 'EHLO' || verb === 'LHLO' || verb === 'HELO') {
      if (await fault('ehlo')) return
      transaction = null
      const lines =
        verb === 'HELO'
          ? [host.hostname]
          : [host.hostname, ...host.extensions, ...(host.tls && !(stream instanceof TLSSocket) ? ['STARTTLS'] : [])]
      return write(lines.map((text, index) => `250${index < lines.length - 1 ? '-' : ' '}${text}`).join('\r\n'))
    }
    if (verb === 'STAR' && host.tls) {
      await write('220 2.0.0 Ready to start TLS')
      return secure()
    }
    return onMailCommand(verb, pathPattern.exec(line))
  }

  const onMailCommand = async (verb: string, path: RegExpExecArray | null): Promise<void> => {
    if (verb === 'MAIL') {
      if (await fault('mail')) return
      if (!path) return write('501 5.5.4 Syntax: MAIL FROM:<address>')
      if (transaction) return write('503 5.5.1 Nested MAIL command')
      transaction = { from: path[1]!, parameters: path[2]!, recipients: [] }
      return write('250 2.1.0 Ok')
    }
    if (verb === 'RCPT') {
      if (!transaction) return write('503 5.5.1 MAIL first')
      if (await fault('rcpt')) return
      if (!path?.[1]) return write('501 5.5.4 Syntax: RCPT TO:<address>')
      const answer = host.recipientAnswer(foldAddress(path[1]))
      if (answer) return write(answer)
      transaction.recipients.push(path[1])
      return write('250 2.1.5 Ok')
    }
    if (verb === 'DATA') {
      if (!transaction || transaction.recipients.length === 0) return write('554 5.5.1 No valid recipients')
      if (await fault('data')) return
      body = []
      return write('354 End data with <CR><LF>.<CR><LF>')
    }
    if (verb === 'RSET') {
      transaction = null
      return write('250 2.0.0 Ok')
    }
    if (verb === 'NOOP') return write('250 2.0.0 Ok')
    if (verb === 'QUIT') {
      await write('221 2.0.0 Bye')
      stream.end()
      return
    }
    return write('500 5.5.2 Unknown command')
  }

  /** Takes what it can from `pending`; false when more bytes are needed. */
  const step = async (): Promise<boolean> => {
    if (hung || stream.destroyed) return false
    if (body) {
      if (pending.length > 0 && (await fault('body'))) return false
      // the terminator may lie across two chunks, and an empty message is a dot line alone
      const last = body.at(-1)
      const window = last ? Buffer.concat([last, pending]) : Buffer.concat([Buffer.from('\r\n'), pending])
      const lead = last ? last.length : 2
      const end = window.indexOf(CRLF_DOT, Math.max(0, lead - 4))
      if (end === -1) {
        if (pending.length > 0) {
          // keep the last piece at least four bytes long, so that the window always reaches over a cut
          if (last && (last.length < 4 || pending.length < 4)) body[body.length - 1] = window
          else body.push(pending)
        }
        pending = Buffer.alloc(0)
        return false
      }
      const whole = last
        ? Buffer.concat([...body.slice(0, -1), window.subarray(0, end + 2)])
        : window.subarray(2, end + 2)
      body = null
      pending = window.subarray(end + 5)
      await finish(whole)
      return true
    }
    const end = pending.indexOf('\n')
    if (end === -1) return false
    const line = pending.toString('utf8', 0, end).replace(/\r$/, '')
    pending = pending.subarray(end + 1)
    await onLine(line)
    return true
  }

  const onData = (chunk: Buffer): void => {
    queue = queue.then(async () => {
      if (hung) return
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
      while (await step());
    })
  }

  socket.setNoDelay(true)
  stream.on('data', onData)
  stream.on('error', close)
  queue = queue.then(async () => {
    if (!(await fault('connect')))
      await write(`220 ${host.hostname} ${host.protocol === 'lmtp' ? 'LMTP' : 'ESMTP'} stand-in`)
  })
}

/**
 * How every conversation of ours begins, a delivery's and a probe's alike: connect, greeting, EHLO (HELO where that is all
 * that is known, LHLO for LMTP), STARTTLS as the target's policy says, EHLO again.
 *
 * Promises: opportunistic TLS is never a reason not to deliver (RFC 7435 section 3): where it was offered and failed, the
 * host is asked once more in clear, and `tlsFailure` says why. Where encryption is a must (target.ts) nothing but EHLO is
 * ever said in clear. Failure: SmtpFailure with the stage it happened at; the socket is closed.
 */
import type { Clock } from '../../platform/clock.ts'
import { parseCapabilities, type Capabilities } from '../../protocols/smtp/ehlo.ts'
import type { Reply } from '../../protocols/smtp/reply.ts'
import { proxyHeader, type ClientFacts } from './client-address.ts'
import { SmtpFailure, tlsFailure, type FailureKind, type SmtpTarget, type Stage, type TlsFault } from './result.ts'
import { connectSmtp, type SmtpSocket } from './socket.ts'
import { mustEncrypt } from './target.ts'
import { checkDane, checkPin, tlsOptions } from './trust.ts'

export interface Session {
  socket: SmtpSocket
  /** those of the last EHLO: what was said before TLS is forgotten (RFC 3207 section 4.2) */
  capabilities: Capabilities
  /** set when TLS was offered and failed, so that this conversation is in clear */
  tlsFailure: string | null
  /** why it failed, or why nobody would have vouched for the server */
  fault: TlsFault | null
}

export interface SessionOptions {
  target: Omit<SmtpTarget, 'password'>
  helo: string
  clock: Clock
  /** for targets that want the PROXY header: whose connection it is */
  client?: ClientFacts | null
  /** milliseconds that the next step may take */
  wait: (step: 'connect' | 'greeting' | 'command') => number
}

export const isGood = (reply: Pick<Reply, 'code'>): boolean => reply.code >= 200 && reply.code < 300

export const badReply = (stage: Stage, kind: FailureKind, reply: Reply): SmtpFailure =>
  new SmtpFailure(stage, kind, `${reply.code} ${reply.lines.join(' ')}`, reply)

export async function openSession(options: SessionOptions): Promise<Session> {
  const { target } = options
  try {
    return await begin(options, target.tls !== 'none')
  } catch (error) {
    if (!(error instanceof SmtpFailure) || error.stage !== 'tls' || mustEncrypt(target)) throw error
    return { ...(await begin(options, false)), tlsFailure: error.message, fault: error.fault ?? 'validation-failure' }
  }
}

async function begin(options: SessionOptions, secure: boolean): Promise<Session> {
  const { target, wait } = options
  const socket = await connectSmtp(target, options.clock, wait('connect'))
  try {
    if (target.clientAddress === 'proxy') socket.write(proxyHeader(options.client, socket.ends))
    const greeting = await socket.reply(wait('greeting'), 'greeting')
    if (!isGood(greeting)) throw badReply('greeting', 'reply', greeting)
    let capabilities = await sayHello(socket, options)
    if (secure && (capabilities.startTls || mustEncrypt(target))) {
      socket.write('STARTTLS\r\n')
      const reply = await socket.reply(wait('command'), 'tls')
      if (!isGood(reply)) {
        const fault = capabilities.startTls ? 'validation-failure' : 'starttls-not-supported'
        throw tlsFailure(fault, `${reply.code} ${reply.lines.join(' ')}`, reply)
      }
      await socket.startTls(tlsOptions(target), wait('command'))
      if (target.tls === 'pinned') checkPin(target, socket.chain()[0] ?? null)
      if (target.tls === 'dane') checkDane(target, socket.chain(), options.clock.now())
      capabilities = await sayHello(socket, options).catch((error: unknown) => {
        // TLS 1.3: a server that does not like our side of the handshake says so only after ours is done.
        if (error instanceof SmtpFailure && error.kind === 'dropped') throw new SmtpFailure('tls', 'tls', error.message)
        throw error
      })
    }
    if (target.requireTls && !capabilities.all.has('REQUIRETLS')) throw noRequireTls(target.host)
    return { socket, capabilities, tlsFailure: null, fault: socket.doubt() }
  } catch (error) {
    socket.destroy()
    if (error instanceof SmtpFailure) error.ownAddress = socket.ends.own.address
    throw error
  }
}

function noRequireTls(host: string): SmtpFailure {
  const text = `the sender demands TLS all the way, and ${host} does not offer that (REQUIRETLS, RFC 8689)`
  const failure = new SmtpFailure('data', 'reply', text, { code: 550, enhanced: '5.7.30' })
  failure.isFinal = true
  return failure
}

/** EHLO, or what stands for it. Throws SmtpFailure where the server takes none. */
export async function sayHello(
  socket: SmtpSocket,
  { target, helo, wait }: Pick<SessionOptions, 'target' | 'helo' | 'wait'>,
): Promise<Capabilities> {
  const isLmtp = target.protocol === 'lmtp'
  socket.write(`${isLmtp ? 'LHLO' : 'EHLO'} ${helo}\r\n`)
  let reply = await socket.reply(wait('command'), 'ehlo')
  if (isGood(reply)) return parseCapabilities(reply.lines)
  if (!isLmtp && reply.code >= 500) {
    socket.write(`HELO ${helo}\r\n`)
    reply = await socket.reply(wait('command'), 'ehlo')
    if (isGood(reply)) return parseCapabilities([])
  }
  throw badReply('ehlo', 'reply', reply)
}

/**
 * A kept SMTP or LMTP client connection: greeting, EHLO, STARTTLS, AUTH once, then one transaction after another.
 * MAIL, RCPT and DATA travel in one write where the server pipelines (RFC 2920); body and final dot follow corked, and with
 * them the commands of the next transaction where there is one (section 3.1): one write and one answer for each message.
 *
 * Promises: the body's bytes are sent unchanged but for dot-stuffing (RFC 5321 section 4.5.2), and in seven bits where the
 * server takes no others (seven-bits.ts). Every recipient gets a
 * result of its own. Once the final dot has been handed to the kernel a missing reply is `unsure`, never `deferred`;
 * before that a broken connection is `deferred`, and a refusal that came before it is the outcome. The minimum time-outs
 * of RFC 5321 section 4.5.3.2 are kept.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Capabilities } from '../../protocols/smtp/ehlo.ts'
import type { Reply } from '../../protocols/smtp/reply.ts'
import { isPlain, refuseBeforeMail } from './before-mail.ts'
import { connectionOf, xforwardLines, type ClientFacts } from './client-address.ts'
import { mailLine, rcptLine, type OutgoingMail, type OutgoingRecipient } from './envelope.ts'
import { resultOf, SmtpFailure, type RecipientResult, type SmtpTarget, type Stage, type TlsFault } from './result.ts'
import { isGood, openSession, sayHello } from './session.ts'
import { inSevenBits, needsSevenBits } from './seven-bits.ts'
import { forward, introduce, sayHelloFor } from './tell-client.ts'
import { sendBody } from './send-body.ts'
import { signIn } from './sign-in.ts'
import { isAuthenticated, targetKey } from './target.ts'

export type { OutgoingMail } from './envelope.ts'

export interface SmtpConnection {
  /** targetKey of what it was opened to: it may carry nothing that is meant for another */
  readonly key: string
  readonly capabilities: Capabilities
  /** protocol and cipher, `dane` behind them where that said who it is; null: not encrypted; beginning with `clear: `: not encrypted, and why TLS failed */
  readonly tls: string | null
  /** why TLS failed, where this is in clear; else why nobody would have vouched for the server */
  readonly fault: TlsFault | null
  /** our end of it */
  readonly ownAddress: string
  /** the connection is closed, on whichever side that began */
  readonly closed: Promise<void>
  /** One result per recipient, in order. Never throws for what the server answers or when it breaks. */
  send(mail: OutgoingMail, hooks?: SendHooks): Promise<RecipientResult[]>
  /** False: throw it away. `next`: what its last `send` was given to follow; it can carry nothing else then. */
  usable(next?: OutgoingMail): boolean
  /** It may be given to follow another (`SendHooks.next`). */
  mayFollow(mail: OutgoingMail): boolean
  /** Ends a transaction whose final dot has not been sent, as deferred; one that waits for its last reply goes on: false. */
  cut(): boolean
  destroy(): void
  quit(): void
}

const MOST_SLOW = 9

export interface SendHooks {
  /**
   * Evidence: an answer has been missing for `slowMs`; again, at most MOST_SLOW times, while that wait goes on, for who has
   * all connections in such a wait learns nothing else. Only of a message's first slow answer.
   */
  onSlow?: (stage: Stage, waitedMs: number) => void
  slowMs?: number
  /**
   * Asked once, with the final dot: what this connection will send next. Its MAIL, RCPT and DATA are said at once; nothing of
   * its body is sent before it is its turn, so that it can still be given to another connection, and this one is then closed.
   */
  next?: () => OutgoingMail | null
}

/** RFC 5321 section 4.5.3.2, milliseconds. */
export const TIMEOUTS = {
  connect: 30_000,
  greeting: 300_000,
  command: 300_000,
  data: 120_000,
  block: 180_000,
  final: 600_000,
  /** for the first answer to what was said ahead: the server has it since the last final dot */
  ahead: 20_000,
} as const

const verdict = (code: number): RecipientResult['outcome'] =>
  code >= 200 && code < 300 ? 'delivered' : code >= 500 ? 'refused' : 'deferred'

interface Exchange {
  mail: OutgoingMail
  /** places of its recipients */
  asked: number[]
  /** its MAIL, RCPT and DATA are on their way already */
  wasSaid: boolean
  dotSent: { value: boolean }
  next: SendHooks['next']
}

const CLEAR = 'clear: '
const CONVERTED = '(sent in seven bits)'

const tlsWords = (name: string | null, target: SmtpTarget): string | null =>
  name !== null && target.tls === 'dane' && isAuthenticated(target) ? `${name} dane` : name

/** Opens a connection ready for `send`. Throws SmtpFailure with the stage it failed at. */
export async function openSmtpConnection(options: {
  target: SmtpTarget
  helo: string
  clock: Clock
  /** whose connection it is to be, where the target wants to know (client-address.ts) */
  client?: ClientFacts | null
  timeouts?: Partial<Record<keyof typeof TIMEOUTS, number>>
}): Promise<SmtpConnection> {
  const { target, clock } = options
  const wait = { ...TIMEOUTS, ...options.timeouts }
  const { helo, client = null } = options
  const session = await openSession({ target, helo, clock, client, wait: (step) => wait[step] })
  const { socket, tlsFailure } = session
  let { capabilities } = session
  const { username, password = '', clientAddress } = target
  const login = async (): Promise<void> => {
    if (username !== undefined) await signIn({ socket, capabilities }, { username, password }, wait.command)
  }
  try {
    await login()
  } catch (error) {
    socket.destroy()
    throw error
  }

  let slow: { ms: number; tell: (stage: Stage, waitedMs: number) => void } | null = null
  let current = { value: false }
  /** its MAIL, RCPT and DATA have been said, its answers are still to be read */
  let ahead: OutgoingMail | null = null

  const commands = (mail: OutgoingMail, recipients: readonly OutgoingRecipient[]): string[] => [
    mailLine(mail, recipients, capabilities),
    ...recipients.map((one) => rcptLine(one, capabilities)),
    'DATA',
  ]
  const together = (mail: OutgoingMail, recipients: readonly OutgoingRecipient[]): string =>
    `${commands(mail, recipients).join('\r\n')}\r\n`

  let isIntroduced = clientAddress !== 'xclient'
  /** Whom the message is from, where the target wants to know. The reply: it does not want it from there. */
  async function tellClient(mail: OutgoingMail): Promise<Reply | null> {
    const ask = (line: string): Promise<Reply> => {
      socket.write(`${line}\r\n`)
      return answer(wait.command, 'mail')
    }
    if (clientAddress === 'xforward') return forward(ask, mail.client, capabilities)
    if (isIntroduced || client === null) return null
    const unwanted = await introduce(ask, client, capabilities)
    isIntroduced = unwanted === null || unwanted === 'anew'
    if (unwanted !== 'anew') return unwanted
    try {
      capabilities = await sayHelloFor(client, helo, (name) =>
        sayHello(socket, { target, helo: name, wait: () => wait.command }),
      )
    } catch (error) {
      if (!(error instanceof SmtpFailure) || error.code === 0) throw error
      // It would not speak with this client at all; with the next one it is spoken to anew.
      socket.destroy()
      return { code: error.code, enhanced: error.enhanced, lines: [error.message] }
    }
    await login()
    return null
  }

  async function answer(ms: number, stage: Stage): Promise<Reply> {
    if (!slow || socket.answered()) return socket.reply(ms, stage)
    const { ms: after, tell } = slow
    let waited = 0
    let timer: Timer
    const missed = (): void => {
      slow = null
      waited += after
      if (waited < after * MOST_SLOW) timer = clock.after(after, missed)
      tell(stage, waited)
    }
    timer = clock.after(after, missed)
    try {
      return await socket.reply(ms, stage)
    } finally {
      timer.cancel()
    }
  }

  /** After 354: the message, and what became of it for each recipient who was accepted. */
  async function message(
    mail: OutgoingMail,
    accepted: number[],
    dotSent: { value: boolean },
    done: (RecipientResult | null)[],
    next: SendHooks['next'],
  ): Promise<void> {
    const isLmtp = target.protocol === 'lmtp'
    const early = await sendBody(socket, mail.body(), wait.block, dotSent, () => {
      // The dot is said: what is wrong with the next message must not make this one unsure.
      try {
        ahead = next?.() ?? null
      } catch {
        ahead = null
      }
      return ahead === null ? '' : together(ahead, ahead.recipients)
    })
    if (early.length > 0) {
      // LMTP: one for each recipient, or one for the message.
      const ofEach = isLmtp && early.length >= accepted.length
      for (const [n, i] of accepted.entries()) {
        const reply = early[ofEach ? n : 0]!
        done[i] = resultOf(verdict(reply.code), 'data', reply)
      }
      return
    }
    let reply: Reply | null = null
    for (const i of accepted) {
      // RFC 2033 section 4.2: LMTP has one reply for each accepted recipient.
      if (reply === null || isLmtp) reply = await answer(wait.final, 'final')
      done[i] = resultOf(verdict(reply.code), 'final', reply)
    }
  }

  async function transaction(
    asGiven: OutgoingMail,
    progress: { said: boolean; dotSent: { value: boolean } },
    done: (RecipientResult | null)[],
    next: SendHooks['next'],
  ): Promise<void> {
    const wasSaid = ahead === asGiven
    if (ahead !== null && !wasSaid)
      throw new SmtpFailure('mail', 'local', 'the connection was kept for another message')
    ahead = null
    let mail = asGiven
    if (!wasSaid) {
      const unwanted = await tellClient(mail)
      if (unwanted) {
        const result = resultOf(verdict(unwanted.code), 'mail', unwanted)
        return void done.fill(clientAddress === 'xclient' ? { ...result, aboutClient: true } : result)
      }
      if (needsSevenBits(mail, capabilities)) mail = await inSevenBits(mail)
      for (const [i, refused] of (await refuseBeforeMail(mail, capabilities)).entries()) done[i] = refused
    }
    const asked = mail.recipients.map((_, i) => i).filter((i) => done[i] === null)
    if (asked.length === 0) return
    progress.said = true
    await exchange({ mail, asked, wasSaid, dotSent: progress.dotSent, next }, done)
    // For the trace: what was taken is not what we hold.
    if (mail !== asGiven)
      for (const [i, one] of done.entries())
        if (one?.outcome === 'delivered') done[i] = { ...one, text: `${one.text} ${CONVERTED}` }
  }

  /** From MAIL on, for the recipients that are asked for. */
  async function exchange(
    { mail, asked, wasSaid, dotSent, next }: Exchange,
    done: (RecipientResult | null)[],
  ): Promise<void> {
    const recipients = asked.map((i) => mail.recipients[i]!)
    const rest = (outcome: RecipientResult): void => asked.forEach((i) => (done[i] ??= outcome))
    const pipelined = capabilities.pipelining
    const [mailFrom, ...rcptTo] = pipelined ? [] : commands(mail, recipients)
    if (!pipelined) socket.write(`${mailFrom!}\r\n`)
    else if (!wasSaid) socket.write(together(mail, recipients))
    const mailReply = await answer(wasSaid ? wait.ahead : wait.command, 'mail')
    const mailGood = isGood(mailReply)
    if (!mailGood) rest(resultOf(verdict(mailReply.code), 'mail', mailReply))
    if (!mailGood && !pipelined) return
    for (const [n, i] of asked.entries()) {
      if (!pipelined) socket.write(`${rcptTo[n]!}\r\n`)
      const reply = await answer(wait.command, 'rcpt')
      const outcome = verdict(reply.code)
      if (outcome !== 'delivered') done[i] ??= resultOf(outcome, 'rcpt', reply)
    }
    const accepted = asked.filter((i) => done[i] === null)
    if (!pipelined) {
      if (accepted.length === 0) return
      socket.write('DATA\r\n')
    }
    const dataReply = await answer(wait.data, 'data')
    if (dataReply.code !== 354) {
      const outcome = dataReply.code < 400 ? 'deferred' : verdict(dataReply.code)
      rest(resultOf(outcome, 'data', dataReply))
      return
    }
    if (accepted.length === 0) {
      // RFC 2920 section 3.1: DATA was taken although no recipient was; the server must refuse the empty message.
      socket.write('.\r\n')
      await answer(wait.final, 'final')
      return
    }
    await message(mail, accepted, dotSent, done, next)
  }

  return {
    key: targetKey(target),
    get capabilities() {
      return capabilities
    },
    tls: tlsFailure === null ? tlsWords(socket.tlsName(), target) : `${CLEAR}${tlsFailure.slice(0, 200)}`,
    fault: session.fault,
    ownAddress: socket.ends.own.address,
    closed: socket.closed,
    async send(mail, hooks) {
      const done: (RecipientResult | null)[] = mail.recipients.map(() => null)
      const dotSent = { value: false }
      const progress = { said: false, dotSent }
      current = dotSent
      slow = hooks?.onSlow && hooks.slowMs ? { ms: hooks.slowMs, tell: hooks.onSlow } : null
      try {
        await transaction(mail, progress, done, hooks?.next)
        // A transaction that ended before DATA leaves state behind at the server (RFC 5321 section 4.1.1.5).
        if (progress.said && !dotSent.value && socket.usable()) {
          socket.write('RSET\r\n')
          await socket.reply(wait.command, 'mail')
        }
      } catch (error) {
        socket.destroy()
        const failure =
          error instanceof SmtpFailure ? error : new SmtpFailure('data', 'local', (error as Error).message)
        const text = {
          code: failure.code,
          enhanced: failure.enhanced,
          lines: [failure.kind === 'timeout' ? `timeout: ${failure.message}` : failure.message],
        }
        const lost: RecipientResult = dotSent.value
          ? { ...resultOf('unsure', 'final', text), failure: failure.kind }
          : { ...resultOf('deferred', failure.stage, text), failure: failure.kind }
        return done.map((one) => one ?? lost)
      } finally {
        slow = null
      }
      if (done.some((one) => one?.code === 421)) socket.destroy()
      return done.map((one) => one!)
    },
    usable: (next) => (ahead === null ? socket.usable() : ahead === next && socket.open()),
    // Over LMTP a server that gives one reply for the whole message would have the next one's replies taken for more of them.
    mayFollow: (mail) =>
      target.protocol === 'smtp' &&
      capabilities.pipelining &&
      isPlain(mail, capabilities) &&
      connectionOf(clientAddress, mail.client) === connectionOf(clientAddress, client) &&
      (clientAddress !== 'xforward' || xforwardLines(mail.client, capabilities.all.get('XFORWARD')).length === 0),
    cut() {
      if (!current.value) socket.destroy()
      return !current.value
    },
    destroy: () => socket.destroy(),
    quit() {
      // Behind a DATA it would be the first line of a message.
      if (ahead === null && socket.usable()) socket.write('QUIT\r\n')
      clock.after(200, () => socket.destroy(), { hold: false })
    },
  }
}

/**
 * One question to a mail server: would you take mail for this recipient? The beginning of a delivery (session.ts: greeting,
 * EHLO, STARTTLS by the same rules), MAIL from the null sender, RCPT, then QUIT: no message is ever sent. A port
 * that merely accepts connections says little; the answer to RCPT shows that the system behind it works.
 *
 * Never throws: what went wrong is the answer, with the stage it happened at. `timeoutMs` is for the whole probe.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Capabilities } from '../../protocols/smtp/ehlo.ts'
import type { Reply } from '../../protocols/smtp/reply.ts'
import { SmtpFailure, type SmtpTarget, type Stage } from './result.ts'
import { badReply, isGood, openSession } from './session.ts'
import type { SmtpSocket } from './socket.ts'

export interface ProbeTarget extends Pick<
  SmtpTarget,
  'host' | 'port' | 'tls' | 'trust' | 'username' | 'clientAddress'
> {
  protocol?: SmtpTarget['protocol']
  helo: string
  timeoutMs: number
  from: ''
  rcpt: string
  /** a recipient nobody can have, asked about when `rcpt` was taken */
  stranger?: string
}

export interface ProbeResult {
  /** RCPT was answered 2xx */
  ok: boolean
  /** how far it came */
  stage: Stage
  /** the deciding reply; absent when there was none */
  code?: number
  enhanced?: string
  text: string
  tookMs: number
  /** what it offered, where it came to that */
  offered?: Capabilities
  /** the code of the answer about the stranger, where there was one; decides nothing else */
  strangerCode?: number
}

const MOST_PROBE_TEXT = 300

export async function probeSmtp(target: ProbeTarget, clock: Clock): Promise<ProbeResult> {
  const began = clock.monotonic()
  const left = (): number => Math.max(1, target.timeoutMs - (clock.monotonic() - began))
  const took = (): number => Math.round(clock.monotonic() - began)
  let socket: SmtpSocket | null = null
  let offered: Capabilities | undefined
  try {
    const { helo, protocol = 'smtp' } = target
    const session = await openSession({ target: { ...target, protocol }, helo, clock, wait: left })
    socket = session.socket
    offered = session.capabilities
    const reply = await askRecipient(socket, target.rcpt, left)
    const clear = session.tlsFailure === null ? '' : ` (in clear, TLS failed: ${session.tlsFailure})`
    const text = `${reply.code} ${reply.lines.join(' ')}${clear}`
    const good = { ok: true, stage: 'rcpt', code: reply.code, enhanced: reply.enhanced, text, tookMs: took() } as const
    const strangerCode = target.stranger === undefined ? null : await askStranger(socket, target.stranger, left)
    return { ...answerOf(strangerCode === null ? good : { ...good, strangerCode }), offered }
  } catch (error) {
    const { message: text } = error as Error
    const { stage, code, enhanced } =
      error instanceof SmtpFailure ? error : { stage: 'connect' as const, code: 0, enhanced: null }
    const bad = answerOf({ ok: false, stage, code, enhanced, text, tookMs: took() })
    return offered ? { ...bad, offered } : bad
  } finally {
    const open = socket
    // Politely, without waiting: RFC 5321 section 4.1.1.10 lets the server close, and ends the transaction with it. One
    // command and no more: not every server takes two in one write.
    if (open?.usable()) open.write('QUIT\r\n')
    if (open) clock.after(100, () => open.destroy(), { hold: false })
  }
}

/** What came before any connection, as its result. */
export function failedProbe(error: unknown): ProbeResult {
  const stage = error instanceof SmtpFailure ? error.stage : 'connect'
  return answerOf({ ok: false, stage, code: 0, enhanced: null, text: (error as Error).message, tookMs: 0 })
}

const answerOf = ({
  code,
  enhanced,
  ...rest
}: Omit<ProbeResult, 'code' | 'enhanced'> & { code: number; enhanced: string | null }): ProbeResult => ({
  ...rest,
  ...(code > 0 ? { code } : {}),
  ...(enhanced === null ? {} : { enhanced }),
  text: rest.text.slice(0, MOST_PROBE_TEXT),
})

/** The good answer to RCPT; anything else is thrown. */
async function askRecipient(socket: SmtpSocket, rcpt: string, left: () => number): Promise<Reply> {
  socket.write('MAIL FROM:<>\r\n')
  const mail = await socket.reply(left(), 'mail')
  if (!isGood(mail)) throw badReply('mail', 'reply', mail)
  socket.write(`RCPT TO:<${rcpt}>\r\n`)
  const reply = await socket.reply(left(), 'rcpt')
  if (!isGood(reply)) throw badReply('rcpt', 'reply', reply)
  return reply
}

/** What it says about a recipient who cannot exist; null where it did not answer. */
async function askStranger(socket: SmtpSocket, stranger: string, left: () => number): Promise<number | null> {
  try {
    socket.write(`RCPT TO:<${stranger}>\r\n`)
    return (await socket.reply(left(), 'rcpt')).code
  } catch {
    return null
  }
}

/**
 * A conversation with a mail server in which it is asked about one recipient after another: the beginning is a probe's
 * (session.ts), then MAIL from the null sender, RCPT, RSET for each. No message is ever sent. One question at a time.
 *
 * Failure: SmtpFailure, where there is no answer to RCPT; the conversation is over then.
 */
import type { Clock } from '../../platform/clock.ts'
import { SmtpFailure } from './result.ts'
import type { ProbeTarget } from './probe.ts'
import { badReply, isGood, openSession } from './session.ts'

export interface RcptAnswer {
  code: number
  enhanced: string | null
  text: string
}

export interface Questions {
  /** The answer about a recipient, and where a stranger is named and the recipient was taken, the one about the stranger. */
  ask(rcpt: string, timeoutMs: number, stranger?: string): Promise<{ answer: RcptAnswer; stranger: RcptAnswer | null }>
  /** Another question may be put. */
  usable(): boolean
  close(): void
}

const MOST_TEXT = 300
const QUIT_MS = 100
const RESET_MS = 5_000

export async function openQuestions(
  target: Omit<ProbeTarget, 'from' | 'rcpt' | 'stranger'>,
  clock: Clock,
): Promise<Questions> {
  const left = deadline(clock, target.timeoutMs)
  const { helo, protocol = 'smtp' } = target
  const { socket } = await openSession({ target: { ...target, protocol }, helo, clock, wait: left })
  /** of the question before */
  let reset: Promise<boolean> = Promise.resolve(true)
  let over = false

  async function rcpt(address: string, wait: () => number): Promise<RcptAnswer> {
    socket.write(`RCPT TO:<${address}>\r\n`)
    const { code, enhanced, lines } = await socket.reply(wait(), 'rcpt')
    return { code, enhanced, text: lines.join(' ').slice(0, MOST_TEXT) }
  }

  function close(): void {
    over = true
    if (socket.usable()) socket.write('QUIT\r\n')
    clock.after(QUIT_MS, () => socket.destroy(), { hold: false })
  }

  return {
    async ask(address, timeoutMs, stranger) {
      const wait = deadline(clock, timeoutMs)
      try {
        if (!(await reset)) throw new SmtpFailure('mail', 'dropped', 'the question before was not ended with RSET')
        socket.write('MAIL FROM:<>\r\n')
        const mail = await socket.reply(wait(), 'mail')
        if (!isGood(mail)) throw badReply('mail', 'reply', mail)
        const answer = await rcpt(address, wait)
        const other = stranger !== undefined && isGood(answer) ? await rcpt(stranger, wait).catch(() => null) : null
        // RFC 5321 section 3.8: 421 ends the conversation, and a reply that never came has ended it for us.
        if (answer.code === 421 || (stranger !== undefined && isGood(answer) && other === null)) close()
        else {
          socket.write('RSET\r\n')
          reset = socket.reply(RESET_MS, 'mail').then(isGood, () => false)
        }
        return { answer, stranger: other }
      } catch (error) {
        close()
        throw error
      }
    },
    usable: () => !over && socket.usable(),
    close,
  }
}

function deadline(clock: Clock, ms: number): () => number {
  const began = clock.monotonic()
  return () => Math.max(1, ms - (clock.monotonic() - began))
}

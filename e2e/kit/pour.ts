/** Sends a list of messages over several connections, each until it has its 250, and notes what was accepted. */
import { greet, openLine, transact, UnansweredDot } from '../../server/testkit/smtp-send.ts'
import type { LineSession, SendResult } from '../../server/testkit/smtp-send.ts'
import { sleep } from '../peers/processes.ts'
import { countKey } from './messages.ts'
import type { ProofMail } from './messages.ts'
import { addTo, noClaims } from './tally.ts'
import type { Claims } from './tally.ts'

/** Notes an answer; true: it was accepted. */
function note(claims: Claims, mail: ProofMail, { recipients, final }: SendResult): boolean {
  if (final && final.code >= 500) throw new Error(`refused: ${mail.kind} ${mail.nonce}: ${final.code} ${final.text}`)
  if (final?.code !== 250) return false
  for (const { address, reply } of recipients) if (reply.code === 250) addTo(claims.due, countKey(mail.nonce, address))
  return true
}

export async function pour(
  port: () => number,
  mails: readonly ProofMail[],
  options: { connections?: number; into?: Claims } = {},
): Promise<Claims> {
  const claims = options.into ?? noClaims()
  const waiting = [...mails]
  const worker = async (): Promise<void> => {
    let session: LineSession | null = null
    for (let mail = waiting.shift(); mail; mail = waiting.shift()) {
      for (const address of mail.to) addTo(claims.due, countKey(mail.nonce, address), 0)
      for (let tries = 0; ; tries++) {
        if (tries > 200) throw new Error(`${mail.kind} ${mail.nonce} is never accepted`)
        try {
          if (!session) {
            session = openLine(port(), { timeoutMs: 60_000 })
            await greet(session)
          }
          if (note(claims, mail, await transact(session, mail, mail.bytes))) break
        } catch (error) {
          if (error instanceof Error && error.message.startsWith('refused')) throw error
          if (error instanceof UnansweredDot) addTo(claims.unanswered, mail.nonce)
          session?.close()
          session = null
        }
        await sleep(100)
      }
    }
    session?.write('QUIT\r\n')
    session?.socket.end()
  }
  await Promise.all(Array.from({ length: options.connections ?? 8 }, worker))
  return claims
}

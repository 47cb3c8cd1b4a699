/**
 * AUTH (RFC 4954) with the route's name and password: PLAIN (RFC 4616), or LOGIN where only that is offered, as some old
 * Exchange servers do. Nothing of the password is sent to a server that offers neither. Whether the way there is safe
 * enough was decided before (target.ts). Failure: SmtpFailure at stage `auth`.
 */
import { SmtpFailure } from './result.ts'
import { badReply, isGood, type Session } from './session.ts'

export interface Credentials {
  username: string
  password: string
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

export async function signIn(
  { socket, capabilities }: Pick<Session, 'socket' | 'capabilities'>,
  who: Credentials,
  timeoutMs: number,
): Promise<void> {
  const offered = capabilities.auth
  const lines = offered.includes('PLAIN')
    ? [`AUTH PLAIN ${base64(`\0${who.username}\0${who.password}`)}`]
    : offered.includes('LOGIN')
      ? ['AUTH LOGIN', base64(who.username), base64(who.password)]
      : []
  if (lines.length === 0) {
    const offer = offered.length > 0 ? `only ${offered.join(', ').slice(0, 200)}` : 'no way to sign in'
    // RFC 4954 section 4: what a server says to a mechanism that it does not have.
    throw new SmtpFailure('auth', 'reply', `the server offers ${offer}; PLAIN or LOGIN is needed for this route`, {
      code: 504,
      enhanced: '5.5.4',
    })
  }
  for (const [i, line] of lines.entries()) {
    socket.write(`${line}\r\n`)
    const reply = await socket.reply(timeoutMs, 'auth')
    const wanted = i < lines.length - 1 ? reply.code === 334 : isGood(reply)
    if (!wanted) throw badReply('auth', 'reply', reply)
  }
}

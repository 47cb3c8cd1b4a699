/**
 * An IMAP session with one mailbox of our own (RFC 3501): connecting, TLS, signing in and commands, one at a time, each within
 * what is left of the session's time. The response codes of RFC 5530 say whose fault a refused sign-in is.
 */
import { isIP, type Socket } from 'node:net'
import tls from 'node:tls'
import type { Clock } from '../../platform/clock.ts'
import { dial } from '../smtp/dial.ts'
import { readLines, type Lines } from './lines.ts'
import { reached, unreached, type ReachResult } from './result.ts'

export interface ImapTarget {
  host: string
  port: number
  tls: 'implicit' | 'starttls'
  username: string
  password: string
  /** PEM; left out: the public ones */
  ca?: string | undefined
  /** for the whole of it */
  timeoutMs: number
}

export interface Answer {
  status: 'OK' | 'NO' | 'BAD'
  text: string
  untagged: string[]
}

export interface ImapSession {
  /** One command and its answer; throws where there is none. */
  say: (text: string) => Promise<Answer>
}

/** Untagged lines before the answer: a greeting, capabilities, the Inbox's flags, a hundred headers of one field. */
const MOST_LINES = 800
/** RFC 5530 section 3. What is not said to be temporary is taken for a refusal of this one mailbox. */
const TEMPORARY = /^\[(UNAVAILABLE|SERVERBUG|INUSE|CONTACTADMIN|LIMIT)\]/i

/** `use` is called signed in; what it throws, and what keeps us from there, is the result. Never throws. */
export async function withMailbox<T>(
  target: ImapTarget,
  clock: Clock,
  use: (session: ImapSession) => Promise<T>,
): Promise<T | ReachResult> {
  const until = clock.monotonic() + target.timeoutMs
  const left = (): number => Math.max(1, until - clock.monotonic())
  let socket: Socket | null = null
  try {
    socket = await dial(target.host, target.port, { clock, timeoutMs: left() })
    socket.on('error', () => undefined)
    if (target.tls === 'implicit') socket = await encrypt(socket, target, left, clock)
    let lines = readLines(socket, clock)
    const hello = await greeting(lines, left)
    if (target.tls === 'starttls') {
      const answer = await command(socket, lines, 'h1', 'STARTTLS', left)
      if (answer.status !== 'OK') return reached('bad', `STARTTLS was answered: ${answer.text}`)
      lines.detach()
      socket = await encrypt(socket, target, left, clock)
      lines = readLines(socket, clock)
    }
    // RFC 3501 section 7.1.4: who is greeted so is signed in already, and by whom nobody knows.
    if (/^\* PREAUTH/i.test(hello)) return reached('bad', 'it signs everybody in without asking')
    const words = wordsIn(await command(socket, lines, 'h2', 'CAPABILITY', left))
    const signedIn = await signIn({ socket, lines, left, words }, target)
    if (signedIn.status !== 'OK') {
      const temporary = signedIn.status === 'NO' && TEMPORARY.test(signedIn.text)
      return reached(temporary ? 'bad' : 'refused', `signing in was answered: ${signedIn.text}`)
    }
    return await use(sessionOf(socket, lines, left))
  } catch (error) {
    return unreached(error)
  } finally {
    const open = socket
    if (open && !open.destroyed && open.writable) open.write('h9 LOGOUT\r\n')
    if (open) clock.after(100, () => open.destroy(), { hold: false })
  }
}

function sessionOf(socket: Socket, lines: Lines, left: () => number): ImapSession {
  let count = 0
  return { say: (text) => command(socket, lines, `u${++count}`, text, left) }
}

async function greeting(lines: Lines, left: () => number): Promise<string> {
  const line = await lines.next(left())
  if (/^\* BYE/i.test(line)) throw new Error(`it greets with: ${line.slice(2)}`)
  if (!/^\* (OK|PREAUTH)/i.test(line)) throw new Error(`what answers there does not speak IMAP: ${line.slice(0, 80)}`)
  return line
}

/** What the server says it can, in capitals; once somebody has signed in it may be more. */
export const wordsIn = ({ untagged }: Answer): string[] =>
  untagged
    .find((line) => /^\* CAPABILITY/i.test(line))
    ?.toUpperCase()
    .split(' ') ?? []

/** RFC 3501 section 6.2.3; where a name cannot stand in quotes, or LOGIN is off, RFC 4959. */
async function signIn(
  { socket, lines, left, words }: { socket: Socket; lines: Lines; left: () => number; words: readonly string[] },
  { username, password }: Pick<ImapTarget, 'username' | 'password'>,
): Promise<Answer> {
  if (words.includes('AUTH=PLAIN')) {
    const response = Buffer.from(`\0${username}\0${password}`).toString('base64')
    if (words.includes('SASL-IR')) return command(socket, lines, 'h4', `AUTHENTICATE PLAIN ${response}`, left)
    socket.write('h4 AUTHENTICATE PLAIN\r\n')
    const line = await lines.next(left())
    if (line.startsWith('+')) {
      socket.write(`${response}\r\n`)
      return answer(lines, 'h4', left)
    }
    if (words.includes('LOGINDISABLED')) throw new Error(`AUTHENTICATE PLAIN was answered: ${line}`)
  }
  if (/[^\x20-\x7e]/.test(username + password)) throw new Error('it takes no name or password beyond ASCII')
  const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`
  return command(socket, lines, 'h5', `LOGIN ${quoted(username)} ${quoted(password)}`, left)
}

function command(socket: Socket, lines: Lines, tag: string, text: string, left: () => number): Promise<Answer> {
  socket.write(`${tag} ${text}\r\n`)
  return answer(lines, tag, left)
}

async function answer(lines: Lines, tag: string, left: () => number): Promise<Answer> {
  const untagged: string[] = []
  while (untagged.length < MOST_LINES) {
    const line = await lines.next(left())
    const done = new RegExp(`^${tag} (OK|NO|BAD)\\b ?(.*)$`, 'i').exec(line)
    if (done) return { status: done[1]!.toUpperCase() as Answer['status'], text: done[2]!, untagged }
    if (/^\* BYE/i.test(line)) throw new Error(`it ends with: ${line.slice(2)}`)
    untagged.push(line)
  }
  throw new Error('what answers there does not speak IMAP (it goes on without an answer)')
}

function encrypt(socket: Socket, { host, ca }: ImapTarget, left: () => number, clock: Clock): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const secure = tls.connect({
      socket,
      servername: isIP(host) ? '' : host,
      checkServerIdentity: (_, certificate) => tls.checkServerIdentity(host, certificate),
      ...(ca === undefined ? {} : { ca }),
    })
    const timer = clock.after(left(), () => secure.destroy(new Error('no answer in the TLS handshake')), {
      hold: false,
    })
    secure.once('secureConnect', () => {
      timer.cancel()
      resolve(secure)
    })
    secure.on('error', (error: Error) => {
      timer.cancel()
      reject(new Error(`TLS: ${error.message}`))
    })
    secure.once('close', () => reject(new Error('the connection was closed in the TLS handshake')))
  })
}

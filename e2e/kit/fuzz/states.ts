/** The named states of a session in which the fuzzer begins, and how each is reached. */
import { openLineClient } from '../../../server/testkit/line-client.ts'
import type { LineClient } from '../../../server/testkit/line-client.ts'
import type { Ports } from '../holdfast.ts'
import { passwordFor } from '../organisation.ts'
import { SIGN_IN } from './vocabulary.ts'

/** The organisation's own system, whose line endings are mended. */
export const OWN_SYSTEM = '127.0.3.1'
/** Connections from here begin with a PROXY header. */
export const PROXY = '127.0.3.2'
const STRANGER = '127.0.3.3'
/** Who guesses is slowed down by address: they have addresses of their own. */
const GUESSER = '127.0.9.4'
const PERSON = '127.0.3.5'

export interface State {
  door: 'mx' | 'submission' | 'submissions'
  from: string
  /** what comes back is TLS, or may be cut short: its grammar is not looked at */
  isOpaque?: boolean
  /** somebody signs in on the way there, or may on the way from there */
  isSlow?: boolean
  reach(client: LineClient): Promise<void>
}

/** Each line gets its reply; `SEND text` is sent as it is, and nothing is waited for. */
const say =
  (...lines: string[]) =>
  async (client: LineClient): Promise<void> => {
    await client.reply()
    await go(client, lines)
  }
async function go(client: LineClient, lines: readonly string[]): Promise<void> {
  for (const line of lines)
    if (line.startsWith('SEND ')) client.send(line.slice(5))
    else if (line === 'TLS') await client.startTls()
    else await client.command(line)
}
const mail = ['EHLO x', 'MAIL FROM:<a@outside.test>']
const rcpt = [...mail, 'RCPT TO:<alice@fuzz.test>']
const secured = ['EHLO x', 'STARTTLS', 'TLS', 'EHLO x']
const signedIn = [...secured, `AUTH PLAIN ${SIGN_IN('alice@fuzz.test', passwordFor('alice'))}`]
const writing = [...signedIn, 'MAIL FROM:<alice@fuzz.test>', 'RCPT TO:<x@outside.test>']

const atMx = (reach: State['reach'], more: Partial<State> = {}): State => ({
  door: 'mx',
  from: STRANGER,
  reach,
  ...more,
})
const atSubmission = (from: string, ...lines: string[]): State => ({
  door: 'submission',
  from,
  isSlow: lines.some((line) => line.startsWith('AUTH')),
  reach: say(...lines),
})

export const states: Record<string, State> = {
  'connected': atMx(say()),
  'greeting not read': atMx(async () => undefined),
  'after EHLO': atMx(say('EHLO x')),
  'in the TLS handshake': atMx(say('EHLO x', 'STARTTLS'), { isOpaque: true }),
  'after STARTTLS': atMx(say('EHLO x', 'STARTTLS', 'TLS')),
  'after MAIL': atMx(say(...mail)),
  'after RCPT': atMx(say(...rcpt)),
  'in DATA': atMx(say(...rcpt, 'DATA')),
  'in DATA, mended': atMx(say(...rcpt, 'DATA'), { from: OWN_SYSTEM }),
  'in BDAT': atMx(say(...rcpt, 'SEND BDAT 500\r\n')),
  'in BDAT, mended': atMx(say(...rcpt, 'SEND BDAT 500\r\n'), { from: OWN_SYSTEM }),
  'between chunks': atMx(say(...rcpt, 'BDAT 6\r\nA: b\r\n')),
  'after a BDAT error': atMx(say('EHLO x', 'BDAT 5\r\nhello')),
  'after RSET': atMx(say(...rcpt, 'RSET')),
  'after a message': atMx(say(...rcpt, 'DATA', 'A: b\r\n\r\nx\r\n.')),
  'PROXY header expected': atMx(async () => undefined, { from: PROXY }),
  'submission, in clear': atSubmission(PERSON, 'EHLO x'),
  'submission, after STARTTLS': atSubmission(PERSON, ...secured),
  'in AUTH PLAIN': atSubmission(GUESSER, ...secured, 'AUTH PLAIN'),
  'in AUTH LOGIN': atSubmission(GUESSER, ...secured, 'AUTH LOGIN', Buffer.from('bob@fuzz.test').toString('base64')),
  'authenticated': atSubmission(PERSON, ...signedIn),
  'authenticated, in DATA': atSubmission(PERSON, ...writing, 'DATA'),
  'submissions, in the TLS handshake': {
    door: 'submissions',
    from: PERSON,
    isOpaque: true,
    reach: async () => undefined,
  },
}

export const openState = ({ door, from }: State, ports: Ports): Promise<LineClient> =>
  openLineClient(ports[door], { localAddress: from, timeoutMs: 30_000 })

/**
 * A connection to a directory server, always under TLS and to nobody but whom the certificate names: from the first byte
 * (ldaps), or after STARTTLS (RFC 4511 section 4.14). Passwords go over it, so there is no way without.
 *
 * STARTTLS is asked for here and not by the library: what somebody on the way writes behind the plain answer must not be
 * taken for the first answer under TLS. Failure: throws, and nothing stays open.
 */
import { connect, isIP, type Socket } from 'node:net'
import tls from 'node:tls'

export interface LdapServer {
  host: string
  port: number
  tls: 'ldaps' | 'starttls'
}

/** ExtendedRequest 1.3.6.1.4.1.1466.20037, message 1. */
const START_TLS = Buffer.concat([
  Buffer.from([0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16]),
  Buffer.from('1.3.6.1.4.1.1466.20037'),
])
const MOST_ANSWER = 4_096

interface Element {
  tag: number
  start: number
  end: number
}

/** The element at `at` (BER, RFC 4511 section 5.1); null: not all of its head is there. Throws where it is none. */
function elementAt(bytes: Buffer, at: number): Element | null {
  if (bytes.length < at + 2) return null
  const first = bytes[at + 1]!
  if (first < 0x80) return { tag: bytes[at]!, start: at + 2, end: at + 2 + first }
  const more = first & 0x7f
  if (more === 0 || more > 4) throw new Error('its answer to STARTTLS is not LDAP')
  if (bytes.length < at + 2 + more) return null
  const start = at + 2 + more
  return { tag: bytes[at]!, start, end: start + bytes.readUIntBE(at + 2, more) }
}

/** False: more must come. Throws where the answer is no, is none, or has something behind it. */
export function isStartTlsAnswer(bytes: Buffer): boolean {
  if (bytes.length > 0 && bytes[0] !== 0x30) throw new Error('its answer to STARTTLS is not LDAP')
  const whole = elementAt(bytes, 0)
  if (whole !== null && whole.end > MOST_ANSWER) throw new Error('its answer to STARTTLS is too long')
  if (whole === null || bytes.length < whole.end) return false
  if (bytes.length > whole.end) throw new Error('something stands behind its answer to STARTTLS')
  const id = elementAt(bytes, whole.start)
  const answer = id?.tag === 0x02 && id.end <= whole.end ? elementAt(bytes, id.end) : null
  const code = answer?.tag === 0x78 && answer.end <= whole.end ? elementAt(bytes, answer.start) : null
  if (code?.tag !== 0x0a || code.end !== code.start + 1 || code.end > whole.end)
    throw new Error('its answer to STARTTLS is not LDAP')
  if (bytes[code.start] !== 0) throw new Error(`it does not take STARTTLS (result ${bytes[code.start]})`)
  return true
}

function happens(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve)
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('it closed the connection')))
  })
}

function startTls(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0)
    socket.on('data', function take(chunk: Buffer) {
      bytes = Buffer.concat([bytes, chunk])
      try {
        if (!isStartTlsAnswer(bytes)) return
        socket.off('data', take)
        resolve()
      } catch (error) {
        socket.off('data', take)
        reject(error)
      }
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('it closed the connection')))
    socket.write(START_TLS)
  })
}

export async function dial(
  { host, port, tls: way }: LdapServer,
  ca: string | undefined,
  signal: AbortSignal,
): Promise<tls.TLSSocket> {
  signal.throwIfAborted()
  const plain = connect({ host, port })
  const end = (): void => void plain.destroy()
  signal.addEventListener('abort', end, { once: true })
  // Whoever waits hears of trouble by a listener of their own; trouble when nobody waits any more is none.
  plain.on('error', () => undefined)
  plain.once('close', () => signal.removeEventListener('abort', end))
  try {
    await happens(plain, 'connect')
    if (way === 'starttls') await startTls(plain)
    const secure = tls.connect({
      socket: plain,
      // RFC 6066 section 3: an address is no name.
      servername: isIP(host) ? '' : host,
      checkServerIdentity: (_, certificate) => tls.checkServerIdentity(host, certificate),
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ...(ca === undefined ? {} : { ca }),
    })
    secure.on('error', () => undefined)
    await happens(secure, 'secureConnect')
    return secure
  } catch (error) {
    plain.destroy()
    throw signal.aborted ? (signal.reason as Error) : error
  }
}

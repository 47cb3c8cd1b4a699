/**
 * One message on one connection, as strangers send it: a raw socket, and MAIL, RCPT and DATA in one write (RFC 2920).
 * Never throws: how it ended is its result, so that a sender can go on after a 421 as real ones do.
 */
import { connect } from 'node:net'

export interface Letter {
  port: number
  from: string
  to: string
  /** as on the wire: dot-stuffed, with the final dot */
  bytes: Buffer
  /** which address of this machine it comes from */
  localAddress?: string
}

/** `busy`: 421 instead of a greeting. `broken`: greeted, and the connection ended or said 421 before the 250. */
export type Ending = 'accepted' | 'busy' | 'unreached' | 'refused' | 'broken'

export interface Sent {
  ending: Ending
  /** performance.now() when MAIL was written */
  mailAt: number
  text: string
}

/** Silence for this long: given up, as `unreached` or `broken`. */
const SILENCE_MS = 20_000

/** Greeting, EHLO, MAIL, RCPT, DATA, the message. */
const EXPECTED = ['220', '250', '250', '250', '354', '250']

export function sendOnce({ port, from, to, bytes, localAddress }: Letter): Promise<Sent> {
  return new Promise((resolve) => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      ...(localAddress === undefined ? {} : { localAddress }),
    })
    let step = 0
    let rest = ''
    let mailAt = 0
    let ending: Ending | null = null
    let text = ''
    const end = (how: Ending, said = ''): void => {
      ending ??= how
      text ||= said
    }
    const onReply = (line: string): void => {
      if (ending !== null || line[3] === '-') return
      const code = line.slice(0, 3)
      if (code !== EXPECTED[step]) {
        end(code === '421' ? (step === 0 ? 'busy' : 'broken') : 'refused', line)
        socket.end()
        return
      }
      step++
      if (step === 1) socket.write('EHLO load.test\r\n')
      else if (step === 2) {
        mailAt = performance.now()
        socket.write(`MAIL FROM:<${from}>\r\nRCPT TO:<${to}>\r\nDATA\r\n`)
      } else if (step === 5) socket.write(bytes)
      else if (step === 6) {
        end('accepted')
        socket.end('QUIT\r\n')
      }
    }
    socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString('latin1')).split('\r\n')
      rest = lines.pop()!
      for (const line of lines) onReply(line)
    })
    socket.setTimeout(SILENCE_MS, () => {
      end(step === 0 ? 'unreached' : 'broken', `silence after step ${step}`)
      socket.destroy()
    })
    socket.on('error', (error) => end(step === 0 ? 'unreached' : 'broken', error.message))
    socket.on('close', () => {
      end(step === 0 ? 'unreached' : 'broken', 'the connection ended')
      resolve({ ending: ending!, mailAt, text })
    })
  })
}

/** A message of `size` octets with one header line of its own. */
export function letterBytes(size: number, header = 'X-Bench: 0'): Buffer {
  const head = `From: sender@outside.test\r\nSubject: bench\r\n${header}\r\n\r\n`
  const line = `${'x'.repeat(70)}\r\n`
  return Buffer.from(`${head}${line.repeat(Math.max(1, Math.ceil((size - head.length) / line.length)))}.\r\n`)
}

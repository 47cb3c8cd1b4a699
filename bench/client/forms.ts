/**
 * One message on one connection, in a form that smtp-source does not know: over STARTTLS, by BDAT, with SMTPUTF8; and plainly
 * by DATA, from the same generator, to compare. Never throws, as session.ts.
 */
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Ending, Sent } from './session.ts'

export const formNames = ['data', 'tls', 'chunks', 'utf8'] as const
export type Form = (typeof formNames)[number]

export interface FormLetter {
  port: number
  to: string
  /** as it is: no dots stuffed, no final dot */
  bytes: Buffer
}

interface Step {
  expect: string
  say: string | Buffer
  /** before anything more is said */
  secure?: boolean
}

const SILENCE_MS = 20_000

/** A message of `size` octets in this form. */
export function formBytes(form: Form, size: number): Buffer {
  const subject = form === 'utf8' ? 'Grüße aus Ålesund' : 'bench'
  const head = `From: sender@outside.test\r\nSubject: ${subject}\r\n\r\n`
  const line = `${'x'.repeat(70)}\r\n`
  return Buffer.from(head + line.repeat(Math.max(1, Math.ceil((size - head.length) / line.length))))
}

function stepsOf(form: Form, { to, bytes }: FormLetter): Step[] {
  const ehlo = 'EHLO load.test\r\n'
  const from = form === 'utf8' ? 'FROM:<grüße@outside.test> BODY=8BITMIME SMTPUTF8' : 'FROM:<sender@outside.test>'
  const begin = `MAIL ${from}\r\nRCPT TO:<${to}>\r\n`
  const hello: Step[] = [
    { expect: '220', say: ehlo },
    ...(form === 'tls'
      ? [
          { expect: '250', say: 'STARTTLS\r\n' },
          { expect: '220', say: ehlo, secure: true },
        ]
      : []),
  ]
  const message: Step[] =
    form === 'chunks'
      ? [
          { expect: '250', say: Buffer.concat([Buffer.from(`${begin}BDAT ${bytes.length} LAST\r\n`), bytes]) },
          { expect: '250', say: '' },
          { expect: '250', say: '' },
        ]
      : [
          { expect: '250', say: `${begin}DATA\r\n` },
          { expect: '250', say: '' },
          { expect: '250', say: '' },
          { expect: '354', say: Buffer.concat([bytes, Buffer.from('.\r\n')]) },
        ]
  return [...hello, ...message, { expect: '250', say: 'QUIT\r\n' }]
}

export function sendForm(form: Form, letter: FormLetter): Promise<Sent> {
  return new Promise((resolve) => {
    const steps = stepsOf(form, letter)
    const raw = connect({ port: letter.port, host: '127.0.0.1', noDelay: true })
    let socket: Socket = raw
    let at = 0
    let rest = ''
    let ending: Ending | null = null
    let text = ''
    const end = (how: Ending, said: string): void => {
      ending ??= how
      text ||= said
    }
    function secure(say: string | Buffer): void {
      raw.removeAllListeners('data')
      // the session's certificate is made by itself; everybody's here is
      socket = connectTls({ socket: raw, rejectUnauthorized: false })
      socket.on('error', (error) => end('broken', error.message))
      socket.on('data', onData)
      socket.once('secureConnect', () => socket.write(say))
    }
    function onLine(line: string): void {
      if (ending !== null || line[3] === '-') return
      const step = steps[at++]!
      if (!line.startsWith(step.expect)) {
        end(line.startsWith('421') ? (at === 1 ? 'busy' : 'broken') : 'refused', line)
        return void socket.end()
      }
      if (step.secure) return secure(step.say)
      if (at === steps.length) {
        end('accepted', '')
        return void socket.end(step.say)
      }
      if (step.say.length > 0) socket.write(step.say)
    }
    function onData(chunk: Buffer): void {
      const lines = (rest + chunk.toString('latin1')).split('\r\n')
      rest = lines.pop()!
      for (const line of lines) onLine(line)
    }
    const began = performance.now()
    raw.on('data', onData)
    raw.setTimeout(SILENCE_MS, () => {
      end(at === 0 ? 'unreached' : 'broken', `silence after step ${at}`)
      raw.destroy()
    })
    raw.on('error', (error) => end(at === 0 ? 'unreached' : 'broken', error.message))
    raw.on('close', () => {
      end(at === 0 ? 'unreached' : 'broken', 'the connection ended')
      resolve({ ending: ending!, mailAt: began, text })
    })
  })
}

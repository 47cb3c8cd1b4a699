/** One message over a connection of its own, as strangers send: how long the reply to the final dot took. */
import { connect } from 'node:net'

export interface Sent {
  /** of the reply to the final dot; 0: the sender was cut off before it came */
  code: number
  /** from the final dot to its reply */
  ms: number
}

const COMMANDS = (to: string): string[] => [
  'EHLO sender.test',
  'MAIL FROM:<sender@outside.test>',
  `RCPT TO:<${to}>`,
  'DATA',
]

/** `cutMs`: the connection is cut so long after the final dot. */
export function sendOne(port: number, to: string, message: string, cutMs?: number): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    const rest = COMMANDS(to)
    let text = ''
    let dotAt = 0
    const end = (code: number): void => {
      socket.destroy()
      resolve({ code, ms: performance.now() - dotAt })
    }
    socket.on('error', reject)
    socket.on('close', () => (dotAt > 0 ? end(0) : reject(new Error('the connection was closed'))))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      for (let at = text.indexOf('\r\n'); at >= 0; at = text.indexOf('\r\n')) {
        const line = text.slice(0, at)
        text = text.slice(at + 2)
        if (line[3] === '-') continue
        const code = Number(line.slice(0, 3))
        if (dotAt > 0) return end(code)
        const command = rest.shift()
        if (command !== undefined) socket.write(`${command}\r\n`)
        else if (code === 354) {
          socket.write(`${message}\r\n.\r\n`)
          dotAt = performance.now()
          if (cutMs !== undefined) setTimeout(() => end(0), cutMs)
        } else return void socket.destroy(new Error(`unexpected: ${line}`))
      }
    })
  })
}

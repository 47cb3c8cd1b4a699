/** How long RCPT takes for recipients that were never asked for: nothing of them is in memory. */
import { connect } from 'node:net'
import { median } from '../measure.ts'

/** Milliseconds, the median over these recipients, one transaction each on one connection. Throws when one is refused. */
export async function firstRcpt(port: number, recipients: readonly string[]): Promise<number> {
  const socket = connect(port, '127.0.0.1')
  socket.setEncoding('latin1').setNoDelay(true)
  let text = ''
  let wake = (): void => undefined
  socket.on('data', (chunk: string) => {
    text += chunk
    wake()
  })
  const failed = new Promise<never>((_, reject) => {
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the connection ended')))
  })
  failed.catch(() => undefined)
  const answer = async (): Promise<string> => {
    for (;;) {
      const last = /^(\d{3}) .*\r\n/m.exec(text)
      if (last) {
        text = text.slice(last.index + last[0].length)
        return last[0]
      }
      await Promise.race([new Promise<void>((resolve) => (wake = resolve)), failed])
    }
  }
  const say = async (line: string): Promise<void> => {
    socket.write(`${line}\r\n`)
    const said = await answer()
    if (!said.startsWith('2')) throw new Error(`${line}: ${said}`)
  }
  await answer()
  await say('EHLO bench.outside.test')
  const times: number[] = []
  for (const recipient of recipients) {
    await say('MAIL FROM:<sender@outside.test>')
    const from = performance.now()
    await say(`RCPT TO:<${recipient}>`)
    times.push(performance.now() - from)
    await say('RSET')
  }
  socket.destroy()
  return median(times)
}

/**
 * RCPT after RCPT, nothing else: so many sessions, each a transaction of some recipients in one write (RFC 2920), given up by RSET
 * (RFC 5321 section 4.1.1.5), for a while. What is measured is how fast a server says who is known.
 */
import { connect, type Socket } from 'node:net'

/** Of a connection; who only asks and never sends is shown out after some commands. */
const TRANSACTIONS = 5

export interface RcptWish {
  port: number
  sessions: number
  /** recipients of a transaction */
  each: number
  seconds: number
  /** the next address to be asked for */
  next: () => string
}

export interface RcptTally {
  taken: number
  refused: number
  seconds: number
  /** of the first that was not taken */
  firstText: string
}

/** Final lines of replies, in order. */
function repliesOf(socket: Socket): () => Promise<string> {
  const lines: string[] = []
  const waiting: ((line: string) => void)[] = []
  let rest = ''
  socket.on('data', (chunk) => {
    const parts = (rest + chunk.toString('latin1')).split('\r\n')
    rest = parts.pop()!
    for (const line of parts)
      if (line[3] !== '-') {
        const take = waiting.shift()
        if (take) take(line)
        else lines.push(line)
      }
  })
  return () => {
    const line = lines.shift()
    if (line !== undefined) return Promise.resolve(line)
    return new Promise((resolve, reject) => {
      waiting.push(resolve)
      socket.once('close', () => reject(new Error('the connection ended')))
    })
  }
}

async function expectReply(next: () => Promise<string>, code: string): Promise<void> {
  const line = await next()
  if (!line.startsWith(code)) throw new Error(`not ${code}: ${line}`)
}

async function session({ port, each, next }: RcptWish, tally: RcptTally, until: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.setMaxListeners(0)
  const failed = new Promise<never>((_, reject) => socket.once('error', reject))
  failed.catch(() => undefined)
  const reply = repliesOf(socket)
  const talk = async (): Promise<void> => {
    await expectReply(reply, '220')
    socket.write('EHLO load.test\r\n')
    await expectReply(reply, '250')
    for (let n = 0; n < TRANSACTIONS && performance.now() < until; n++) {
      const rcpts = Array.from({ length: each }, () => `RCPT TO:<${next()}>\r\n`).join('')
      socket.write(`MAIL FROM:<sender@outside.test>\r\n${rcpts}RSET\r\n`)
      await expectReply(reply, '250')
      for (let i = 0; i < each; i++) {
        const line = await reply()
        if (line.startsWith('250')) tally.taken++
        else {
          tally.refused++
          tally.firstText ||= line
        }
      }
      await expectReply(reply, '250')
    }
    socket.end('QUIT\r\n')
  }
  try {
    await Promise.race([talk(), failed])
  } finally {
    socket.destroy()
  }
}

/** Throws where a session breaks: a rate without its sessions would be none. */
export async function askRecipients(wish: RcptWish): Promise<RcptTally> {
  const tally: RcptTally = { taken: 0, refused: 0, seconds: 0, firstText: '' }
  const from = performance.now()
  const until = from + wish.seconds * 1000
  const lane = async (): Promise<void> => {
    while (performance.now() < until) await session(wish, tally, until)
  }
  await Promise.all(Array.from({ length: wish.sessions }, lane))
  tally.seconds = (performance.now() - from) / 1000
  return tally
}

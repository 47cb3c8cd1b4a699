/**
 * The independent sender of the kill proof: a process of its own that nobody kills. It reads messages (JSON lines with
 * nonce, from, to, size) from a file, sends them over several connections, and writes to its journal, forced to disk
 * before it goes on: `A nonce n` attempt n begins, `X nonce n step` the connection broke at a step without a final
 * reply, `R nonce n code step` the final reply. What got no 250 is sent again, as any mail server would.
 *
 *   node sender.mjs PORT-FILE MESSAGES JOURNAL CONNECTIONS SECONDS
 */
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { connect } from 'node:net'

const [portFile, messagesFile, journalFile, connections, seconds] = process.argv.slice(2)
const waiting = readFileSync(messagesFile, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))
const total = waiting.length
const journal = openSync(journalFile, 'a')
const end = Date.now() + Number(seconds) * 1000
let done = 0

function record(line) {
  writeSync(journal, `${line}\n`)
  fdatasyncSync(journal)
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** A connection that answers line by line and rejects all that waits when it breaks. */
function open(port) {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  let text = ''
  let broken = null
  const replies = []
  const waiters = []
  const fail = (error) => {
    broken ??= error
    for (const { reject } of waiters.splice(0)) reject(broken)
  }
  socket.setTimeout(20_000, () => socket.destroy(new Error('silence')))
  socket.on('data', (chunk) => {
    text += chunk
    for (let at = text.indexOf('\r\n'); at !== -1; at = text.indexOf('\r\n')) {
      const line = text.slice(0, at)
      text = text.slice(at + 2)
      if (line[3] === '-') continue
      const waiter = waiters.shift()
      if (waiter) waiter.resolve(Number(line.slice(0, 3)))
      else replies.push(Number(line.slice(0, 3)))
    }
  })
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('closed')))
  return {
    socket,
    reply: () =>
      new Promise((resolve, reject) =>
        replies.length ? resolve(replies.shift()) : broken ? reject(broken) : waiters.push({ resolve, reject }),
      ),
  }
}

function body({ nonce, size, messageId, to }) {
  const lines = [`From: proof@outside.test`, `To: ${to.join(', ')}`, `Subject: kill proof ${nonce}`]
  if (messageId !== null) lines.push(`Message-ID: ${messageId}`)
  lines.push('', `nonce:${nonce}`)
  const filler = 'The quick fox sends mail through every storm, and counts it after.'
  for (let length = 0; length < size; length += filler.length + 2) lines.push(filler)
  return `${lines.join('\r\n')}\r\n`
}

async function worker() {
  let line = null
  while (waiting.length > 0 && Date.now() < end) {
    const message = waiting.shift()
    message.tries = (message.tries ?? 0) + 1
    const { nonce, tries } = message
    let step = 'connect'
    let begun = false
    const say = async (next, text, wanted) => {
      step = next
      line.socket.write(text)
      const code = await line.reply()
      if (Math.floor(code / 100) !== wanted) throw Object.assign(new Error(`${code}`), { reply: code })
      return code
    }
    try {
      if (!line) {
        line = open(Number(readFileSync(portFile, 'utf8')))
        step = 'greeting'
        const code = await line.reply()
        if (code !== 220) throw Object.assign(new Error(`${code}`), { reply: code })
        await say('ehlo', 'EHLO sender.proof.test\r\n', 2)
      }
      record(`A ${nonce} ${tries}`)
      begun = true
      await say('mail', `MAIL FROM:<${message.from}>\r\n`, 2)
      for (const to of message.to) await say('rcpt', `RCPT TO:<${to}>\r\n`, 2)
      await say('data', 'DATA\r\n', 3)
      const text = body(message)
      step = 'body'
      const half = text.length >> 1
      line.socket.write(text.slice(0, half))
      if (message.pause) await sleep(message.pause)
      line.socket.write(text.slice(half))
      step = 'dot'
      line.socket.write('.\r\n')
      const code = await line.reply()
      record(`R ${nonce} ${tries} ${code} dot`)
      if (code === 250) done += 1
      else waiting.push(message)
    } catch (error) {
      // a reply that is not 2xx is an answer: nothing was accepted; a broken connection is none
      if (error.reply && begun) record(`R ${nonce} ${tries} ${error.reply} ${step}`)
      else if (begun) record(`X ${nonce} ${tries} ${step}`)
      waiting.push(message)
      line?.socket.destroy()
      line = null
      await sleep(60)
    }
  }
  line?.socket.end('QUIT\r\n')
}

await Promise.all(Array.from({ length: Number(connections) }, worker))
closeSync(journal)
process.stdout.write(`${JSON.stringify({ total, done })}\n`)
process.exit(0)

/** A server that answers while the message is still coming: a refusal is the outcome, and the dot is never sent. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../platform/clock.ts'
import { openSmtpConnection, type OutgoingMail, type SmtpConnection } from './connection.ts'

let server: Server
let connection: SmtpConnection
const sockets = new Set<Socket>()
afterEach(async () => {
  connection.destroy()
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

/** Answers commands at once; `onBody` is told of every piece of the message and may do what it likes. */
async function open(
  onBody: (socket: Socket, octets: number, piece: Buffer) => void,
  protocol: 'smtp' | 'lmtp' = 'smtp',
): Promise<void> {
  server = createServer((socket) => {
    let octets = -1
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.write('220 hop\r\n')
    socket.on('data', (chunk: Buffer) => {
      if (octets >= 0) return onBody(socket, (octets += chunk.length), chunk)
      for (const line of chunk.toString('latin1').split('\r\n').filter(Boolean)) {
        socket.write(line === 'DATA' ? '354 go on\r\n' : '250 ok\r\n')
        if (line === 'DATA') octets = 0
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  connection = await openSmtpConnection({
    target: { host: '127.0.0.1', port, protocol, tls: 'none' },
    helo: 'mx.test',
    clock: systemClock,
    timeouts: { block: 5000, final: 5000 },
  })
}

const block = Buffer.alloc(65_536, 'some text\r\n')
const mail = (to: string[], body: OutgoingMail['body']): OutgoingMail => ({
  from: 'a@corp.test',
  size: 1,
  smtputf8: false,
  eightbit: false,
  ret: null,
  envid: null,
  recipients: to.map((address) => ({ address, notify: null, orcpt: null })),
  body,
})
/** More than any kernel buffers. */
const endless = function* () {
  for (let i = 0; i < 2000; i++) yield block
}
const once = (act: (socket: Socket) => void): ((socket: Socket, octets: number) => void) => {
  let done = false
  return (socket, octets) => {
    if (done || octets < 100_000) return
    done = true
    act(socket)
  }
}

test.each<[string, (socket: Socket) => void]>([
  ['hangs up', (socket) => void socket.end('552 5.3.4 too large\r\n')],
  [
    'hangs up with our bytes unread',
    (socket) => {
      socket.pause()
      socket.write('552 5.3.4 too large\r\n', () => void socket.destroy())
    },
  ],
  [
    'reads no more',
    (socket) => {
      socket.pause()
      socket.write('552 5.3.4 too large\r\n')
    },
  ],
  ['goes on reading', (socket) => void socket.write('552 5.3.4 too large\r\n')],
])('a refusal in the middle of DATA is the outcome where the server then %s', async (_, act) => {
  await open(once(act))
  const [result] = await connection.send(mail(['b@outside.test'], endless))
  expect(result).toMatchObject({
    outcome: 'refused',
    stage: 'data',
    code: 552,
    enhanced: '5.3.4',
    text: 'too large',
    failure: null,
  })
  expect(connection.usable()).toBe(false)
})

test('a server that says it is too busy in the middle of DATA is asked again later, for its own reason', async () => {
  await open(once((socket) => void socket.end('421 4.3.2 shutting down\r\n')))
  const [result] = await connection.send(mail(['b@outside.test'], endless))
  expect(result).toMatchObject({ outcome: 'deferred', code: 421, enhanced: '4.3.2', failure: null })
})

test('half a reply is none: the connection was lost', async () => {
  await open(once((socket) => void socket.end('552-5.3.4 too\r\n552 5.3')))
  const [result] = await connection.send(mail(['b@outside.test'], endless))
  expect(result).toMatchObject({ outcome: 'deferred', code: 0, failure: 'dropped' })
})

test.each([
  ['552 5.3.4 too large', { outcome: 'refused', code: 552 }],
  ['250 2.0.0 Ok', { outcome: 'deferred', code: 0, failure: 'protocol' }],
])('%s before the last piece: the dot is not sent, so nothing can have been taken', async (reply, expected) => {
  let seen = ''
  let answered = (): void => undefined
  const gate = new Promise<void>((resolve) => (answered = resolve))
  await open((socket, octets, piece) => {
    seen += piece.toString('latin1')
    if (octets === block.length) socket.write(`${reply}\r\n`, () => void setTimeout(answered, 50))
  })
  const [result] = await connection.send(
    mail(['b@outside.test'], async function* () {
      yield block
      await gate
      yield Buffer.from('the last line\r\n')
    }),
  )
  expect(result).toMatchObject(expected)
  await expect.poll(() => [...sockets].every((socket) => socket.closed)).toBe(true)
  expect(seen).not.toContain('\r\n.\r\n')
})

test.each([
  [
    ['452 4.2.2 full', '552 5.3.4 too large'],
    ['deferred', 'refused'],
  ],
  [['552 5.3.4 too large'], ['refused', 'refused']],
])('LMTP: %j is for each recipient, or for the message', async (replies, outcomes) => {
  await open(
    once((socket) => void socket.end(replies.map((reply) => `${reply}\r\n`).join(''))),
    'lmtp',
  )
  const results = await connection.send(mail(['b@corp.test', 'c@corp.test'], endless))
  expect(results.map((one) => one.outcome)).toEqual(outcomes)
})

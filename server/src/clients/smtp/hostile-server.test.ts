/** A next hop that means ill: what it says is bounded before anybody searches or stores it. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../platform/clock.ts'
import { openSmtpConnection, type OutgoingMail } from './connection.ts'
import { MOST_TEXT } from './result.ts'

let server: Server
const sockets = new Set<Socket>()
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

async function hostile(onLine: (line: string, socket: Socket) => void): Promise<number> {
  server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.write('220 evil ESMTP\r\n')
    socket.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString('latin1').split('\r\n').filter(Boolean)) onLine(line, socket)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const open = (port: number) =>
  openSmtpConnection({
    target: { host: '127.0.0.1', port, protocol: 'smtp', tls: 'none' },
    helo: 'mx.test',
    clock: systemClock,
  })
const mail: OutgoingMail = {
  from: 'a@corp.test',
  size: 3,
  smtputf8: false,
  eightbit: false,
  ret: null,
  envid: null,
  recipients: [{ address: 'b@evil.test', notify: null, orcpt: null }],
  body: () => [Buffer.from('x\r\n')],
}

test('a reply of 800 KB is cut to what a person reads', async () => {
  const long = `${`550-${'<'.repeat(4000)}\r\n`.repeat(199)}550 ${'<'.repeat(4000)}\r\n`
  const port = await hostile((line, socket) => {
    socket.write(line.startsWith('EHLO') ? '250 evil\r\n' : line.startsWith('MAIL') ? long : '250 ok\r\n')
  })
  const connection = await open(port)
  const [result] = await connection.send(mail)
  expect(result!.outcome).toBe('refused')
  expect(result!.text.length).toBeLessThanOrEqual(MOST_TEXT)
  connection.destroy()
})

test('replies that nobody asked for do not fill the memory: the connection ends', async () => {
  const flood = Buffer.from('250 and another thing\r\n'.repeat(10_000))
  const port = await hostile((line, socket) => {
    socket.write('250 evil\r\n')
    if (line.startsWith('EHLO')) for (let i = 0; i < 50; i++) socket.write(flood)
  })
  const connection = await open(port).catch((error: unknown) => error as Error)
  if (!(connection instanceof Error)) {
    await expect
      .poll(() => [...sockets].every((socket) => socket.destroyed || socket.closed), { timeout: 5000 })
      .toBe(true)
    expect(connection.usable()).toBe(false)
  }
})

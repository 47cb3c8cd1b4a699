/**
 * Senders who mean ill, at the real process: floods of commands whose answers nobody reads, thousands of broken connections,
 * recipients by the ten thousand, sockets that are half closed. A neighbour sends all the while, from an address of its own:
 * each of its messages is taken in good time and arrives once, and the process keeps its size.
 */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { greet, openLine, transact } from '../server/testkit/smtp-send.ts'
import { startStandIn } from '../server/testkit/stand-in/stand-in.ts'
import type { StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { sleep, until } from './peers/processes.ts'

const alice = 'alice@calm.test'
const MEGABYTE = 2 ** 20
/** What may come and go: buffers of the kernel's size for each connection, and the garbage of a busy minute. */
const ROOM = 120 * MEGABYTE
/** A message of the neighbour's takes milliseconds; on a machine that does ten things at once, this. */
const GOOD_TIME_MS = 10_000
/** Whose bytes do not move for so long is not read from. */
const STUCK_MS = 2000

let installation: Installation
let server: RunningHoldfast
let primary: StandIn
let sink: StandIn
let count = 0

beforeAll(async () => {
  primary = await startStandIn({ mailboxes: [alice] })
  sink = await startStandIn()
  // the counts of commands and errors would end most floods before they are any
  const smtp = { commands: 100_000_000, errors: 100_000_000 }
  installation = createInstallation({ name: 'calm', config: { smtp } })
  server = await installation.start()
  await declareOrganisation(installation, {
    domain: 'calm.test',
    people: ['alice'],
    primaryPort: primary.port,
    outboundPort: sink.port,
    probe: false,
  })
  // what a first message makes the process grow by is nobody's attack
  await whileNeighbourSends(() => sleep(500))
})
afterAll(async () => {
  await server.stop()
  await installation.remove()
  await primary.close()
  await sink.close()
})

const memory = (): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))![1]) * 1024

/** Attacks come from addresses of their own, as many as their limit for one address makes necessary. */
function intrude(from: string): Socket {
  const socket = connect({ port: server.ports.mx, host: '127.0.0.1', localAddress: from })
  socket.on('error', () => undefined)
  return socket
}
const intruders = ['127.0.1.1', '127.0.1.2', '127.0.1.3', '127.0.1.4', '127.0.1.5']

/** Runs `attack` while the neighbour sends; looks at its mail, at its slowest message, and at how far the process grew. */
async function whileNeighbourSends(attack: () => Promise<void>): Promise<void> {
  const before = memory()
  const attacking = { now: true }
  let most = before
  let slowest = 0
  const nonces: string[] = []
  const neighbour = async (): Promise<void> => {
    while (attacking.now) {
      const nonce = `calm-${++count}`
      const began = Date.now()
      const line = openLine(server.ports.mx, { localAddress: '127.0.0.8' })
      await greet(line)
      const bytes = Buffer.from(`X-Nonce: ${nonce}\r\n\r\nhello\r\n`)
      const sent = await transact(line, { from: 'n@outside.test', to: [alice] }, bytes)
      line.close()
      expect(sent.final?.code).toBe(250)
      nonces.push(nonce)
      slowest = Math.max(slowest, Date.now() - began)
      most = Math.max(most, memory())
      await sleep(20)
    }
  }
  const going = neighbour()
  try {
    await attack()
  } finally {
    attacking.now = false
    await going
  }
  const arrivals = (nonce: string): number => primary.store.all().filter((mail) => mail.nonce === nonce).length
  await until('all of it at the primary', () => nonces.every((nonce) => arrivals(nonce) > 0))
  expect(nonces.filter((nonce) => arrivals(nonce) !== 1)).toEqual([])
  expect(nonces.length).toBeGreaterThan(0)
  expect(slowest).toBeLessThan(GOOD_TIME_MS)
  expect(most - before).toBeLessThan(ROOM)
}
/** Until the other side takes no more of it, has ended the connection, or 10 MB are through; how much it took. */
async function pourUntilStuck(socket: Socket, piece: Buffer): Promise<number> {
  socket.pause()
  socket.write('EHLO x\r\n')
  let poured = 0
  while (poured < 10 * MEGABYTE && !socket.destroyed) {
    const isThrough = new Promise<boolean>((resolve) => {
      socket.write(piece, (error) => resolve(!error))
    })
    if (!(await Promise.race([isThrough, sleep(STUCK_MS).then(() => false)]))) break
    poured += piece.length
  }
  socket.destroy()
  return poured
}
const ended = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
  })
/** Sessions that the MX has open, as it says itself. */
async function sessions(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${server.ports.http}/metrics`)).text()
  return Number(/^holdfast_smtp_sessions\{[^}]*listener="mx"[^}]*\} (\d+)$/m.exec(text)?.[1] ?? Number.NaN)
}

describe('the neighbour has peace while', () => {
  const attack = (piece: Buffer): Promise<number>[] =>
    Array.from({ length: 10 }, (_, n) => pourUntilStuck(intrude(intruders[n % intruders.length]!), piece))

  test.each([
    ['commands', 'NOOP\r\n'],
    ['commands with long answers', 'EHLO x\r\n'],
    // answers longer than what they answer: the buffers of two kernels do not hold them
    ['rubbish', 'x\r\n'],
  ])('ten others pour in 10 MB of %s each and read no answer: they are not read from for long', async (_name, text) => {
    const piece = Buffer.from(text.repeat(Math.ceil(65_536 / text.length)))
    await whileNeighbourSends(async () => {
      // what lies in the buffers of the two kernels, and no more
      expect(Math.max(...(await Promise.all(attack(piece))))).toBeLessThan(10 * MEGABYTE)
    })
  })

  test.each([
    ['a line that never ends', 'x'],
    ['NULs', '\0'],
  ])('ten others pour in 10 MB of %s each: thrown away', async (_name, text) => {
    const piece = Buffer.from(text.repeat(65_536))
    await whileNeighbourSends(async () => {
      await Promise.all(attack(piece))
    })
  })

  test('ten others pour in recipients by the ten thousand', async () => {
    const flood = Array.from({ length: 10_000 }, (_, n) => `RCPT TO:<alice+${n}@calm.test>\r\n`).join('')
    await whileNeighbourSends(async () => {
      const sockets = Array.from({ length: 10 }, (_, n) => intrude(intruders[n % intruders.length]!))
      for (const socket of sockets) {
        socket.resume()
        socket.write(`EHLO x\r\nMAIL FROM:<a@outside.test>\r\n${flood}QUIT\r\n`)
      }
      await Promise.all(sockets.map(ended))
    })
  })

  test('ten thousand connections are broken at every point of a session', async () => {
    const points = [
      '',
      'EHLO x\r\n',
      'EHLO x\r\nMAIL FROM:<a@outside.test>\r\n',
      `EHLO x\r\nMAIL FROM:<a@outside.test>\r\nRCPT TO:<${alice}>\r\n`,
      `EHLO x\r\nMAIL FROM:<a@outside.test>\r\nRCPT TO:<${alice}>\r\nDATA\r\n`,
      `EHLO x\r\nMAIL FROM:<a@outside.test>\r\nRCPT TO:<${alice}>\r\nDATA\r\nX-Nonce: broken\r\n\r\nhalf`,
      `EHLO x\r\nMAIL FROM:<a@outside.test>\r\nRCPT TO:<${alice}>\r\nBDAT 100\r\nX-Nonce: broken\r\n\r\nhalf`,
      'EHLO x\r\nSTARTTLS\r\n\x16\x03\x01',
    ]
    let done = 0
    const one = async (n: number): Promise<void> => {
      const socket = intrude(intruders[n % intruders.length]!)
      await new Promise<void>((resolve) => {
        socket.once('connect', () => socket.write(points[n % points.length]!, () => resolve()))
        socket.once('close', () => resolve())
      })
      if (n % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
      socket.resetAndDestroy()
      await ended(socket)
      done += 1
    }
    await whileNeighbourSends(async () => {
      let next = 0
      const lane = async (): Promise<void> => {
        while (next < 10_000) await one(next++)
      }
      await Promise.all(Array.from({ length: 40 }, lane))
    })
    expect(done).toBe(10_000)
    expect(primary.store.all().filter((mail) => mail.nonce === 'broken')).toEqual([])
  })

  test('sockets are half closed: what was complete is answered, what was not is nothing', async () => {
    const begin = `EHLO x\r\nMAIL FROM:<a@outside.test>\r\nRCPT TO:<${alice}>\r\nDATA\r\n`
    const tell = (text: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect({
          port: server.ports.mx,
          host: '127.0.0.1',
          localAddress: intruders[0],
          allowHalfOpen: true,
        })
        let said = ''
        socket.on('data', (chunk: Buffer) => (said += chunk.toString()))
        socket.on('error', () => undefined)
        socket.on('close', () => resolve(said))
        socket.on('end', () => socket.destroy())
        socket.end(text)
      })
    await whileNeighbourSends(async () => {
      expect(await tell(`${begin}X-Nonce: half-1\r\n\r\nwhole\r\n.\r\n`)).toMatch(/250 2\.0\.0 Ok: queued as \S+\r\n$/)
      expect(await tell(`${begin}X-Nonce: half-2\r\n\r\nno end\r\n`)).toMatch(/354 [^\r\n]+\r\n$/)
      expect(await tell(`${begin}X-Nonce: half-3\r\n\r\nno end\r\n.\r`)).toMatch(/354 [^\r\n]+\r\n$/)
      expect(await tell('EHLO x')).toMatch(/^220 [^\r\n]+\r\n$/)
      expect(await tell('')).toMatch(/^220 [^\r\n]+\r\n$/)
    })
    const halves = primary.store.all().flatMap(({ nonce }) => (nonce?.startsWith('half-') ? [nonce] : []))
    expect(halves).toEqual(['half-1'])
  })
})

test('nobody is left, nothing was unexpected, and every invariant holds', async () => {
  await until('no session', async () => (await sessions()) === 0)
  const errors = server
    .log()
    .split('\n')
    .filter((line) => line.includes('"level":"error"'))
  expect(errors).toEqual([])
  const check = await installation.cli(['check', '--json'])
  expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
})
